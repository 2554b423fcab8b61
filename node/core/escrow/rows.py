"""What a node remembers about exchanges, as frozen rows (escrow sections 3 and 7)."""

from dataclasses import dataclass
from enum import IntEnum, unique
from hashlib import sha256
from typing import ClassVar

from node.core.keyed import Key, Keyed
from proto.escrow.reasons import EscrowReason
from proto.keys import NodeId
from proto.money import Brand


@unique
class DealPhase(IntEnum):
    """Life of an exchange at its initiator and at its coordinator; * final.

    PROPOSED → JOINED → PREPARING → SHARING → DECIDING → SETTLING | RETURNING → CLOSED*. FAILED*
    ends it while nothing is at risk. HANDED: another coordinator has it, and we look after it.
    """

    PROPOSED = 1  # seats are asked to join
    JOINED = 2  # the terms are fixed; receivers accept
    PREPARING = 3  # givers prepare
    SHARING = 4  # receivers have every promise, and sign
    DECIDING = 5  # the commit is at the registry, or its refusal is waited for
    SETTLING = 6  # committed; the certificate goes round
    RETURNING = 7  # aborted; the certificate goes round
    CLOSED = 8
    FAILED = 9
    HANDED = 10

    @property
    def final(self) -> bool:
        return self in (DealPhase.CLOSED, DealPhase.FAILED)


@dataclass(frozen=True)
class Deal(Keyed):
    """An exchange that this node initiated or coordinates.

    Lists are in the order of the proposal's seats (`joins`, `shares`) or legs (`accepts`,
    `promises`), and hold b"" for what is still missing: signed Join letters, where legs
    arrive, shares as Evidence, and registrars' signed promises. `due_at_us`: when its phase is
    looked at again. `blamed`: the seat because of which it did not come about. `waiting`: letters
    and batches under way after the decision.
    """

    table: ClassVar[str] = "deal"
    id: bytes
    phase: DealPhase
    proposal: bytes
    created_at_us: int
    due_at_us: int
    fixed_at_us: int = 0
    commit: bytes = b""
    descriptor: bytes = b""
    openings: tuple[bytes, ...] = ()
    joins: tuple[bytes, ...] = ()
    accepts: tuple[bytes, ...] = ()
    promises: tuple[bytes, ...] = ()
    shares: tuple[bytes, ...] = ()
    decline_preimage: bytes = b""
    ended_at_us: int = 0
    because: EscrowReason = EscrowReason.NONE
    blamed: str = ""
    waiting: int = 0

    def _key(self) -> Key:
        return self.table, self.id, b""


@unique
class SeatPhase(IntEnum):
    """Life of a seat of ours: INVITED → JOINED → FIXED → SIGNED → DELIVERED* | RETURNED*.

    From FIXED on only a certificate ends it. WITHDRAWN* ends it before.
    """

    INVITED = 1
    JOINED = 2
    FIXED = 3
    SIGNED = 4
    DELIVERED = 5
    RETURNED = 6
    WITHDRAWN = 7

    @property
    def final(self) -> bool:
        return self > SeatPhase.SIGNED


@dataclass(frozen=True)
class Seat(Keyed):
    """A seat of ours in somebody's proposal, whose id is `deal`: the one that stands there at
    position `at`.

    `seed` makes its one-time committer key and the capabilities of its holds; it never leaves the
    store. `accounts`, `held`, `given` and `promised` are in the order of the proposal's legs, and
    hold b"" for nothing.
    `accounts`: registrar and slot of ours; `held`: where a leg arrives, once it is vetted;
    `given`: a leg of ours, ASKED and then its promise; `promised`: registrars' promises of what we
    want. `wants`: numbers of legs, one byte each; `commits`: whether it signs. `options`: JSON,
    what the owner allows. `waiting`: batches under way after the decision. `confirmation`: the
    approval by which a person of ours has taken it; empty where the owner did.
    """

    table: ClassVar[str] = "seat"
    deal: bytes
    at: int
    seat: str
    phase: SeatPhase
    proposal: bytes
    invited_at_us: int
    seed: bytes = b""
    descriptor: bytes = b""
    commit: bytes = b""
    openings: tuple[bytes, ...] = ()
    coordinator: str = ""
    accounts: tuple[bytes, ...] = ()
    wants: bytes = b""
    commits: bool = False
    held: tuple[bytes, ...] = ()
    given: tuple[bytes, ...] = ()
    promised: tuple[bytes, ...] = ()
    share: bytes = b""
    options: str = "{}"
    waiting: int = 0
    ended_at_us: int = 0
    because: EscrowReason = EscrowReason.NONE
    confirmation: bytes = b""

    def _key(self) -> Key:
        return self.table, self.deal, bytes((self.at,))

    @property
    def id(self) -> bytes:
        """16 bytes that name it to people and in what it makes."""
        return seat_id(self.deal, self.seat)


def seat_id(proposal: bytes, seat: str) -> bytes:
    """16 bytes, from the proposal's id and the seat's name: one node may sit on several."""
    return sha256(b"pledgeway/seat-id/v1\0" + proposal + seat.encode()).digest()[:16]


@unique
class LetterKind(IntEnum):
    """Which service a letter goes to."""

    LETTER = 1  # Escrow.Post
    BATCH = 2  # Registrar.Batch


@unique
class Step(IntEnum):
    """What a batch to a registrar is for: its answer is taken up accordingly."""

    NONE = 0
    ACCEPT = 1
    GIVE = 2
    SETTLE = 3
    COLLECT = 4
    CANCEL = 5
    POOL = 6
    STAKE = 7
    SEAL_VOTE = 8
    OPEN_VOTE = 9


@dataclass(frozen=True)
class Letter(Keyed):
    """Something to be said until it is answered (escrow section 9); then its words go.

    `payload` is what is signed when it leaves: a Letter or an OpBatch. `id`: 32 bytes, the hash of
    the payload. `deal`: the proposal that it belongs to; `seat`, `step` and `no`: of a batch,
    whose, for what, and the leg.
    """

    table: ClassVar[str] = "letter"
    id: bytes
    kind: LetterKind
    receiver: NodeId
    card: str
    payload: bytes
    deal: bytes
    created_at_us: int
    next_at_us: int
    tries: int = 0
    seat: str = ""
    step: Step = Step.NONE
    no: int = 0
    answered: bool = False

    def _key(self) -> Key:
        return self.table, self.id, b""


@dataclass(frozen=True)
class Account(Keyed):
    """An account of ours at a registrar. `capability` and `terms` (may be empty) are secrets.

    `slot`: the brand's GUID, and behind it the label of any account of it but the usual one.
    `account` is its id there, `right` the registrar's signed description of the brand, `card` how
    to reach it.
    """

    table: ClassVar[str] = "account"
    registrar: NodeId
    slot: bytes
    account: bytes
    brand: Brand
    capability: bytes
    terms: bytes
    card: str
    right: bytes
    opened_at_us: int = 0

    def _key(self) -> Key:
        return self.table, self.registrar, self.slot


@dataclass(frozen=True)
class KnownRight(Keyed):
    """A registrar's signed description of a right, and how to reach it: proposals name it."""

    table: ClassVar[str] = "known_right"
    brand: bytes
    right: bytes
    card: str
    learned_at_us: int

    def _key(self) -> Key:
        return self.table, self.brand, b""


@dataclass(frozen=True)
class Standing(Keyed):
    """What the owner lets a seat join by itself. `rule`: JSON, read by node.escrow.standing."""

    table: ClassVar[str] = "standing"
    id: bytes
    rule: str
    created_at_us: int
    ended: bool = False

    def _key(self) -> Key:
        return self.table, self.id, b""
