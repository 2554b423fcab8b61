"""The registrar's rows: frozen values. Amounts are whole units of their brand, times µs UTC."""

from dataclasses import dataclass
from enum import IntEnum, unique
from functools import lru_cache
from hashlib import sha256
from typing import Final

from node.registrar.pool_rows import PoolRow
from proto.escrow.ops import CapabilityKind, LegPhase
from proto.escrow.rights import Right, read_right
from proto.fees import Fee
from proto.limits import ACCOUNT_ID_BYTES, MAX_AMOUNT
from proto.money import Rate

ANY: Final = MAX_AMOUNT  # room of a hold that may receive whatever there is
RIGHTS_KEPT: Final = 4096  # some 8 MB; each is asked for in every op on its brand
EVERY_BRAND: Final = b""  # of a listing


@lru_cache(maxsize=RIGHTS_KEPT)
def _right(signed: bytes) -> Right:
    return read_right(signed)


@dataclass(frozen=True, slots=True)
class Brand:
    """A kind of right that is kept here. `signed`: its description, as everybody is shown it."""

    guid: bytes
    name: str
    kind: str
    attributes: str
    signed: bytes

    @property
    def key(self) -> tuple[bytes, ...]:
        return (self.guid,)

    @property
    def right(self) -> Right:
        """What the description says. `supply` is what has been issued."""
        return _right(self.signed)


@dataclass(frozen=True, slots=True)
class Account:
    """Units of one brand that are one node's.

    `reserved`: units that open holds may bring back and legs may return; `ceiling`: most that the
    account may come to, 0 = any; `holds` and `capabilities`: how many there are.
    """

    id: bytes
    brand: bytes
    owner: bytes
    balance: int = 0
    reserved: int = 0
    ceiling: int = 0
    holds: int = 0
    capabilities: int = 0
    frozen: bool = False

    @property
    def key(self) -> tuple[bytes, ...]:
        return (self.id,)


@dataclass(frozen=True, slots=True)
class Hold:
    """Units on their way, known by the hash of their capability.

    `room`: most that it may contain; `expected`: of it what prepared legs will bring; `locks`:
    prepared legs that it is an end of; `result`: what its refund gave, `gone_at_us`: when (0: not).
    """

    hash: bytes
    account: bytes
    amount: int
    room: int
    only_for: bytes = b""
    expected: int = 0
    locks: int = 0
    gone_at_us: int = 0
    result: int = 0

    @property
    def key(self) -> tuple[bytes, ...]:
        return (self.hash,)

    @property
    def gone(self) -> bool:
        return self.gone_at_us > 0

    @property
    def free(self) -> int:
        """Units that it may still be given."""
        return self.room - self.amount - self.expected


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg of a transaction, for ever: nothing else is ever written under its number."""

    commit: bytes
    no: int
    phase: LegPhase
    source: bytes  # account
    source_hold: bytes
    brand: bytes
    amount: int
    final_after_us: int  # from then on its registries answer finally
    since_us: int
    # Empty where it was only fenced:
    destination: bytes = b""  # account
    destination_hold: bytes = b""
    fee: int = 0
    terms: bytes = b""
    descriptor: bytes = b""
    promise: bytes = b""
    certificate: bytes = b""

    @property
    def key(self) -> tuple[bytes | int, ...]:
        return (self.commit, self.no)


@dataclass(frozen=True, slots=True)
class Capability:
    """What a token is good for, by its hash. `holder`: the node that it is bound to, or empty."""

    hash: bytes
    kind: CapabilityKind
    account: bytes
    terms: bytes = b""
    holder: bytes = b""

    @property
    def key(self) -> tuple[bytes, ...]:
        return (self.hash,)


@dataclass(frozen=True, slots=True)
class Terms:
    """On which conditions rights of a brand are transferred. The terms that come with accounts bear
    their brand's GUID. Minutes of the UTC day; the same twice: all day. `cap`: 0 = any amount."""

    id: bytes
    brand: bytes
    rate_nano: int
    flat: int
    from_minute: int = 0
    to_minute: int = 0
    cap: int = 0
    revoked: bool = False
    note: str = ""

    @property
    def key(self) -> tuple[bytes, ...]:
        return (self.id,)

    @property
    def fee(self) -> Fee:
        return Fee(Rate(self.rate_nano), self.flat)

    def open_at(self, now_us: int) -> bool:
        """Whether these are its hours; they may pass midnight."""
        minute = now_us // 60_000_000 % 1440
        begin, end = self.from_minute, self.to_minute
        return begin <= minute < end if begin < end else minute >= begin or minute < end


@dataclass(frozen=True, slots=True)
class Listing:
    """A node that may open an account of a brand, or of every one."""

    brand: bytes
    node: bytes

    @property
    def key(self) -> tuple[bytes, ...]:
        return (self.brand, self.node)


@unique
class Act(IntEnum):
    """What an entry of the audit trail tells of."""

    ISSUE = 1  # from nobody to the treasury
    TRANSFER = 2
    LEG = 3
    LATE_LEG = 4  # delivered after it had been returned
    POOL = 5  # out of the pool of a sale; `no` is the branch, or 0


@dataclass(frozen=True, slots=True)
class Entry:
    """`amount` left `payer`; `fee` of it went to the registrar, the rest to `payee` (accounts)."""

    at_us: int
    act: Act
    brand: bytes
    payer: bytes
    payee: bytes
    amount: int
    fee: int = 0
    terms: bytes = b""
    commit: bytes = b""
    no: int = 0


Row = Brand | Account | Hold | Leg | Capability | Terms | Listing | PoolRow


def account_id(brand: bytes, owner: bytes, label: bytes = b"") -> bytes:
    """A node has one account of a brand under each label, and this is its id: 16 bytes."""
    return sha256(b"pledgeway/account/v1\0" + brand + owner + label).digest()[:ACCOUNT_ID_BYTES]
