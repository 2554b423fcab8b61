"""The rows in memory, with the look-ups that a step asks for. Owned by the engine alone.

It may run one group ahead of the disk; nothing leaves the process ahead of the disk. After a
failed write it is thrown away and loaded again.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

from node.core.people.rows import PERSONAL
from node.core.rows import (
    Account,
    Confirmation,
    Credential,
    Deal,
    Incident,
    Invitation,
    Key,
    KnownAgent,
    KnownDomain,
    KnownPayee,
    KnownRequester,
    KnownRight,
    Letter,
    Line,
    Mandate,
    Notice,
    Payment,
    Person,
    Promise,
    Purse,
    RecoveryCode,
    Request,
    Row,
    Sale,
    Seat,
    Session,
    Settled,
    Standing,
    Transaction,
)
from node.core.view import Settings
from proto.keys import NodeId

Owned = TypeVar(
    "Owned",
    Payment,
    Request,
    Incident,
    Account,
    Deal,
    KnownAgent,
    KnownRight,
    Letter,
    Sale,
    Seat,
    Standing,
    Confirmation,
    Credential,
    Invitation,
    KnownDomain,
    KnownPayee,
    KnownRequester,
    Mandate,
    Notice,
    Person,
    Purse,
    RecoveryCode,
    Session,
)


class Memory:
    """Implements node.core.view.View."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.rows: dict[Key, Row] = {}
        self.row: Callable[[Key], Row | None] = self.rows.get
        self.versions: dict[Key, int] = {}
        self.links: set[NodeId] = set()
        self._promises: dict[bytes, dict[Key, None]] = {}
        self._lines: dict[NodeId, dict[Key, None]] = {}
        self._payments: dict[bytes, dict[Key, None]] = {}
        self._persons: dict[bytes, dict[Key, None]] = {}  # the rows of each
        self._ended: dict[Key, None] = {}  # confirmations that are over, few beside what waits
        # What the owner asks for by itself: few beside the promises and transactions of others.
        self._owned: dict[type[Row], dict[Key, None]] = {kind: {} for kind in Owned.__constraints__}
        # Transactions, payments and requests, those first that have not been looked at for longest.
        self.ageing: dict[Key, None] = {}

    def put(self, row: Row) -> None:
        """Takes a new or changed row. Keys never change."""
        key = row.key
        if not row.kept:
            return
        if isinstance(row, Confirmation):
            if key in self.rows:
                self._forget_person(self.rows[key])  # the one row whose person comes later
            self._ended.pop(key, None)
            if row.phase.final:
                self._ended[key] = None
        if isinstance(row, PERSONAL):
            self._persons.setdefault(row.person, {})[key] = None
        if key not in self.rows:
            match row:
                case Promise():
                    self._promises.setdefault(row.commit, {})[key] = None
                case Line():
                    self._lines.setdefault(row.peer, {})[key] = None
                case Payment():
                    self._payments.setdefault(row.request_hash, {})[key] = None
                    self.ageing[key] = self._owned[Payment][key] = None
                case Request():
                    self.ageing[key] = self._owned[Request][key] = None
                case Transaction():
                    self.ageing[key] = None
                case _ if type(row) in self._owned:
                    self._owned[type(row)][key] = None
                case _:
                    pass
        self.rows[key] = row

    def remove(self, row: Row) -> None:
        """Forgets a settled row, which the same group of writes takes off the disk."""
        key = row.key
        del self.rows[key]
        self.versions.pop(key, None)
        self.ageing.pop(key, None)
        self._ended.pop(key, None)
        self._forget_person(row)
        match row:
            case Promise():
                _take_out(self._promises, row.commit, key)
            case Payment():
                _take_out(self._payments, row.request_hash, key)
                del self._owned[Payment][key]
            case _ if type(row) in self._owned:
                del self._owned[type(row)][key]
            case _:
                pass

    def put_off(self, key: Key) -> None:
        """Moves a row to the end of those that age: it is not settled yet."""
        self.ageing[key] = self.ageing.pop(key)

    def settled(self, line: bytes) -> Settled:
        """What has left this line for the archive."""
        row = self.rows.get((Settled.table, line, b""), Settled(line))
        assert isinstance(row, Settled)
        return row

    def load(self, rows: Iterable[tuple[Row, int]]) -> None:
        """Forgets everything and takes what the disk says."""
        for cleared in (
            self.rows, self.versions, self.ageing, self._promises, self._lines, self._payments,
            self._persons, self._ended,
        ):  # fmt: skip
            cleared.clear()
        for owned in self._owned.values():
            owned.clear()
        for row, version in rows:
            self.put(row)
            self.versions[row.key] = version

    def promises_of(self, commit: bytes) -> list[Promise]:
        rows = self.rows
        return [cast(Promise, rows[key]) for key in self._promises.get(commit, ())]

    def lines(self) -> Iterator[Line]:
        """All of them, without a look at the many other rows."""
        for peer in self._lines:
            yield from self.lines_with(peer)

    def lines_with(self, peer: NodeId) -> Iterator[Line]:
        for key in self._lines.get(peer, ()):
            row = self.rows[key]
            assert isinstance(row, Line)
            yield row

    def payments_of(self, request_hash: bytes) -> Iterator[Payment]:
        for key in self._payments.get(request_hash, ()):
            row = self.rows[key]
            assert isinstance(row, Payment)
            yield row

    def of_person(self, person: bytes) -> list[Row]:
        """Credentials, sessions, purses, confirmations and mandates of a person; empty: of whom
        nobody is known yet, and the owner's."""
        return [self.rows[key] for key in self._persons.get(person, ())]

    def ended_confirmations(self) -> list[Confirmation]:
        """Those that are over and still here, without a look at all that wait."""
        return [cast(Confirmation, self.rows[key]) for key in self._ended]

    def waiting_for_nobody(self) -> int:
        """How many requests wait for somebody who has no account: a look at each person, and not
        at what waits for those who have one."""
        unknown = [p for p in self._persons if p and (Person.table, p, b"") not in self.rows]
        rows = (self.rows[key] for person in unknown for key in self._persons[person])
        return sum(isinstance(row, Confirmation) and row.phase.waiting for row in rows)

    def _forget_person(self, row: Row) -> None:
        if isinstance(row, PERSONAL):
            _take_out(self._persons, row.person, row.key)

    def owned(self, kind: type[Owned]) -> list[Owned]:
        """All rows of this kind, without a look at the many others."""
        return [cast(Owned, self.rows[key]) for key in self._owned[kind]]

    def connected(self, peer: NodeId) -> bool:
        return peer in self.links


def _take_out(index: dict[bytes, dict[Key, None]], at: bytes, key: Key) -> None:
    keys = index[at]
    del keys[key]
    if not keys:
        del index[at]
