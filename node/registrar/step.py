"""What an op sees and leaves behind: rows as they are by now, and a clean no. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn, Protocol, TypeVar

from node.registrar.rows import Account, Brand, Capability, Entry, Hold, Leg, Row, account_id
from proto.certificate import Certificate, CommitCertificate
from proto.descriptor import Descriptor
from proto.escrow.args import Arg
from proto.escrow.legs import LegPromise
from proto.escrow.ops import CapabilityKind, RegistrarError, capability_hash
from proto.escrow.rights import Right
from proto.keys import NodeId
from proto.sale.promise import PoolPromise
from proto.sale.votes import Rating

R = TypeVar("R", bound=Row)
Key = tuple[bytes | int, ...]


class View(Protocol):
    """The rows before the batch."""

    def find(self, kind: type[R], key: Key) -> R | None:
        """The row of this primary key."""
        ...

    def legs_of(self, commit: bytes) -> list[Leg]:
        """All legs of one transaction: at most MAX_LEGS."""
        ...


@dataclass(frozen=True, slots=True)
class House:
    """Whose registrar it is. `sign`, `describe`, `vouch` and `rate` give signed bytes; `judge`
    verifies a certificate or raises CertificateInvalid; `dominates`: whether this commit counts
    although an abort was applied before."""

    node: NodeId
    sign: Callable[[LegPromise], bytes]
    describe: Callable[[Right], bytes]
    vouch: Callable[[PoolPromise], bytes]
    rate: Callable[[Rating], bytes]
    judge: Callable[[Certificate, int], Descriptor]
    dominates: Callable[[CommitCertificate, int], bool]

    def treasury(self, brand: bytes) -> bytes:
        """The registrar's own account: what is issued begins there, and fees end there."""
        return account_id(brand, self.node)


class Refused(Exception):
    """The op cannot be done; nothing of its batch is."""

    def __init__(self, error: RegistrarError, figure: int = 0) -> None:
        super().__init__(error.name, figure)
        self.error = error
        self.figure = figure


def refuse(error: RegistrarError, figure: int = 0) -> NoReturn:
    """Ends the op."""
    raise Refused(error, max(0, figure))


class Step:
    """One batch under way: what it has changed so far lies over what there was."""

    def __init__(self, view: View, house: House, sender: bytes, now_us: int) -> None:
        self._view = view
        self._changed: dict[tuple[type, Key], Row] = {}
        self._gone: dict[tuple[type, Key], None] = {}
        self.entries: list[Entry] = []
        self.known = False  # whether the sender has shown a capability that is bound to it
        self.house = house
        self.sender = sender
        self.now_us = now_us

    @property
    def changes(self) -> tuple[Row, ...]:
        """Rows to write, each once."""
        return tuple(self._changed.values())

    @property
    def gone(self) -> tuple[tuple[type, Key], ...]:
        """Rows to remove: (kind, primary key)."""
        return tuple(self._gone)

    def find(self, kind: type[R], key: Key) -> R | None:
        at = (kind, key)
        if at in self._gone:
            return None
        found = self._changed.get(at)
        return found if isinstance(found, kind) else self._view.find(kind, key)

    def get(self, kind: type[R], *key: bytes | int) -> R:
        """A row that must be there."""
        found = self.find(kind, key)
        assert found is not None, (kind, key)
        return found

    def put(self, row: Row) -> None:
        self._gone.pop((type(row), row.key), None)
        self._changed[type(row), row.key] = row

    def remove(self, row: Row) -> None:
        self._changed.pop((type(row), row.key), None)
        self._gone[type(row), row.key] = None

    def legs_of(self, commit: bytes) -> list[Leg]:
        known: Mapping[Key, Leg] = {leg.key: leg for leg in self._view.legs_of(commit)}
        ours = {r.key: r for r in self._changed.values() if isinstance(r, Leg)}
        mine = {key: leg for key, leg in ours.items() if leg.commit == commit}
        return sorted({**known, **mine}.values(), key=lambda leg: leg.no)

    # ------------------------------------------------------------------ what ops ask first

    def capability(self, arg: Arg, *kinds: CapabilityKind) -> Capability:
        """A capability that is good for this, in the hands of whom it is bound to."""
        assert isinstance(arg, bytes)
        found = self.find(Capability, (capability_hash(arg),))
        if found is None or found.kind not in kinds or found.holder not in (b"", self.sender):
            refuse(RegistrarError.NOT_ALLOWED)
        self.known = self.known or bool(found.holder)
        return found

    def account(self, arg: Arg, *kinds: CapabilityKind) -> Account:
        """The account of such a capability."""
        return self.get(Account, self.capability(arg, *kinds).account)

    def hold(self, arg: Arg) -> Hold:
        """A hold, gone or not; one that nobody has made may still be on its way."""
        assert isinstance(arg, bytes)
        found = self.find(Hold, (capability_hash(arg),))
        return found if found is not None else refuse(RegistrarError.NOT_YET)

    def open_hold(self, arg: Arg) -> Hold:
        """A hold that is still there."""
        hold = self.hold(arg)
        if hold.gone:
            refuse(RegistrarError.GONE, hold.result)
        return hold

    def brand(self, guid: bytes) -> Brand:
        return self.get(Brand, guid)

    def fresh(self, capability: bytes) -> bytes:
        """The hash of a capability that is not in use."""
        hashed = capability_hash(capability)
        if self.find(Capability, (hashed,)) or self.find(Hold, (hashed,)):
            refuse(RegistrarError.REPEATED_OTHERWISE)
        return hashed
