"""What a step may read, and the draft in which it writes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

from node.core.effects import Effect, Send
from node.core.rows import Key, Line, Payment, Promise, Request, Row, Transaction
from proto.fees import Exchange, FeeSet, RegistryFee
from proto.keys import NodeId
from proto.lateness import LateRules
from proto.limits import DEFAULT_HOLD_MAX_US, MAX_AMOUNT
from proto.messages import Body
from proto.registry_record import RegistryRecord

# Of one neighbour, each way. Each costs some 4 KiB of memory and disk until it ends: 16 MiB, which
# a thousand neighbours may ask for, and eight times what one needs for 500 payments/s at 1 s each.
MAX_PENDING_COUNT = 4096


@dataclass(frozen=True, slots=True)
class Caps:
    """What one neighbour may hold of this node at a time, each way (node.core.caps).

    `pending_amount` in smallest units, `held_value_s` in smallest units × seconds; both of one
    line, and without a bound beyond the line's limit until the owner sets one.
    """

    pending_count: int = MAX_PENDING_COUNT
    pending_amount: int = MAX_AMOUNT
    held_value_s: int = MAX_AMOUNT


@dataclass(frozen=True, slots=True)
class Settings:
    """The owner's terms. `line_fees` replace `fees` for promises given over that line."""

    node: NodeId
    fees: FeeSet
    registry_fees: Mapping[bytes, RegistryFee] = field(default_factory=dict)
    accepts: frozenset[bytes] = frozenset()
    records: Mapping[bytes, RegistryRecord] = field(default_factory=dict)
    exposed: frozenset[bytes] = frozenset()
    watches_registry: bool = False
    hold_max_us: int = DEFAULT_HOLD_MAX_US
    exchange: tuple[Exchange, ...] = ()
    line_fees: Mapping[bytes, FeeSet] = field(default_factory=dict)
    line_registry_fees: Mapping[bytes, Mapping[bytes, RegistryFee]] = field(default_factory=dict)
    late_rules: LateRules = field(default_factory=dict)
    clock_error_us: int = 0
    max_pending_count: int = MAX_PENDING_COUNT
    max_pending_amount: int = MAX_AMOUNT
    max_held_value_s: int = MAX_AMOUNT

    @property
    def usable(self) -> frozenset[bytes]:
        """Registries that the owner accepts and whose certificates this node can verify.

        Without a record every claim under it would be denied: that is no trust.
        """
        return self.accepts & self.known

    @property
    def known(self) -> frozenset[bytes]:
        """Registries whose certificates this node can verify and has no proof against.

        The records of those proven to cheat stay: what was trusted to them is settled by them.
        """
        return frozenset(self.records) - self.exposed


class View(Protocol):
    """The rows concerned, read only."""

    @property
    def settings(self) -> Settings: ...
    def row(self, key: Key) -> Row | None: ...
    def promises_of(self, commit: bytes) -> Iterable[Promise]: ...
    def lines_with(self, peer: NodeId) -> Iterable[Line]: ...
    def payments_of(self, request_hash: bytes) -> Iterable[Payment]: ...
    def connected(self, peer: NodeId) -> bool: ...
    def of_person(self, person: bytes) -> Iterable[Row]: ...


class Step:
    """One application of an event: reads through its own changes, collects effects.

    It lives inside one call of `apply` and never leaves it; the view is not touched.
    """

    __slots__ = ("_promises", "_row", "_rows", "effects", "now_us", "settings", "view")

    def __init__(self, view: View, now_us: int) -> None:
        self.view = view
        self.settings = view.settings
        self.now_us = now_us
        self.effects: list[Effect] = []
        self._row = view.row
        self._rows: dict[Key, Row] = {}
        # As they stand in this step, by commit_id: a step asks several times for the same ones.
        self._promises: dict[bytes, dict[Key, Promise]] = {}

    @property
    def changes(self) -> tuple[Row, ...]:
        return tuple(self._rows.values())

    def row(self, key: Key) -> Row | None:
        return self._rows.get(key) or self._row(key)

    def line(self, line: bytes) -> Line | None:
        return cast(Line | None, self.row(("line", line, b"")))

    def the_line(self, line: bytes) -> Line:
        """The line of a promise that exists. Its absence would be our bug."""
        found = self.line(line)
        assert found is not None, line.hex()
        return found

    def promise(self, promisor: NodeId | bytes, promise: bytes) -> Promise | None:
        return cast(Promise | None, self.row(("promise", promisor, promise)))

    def transaction(self, commit: bytes) -> Transaction | None:
        return cast(Transaction | None, self.row(("transaction", commit, b"")))

    def the_transaction(self, commit: bytes) -> Transaction:
        found = self.transaction(commit)
        assert found is not None, commit.hex()
        return found

    def payment(self, payment: bytes) -> Payment | None:
        return cast(Payment | None, self.row((Payment.table, payment, b"")))

    def request(self, request: bytes) -> Request | None:
        return cast(Request | None, self.row((Request.table, request, b"")))

    def promises_of(self, commit: bytes) -> list[Promise]:
        """Promises under one commit_id, in the order in which they were made."""
        known = self._promises.get(commit)
        if known is None:
            known = {p.key: p for p in self.view.promises_of(commit)}
            for row in self._rows.values():
                if isinstance(row, Promise) and row.commit == commit:
                    known[row.key] = row
            self._promises[commit] = known
        return list(known.values())

    def promises_for(self, owner: Payment | Request) -> list[Promise]:
        """The promises of the live attempt of a payment or request, and of no other beside it."""
        if not owner.commit:
            return []
        return [p for p in self.promises_of(owner.commit) if p.owner == owner.id]

    def put(self, row: Row) -> None:
        self._rows[row.key] = row
        if self._promises and isinstance(row, Promise) and row.commit in self._promises:
            self._promises[row.commit][row.key] = row

    def send(self, peer: NodeId, body: Body) -> None:
        self.effects.append(Send(peer, body))
