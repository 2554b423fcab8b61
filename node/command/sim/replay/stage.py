"""Real cores under a clock: messages take time, and a node exists once a chain leads to it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from heapq import heappop, heappush
from typing import Final

from node.command.sim.cast import SECOND, CastRegistry, digest, signing_key
from node.command.sim.cores.books import Books
from node.command.sim.cores.judge import Judge
from node.command.sim.cores.plan import USD
from node.command.sim.cores.world import Call, Deliver, Node, World
from node.core.apply import Applied
from node.core.due import due_us
from node.core.events import Due, Event
from node.core.rows import Key, Line, LinePhase, Payment, Promise, Row
from node.core.view import Settings
from pathfinder.network import Node as Terms
from proto.envelope import Envelope
from proto.keys import NodeId, SealKey
from proto.limits import GRACE_US
from proto.messages import Body, Claim, decode

HOP_US: Final = 30_000  # one message to a neighbour: between two towns of one continent
REGISTRY_US: Final = 30_000  # one way
WITHHELD_US: Final = 20 * SECOND  # a claim on a promise that has no expiry: beyond any deadline


class IndexedBooks(Books):
    """The same rows; a hub's thousand lines are found by neighbour."""

    def __init__(self, settings: Settings, connected: Callable[[NodeId], bool]) -> None:
        super().__init__(settings, connected)
        self._lines: dict[bytes, dict[Key, None]] = {}
        self._paying: dict[bytes, dict[Key, None]] = {}

    def write(self, changes: Iterable[Row]) -> None:
        changes = list(changes)
        super().write(changes)
        for row in changes:
            if isinstance(row, Line):
                self._lines.setdefault(row.peer, {})[row.key] = None
            elif isinstance(row, Payment):
                self._paying.setdefault(row.request_hash, {})[row.key] = None

    def lines_with(self, peer: NodeId) -> list[Line]:
        found = [self.rows[key] for key in self._lines.get(peer, ())]
        return [row for row in found if isinstance(row, Line)]

    def payments_of(self, request_hash: bytes) -> list[Payment]:
        found = [self.rows[key] for key in self._paying.get(request_hash, ())]
        return [row for row in found if isinstance(row, Payment)]


class Stage(World):
    """A world whose time passes by itself. `moved`: lines that changed since it was last emptied,
    as (promisor, promisee)."""

    def __init__(self, terms: Mapping[str, Terms], registries: Mapping[str, CastRegistry]) -> None:
        super().__init__()
        self._terms = terms
        self._ids = {name: registry.id for name, registry in registries.items()}
        self._records = {r.id: r.record for r in registries.values()}
        self.judges = {n: Judge(n, r, self._records) for n, r in registries.items()}
        self.moved: dict[tuple[str, str], None] = {}
        self._thieves: dict[tuple[str, bytes], None] = {}
        self._back_us: dict[str, int] = {}
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._entries = 0

    # ------------------------------------------------------------------ time

    def at(self, when_us: int, what: Callable[[], None]) -> None:
        """Does it then, behind all that was said about the same moment before."""
        self._entries += 1
        heappush(self._agenda, (when_us, self._entries, what))

    def play(self, until_us: int) -> None:
        """All that happens up to then; what is later stays on the agenda."""
        while self._agenda and self._agenda[0][0] <= until_us:
            when_us, _, what = heappop(self._agenda)
            self.now_us = max(self.now_us, when_us)
            what()
        self.now_us = max(self.now_us, until_us)

    def _set_timer(self, node: Node, row: Row) -> None:
        due = due_us(row)
        if due is not None:
            self.at(max(due, self.now_us), partial(self._due, node, row.key, due))

    def _due(self, node: Node, key: Key, due: int) -> None:
        if due_us(node.books.rows[key]) != due:
            return
        if not self.is_up(node.name):
            self.at(self._back_us[node.name], partial(self._due, node, key, due))
            return
        self.event(node.name, Due(self.now_us, key))

    # ------------------------------------------------------------------ troubles

    def is_up(self, name: str) -> bool:
        return self._back_us.get(name, 0) <= self.now_us

    def joined(self, one: str, other: str) -> bool:
        return self.is_up(one) and self.is_up(other)

    def leave(self, name: str, back_us: int) -> None:
        """Gone until then: it hears, says and does nothing. Its rows stay."""
        self._back_us[name] = max(back_us, self._back_us.get(name, 0))

    def stop_registry(self, number: int, back_us: int) -> None:
        """One of them, counted in their order, answers nobody until then."""
        judge = list(self.judges.values())[number]
        judge.down = True
        self._back_us[judge.name] = max(back_us, self._back_us.get(judge.name, 0))
        self.at(back_us, partial(self._start_registry, judge))

    def _start_registry(self, judge: Judge) -> None:
        judge.down = not self.is_up(judge.name)

    def steal(self, name: str, commit: bytes) -> None:
        """This node will read claims under the commit when its own promise has run out."""
        self._thieves[name, commit] = None

    # ------------------------------------------------------------------ messages

    def written(self, node: Node, changes: Sequence[Row]) -> None:
        """Whole books are audited at intervals: to look at all of them each time is quadratic."""
        for row in changes:
            if isinstance(row, Line):
                self.moved[node.name, self._by_id[row.peer]] = None

    def post(self, sender: str, receiver: str, body: Body) -> None:
        super().post(sender, receiver, body)
        self.at(self.now_us + HOP_US, partial(self._arrive, sender, receiver))

    def _arrive(self, sender: str, receiver: str) -> None:
        if not self.joined(sender, receiver):
            back = max(self._back_us.get(sender, 0), self._back_us.get(receiver, 0))
            self.at(back + HOP_US, partial(self._arrive, sender, receiver))
            return
        box = self.nodes[sender].outbox[receiver]
        envelope = box.messages[box.sent][1]
        read_us = self._read_us(receiver, envelope)
        if read_us is None:
            self.do(Deliver(sender, receiver))
        else:
            self.intercept(sender, receiver)
            self.at(read_us, partial(self._read, receiver, envelope))

    def _read(self, receiver: str, envelope: bytes) -> None:
        self.receive(receiver, envelope)

    def _read_us(self, receiver: str, envelope: bytes) -> int | None:
        """When a thief reads this claim; None: nobody has a reason to wait."""
        if not self._thieves:
            return None
        claim = decode(Envelope.decode_unverified(envelope).payload)[2]
        commit = claim.evidence.commit_id if isinstance(claim, Claim) else b""
        if (receiver, commit) not in self._thieves:
            return None
        assert isinstance(claim, Claim)
        node = self.nodes[receiver]
        promise = node.books.rows.get((Promise.table, node.id, claim.promise))
        if not isinstance(promise, Promise):
            return None
        if promise.level.has_expiry:
            return max(promise.expires_at_us + 2 * GRACE_US, self.now_us)
        return max(promise.made_at_us + WITHHELD_US, self.now_us)

    def event(self, name: str, event: Event) -> Applied:
        applied = super().event(name, event)
        self._send_calls()
        return applied

    def _send_calls(self) -> None:
        """Questions and answers that were written just now set out."""
        calls, self.calls = self.calls, []
        for call in calls:
            self.at(self.now_us + REGISTRY_US, partial(self._call, call))

    def _call(self, call: Call) -> None:
        self.calls.append(call)
        self.do(call)
        self._send_calls()

    # ------------------------------------------------------------------ cores and lines

    def add(self, name: str, terms: Callable[[NodeId], Settings]) -> Node:
        key = signing_key("node " + name)
        books = IndexedBooks(terms(key.node_id), self._connected_to(name))
        node = Node(name, key, SealKey(digest("seal " + name)), books)
        self.nodes[name] = node
        self._by_id[node.id] = name
        return node

    def connect(self, one: str, other: str, rooms: tuple[int, int]) -> None:
        """Both cores and their line, unless they are there. `rooms`: what each can promise."""
        for name in (one, other):
            if name not in self.nodes:
                self.add(name, partial(self._settings, name))
        a, b = self.nodes[one], self.nodes[other]
        if a.books.lines_with(b.id):
            return
        line = digest(f"line {min(one, other)} {max(one, other)}")[:16]
        for node, peer, (out, into) in ((a, b, rooms), (b, a, rooms[::-1])):
            node.books.write([Line(line, peer.id, USD, LinePhase.OPEN, into, out)])

    def _settings(self, name: str, node: NodeId) -> Settings:
        terms = self._terms[name]
        fees = {self._ids[r]: fee for r, fee in terms.registry_fees.items()}
        return Settings(
            node=node,
            fees=terms.fees,
            registry_fees=fees,
            accepts=frozenset(self._ids[r] for r in terms.accepts),
            records=self._records,
            watches_registry=terms.watches_registry,
            hold_max_us=terms.hold_max_us,
        )

    def line(self, name: str, peer: str) -> Line:
        (line,) = self.nodes[name].books.lines_with(self.nodes[peer].id)
        return line
