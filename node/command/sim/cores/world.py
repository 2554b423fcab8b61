"""Several cores in one process: messages, registries, time and faults under the test's control.

Nothing here has a clock or draws a random number. Messages travel in signed envelopes, numbered
for each direction, and stay in their sender's outbox until they are acknowledged; a crash loses
what is volatile (questions and answers on their way, timers, acknowledgements) and nothing else.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from node.command.sim.cast import NOW_US, R1, R2, R3, RECORDS, digest, signing_key
from node.command.sim.cores.books import Books
from node.command.sim.cores.judge import Judge
from node.core.apply import Applied, apply
from node.core.deciding import with_statements
from node.core.due import due_us
from node.core.effects import Answer, AskRegistries, PeerFault, Send
from node.core.events import Due, Event, FromPeer, RegistrySaid
from node.core.invariants import check, check_step
from node.core.rows import (
    Ask,
    Direction,
    Incident,
    Key,
    Line,
    Promise,
    PromisePhase,
    Row,
    Transaction,
)
from node.core.view import Settings
from proto.descriptor import commit_id, decode_descriptor
from proto.envelope import Envelope
from proto.keys import NodeId, SealKey, SigningKey
from proto.messages import MESSAGE_KIND, Body, decode, encode
from proto.messages import Promise as PromiseMessage
from proto.onion import unwrap
from proto.statement import Outcome, SignedStatement
from registry.log import Logged

REGISTRIES = {"R1": R1, "R2": R2, "R3": R3}


@dataclass
class Outbox:
    """Messages for one neighbour. `sent` says how many of them are on the wire or beyond it."""

    messages: list[tuple[int, bytes]] = field(default_factory=list)
    last: int = 0
    sent: int = 0

    def copy(self) -> "Outbox":
        return Outbox(list(self.messages), self.last, self.sent)


@dataclass
class Node:
    """A core's rows and keys, its messages by neighbour, and what of it a crash would lose."""

    name: str
    key: SigningKey
    seal: SealKey
    books: Books
    outbox: dict[str, Outbox] = field(default_factory=dict)
    have: dict[str, int] = field(default_factory=dict)  # highest number taken from each neighbour
    timers: list[tuple[int, Key]] = field(default_factory=list)  # volatile

    @property
    def id(self) -> NodeId:
        return self.key.node_id

    @property
    def settings(self) -> Settings:
        return self.books.settings


@dataclass(frozen=True)
class Call:
    """A question on its way to a registry, or the answer on its way back. Volatile."""

    node: str
    registry: str
    commit: bytes
    ask: Ask
    final: SignedStatement | None = None
    evidence: bytes = b""
    answered: bool = False


@dataclass(frozen=True)
class Deliver:
    """The next message from one node to another arrives."""

    sender: str
    receiver: str


Action = Deliver | Call


class World:
    """Names -> nodes; `now_us` moves only where a test or a timer moves it."""

    def __init__(self) -> None:
        self.now_us = NOW_US
        self.nodes: dict[str, Node] = {}
        self.judges = {name: Judge(name, r, RECORDS) for name, r in REGISTRIES.items()}
        self.calls: list[Call] = []
        self.severed: set[frozenset[str]] = set()
        self.faults: list[tuple[str, str]] = []  # (who complains, about what)
        self.trace: list[str] = []
        self.drawn = 0
        self._by_id: dict[bytes, str] = {}

    def fork(self) -> "World":
        """A world that goes its own way from here on."""
        twin = World()
        twin.now_us, twin.drawn = self.now_us, self.drawn
        twin.judges = {name: judge.copy() for name, judge in self.judges.items()}
        twin.calls, twin.severed = list(self.calls), set(self.severed)
        twin.faults, twin.trace = list(self.faults), list(self.trace)
        twin._by_id = dict(self._by_id)
        for name, node in self.nodes.items():
            twin.nodes[name] = Node(
                name,
                node.key,
                node.seal,
                node.books.copy(twin._connected_to(name)),
                {peer: box.copy() for peer, box in node.outbox.items()},
                dict(node.have),
                list(node.timers),
            )
        return twin

    def draw(self, label: str) -> bytes:
        """32 bytes that no other call gets."""
        self.drawn += 1
        return digest(f"{label} {self.drawn}")

    def add(self, name: str, terms: Callable[[NodeId], Settings]) -> Node:
        key = signing_key("node " + name)
        books = Books(terms(key.node_id), self._connected_to(name))
        node = Node(name, key, SealKey(digest("seal " + name)), books)
        self.nodes[name] = node
        self._by_id[node.id] = name
        return node

    def _connected_to(self, name: str) -> Callable[[NodeId], bool]:
        return lambda peer: self.joined(name, self._by_id[peer])

    # ------------------------------------------------------------------ faults

    def joined(self, one: str, other: str) -> bool:
        return frozenset((one, other)) not in self.severed

    def sever(self, one: str, other: str) -> None:
        """Neither messages nor answers pass between two nodes, or a node and a registry."""
        self.severed.add(frozenset((one, other)))

    def heal(self, one: str, other: str) -> None:
        """Both sides say what they have; the rest is sent again."""
        self.severed.discard(frozenset((one, other)))
        for sender, receiver in ((one, other), (other, one)):
            if sender in self.nodes and receiver in self.nodes[sender].outbox:
                self.nodes[sender].outbox[receiver].sent = 0

    def heal_all(self) -> None:
        for pair in sorted(tuple(sorted(p)) for p in self.severed):
            self.heal(*pair)
        for judge in self.judges.values():
            judge.down = False

    def crash(self, name: str) -> None:
        """The process ends and starts again: volatile things are gone, the rows are not."""
        self.trace.append(f"crash {name}")
        self.calls = [call for call in self.calls if call.node != name]
        for peer in self.nodes:
            if name in self.nodes[peer].outbox:
                self.nodes[peer].outbox[name].sent = 0
        node = self.nodes[name]
        for box in node.outbox.values():
            box.sent = 0
        node.timers = []
        for row in node.books.rows.values():
            self._set_timer(node, row)

    # ------------------------------------------------------------------ one event

    def event(self, name: str, event: Event) -> Applied:
        """One event at one node: applied, checked, durable, and then spoken about."""
        node = self.nodes[name]
        applied = apply(node.books, event)
        assert len({row.key for row in applied.changes}) == len(applied.changes)
        check_step(node.books.rows, applied.changes)
        node.books.check_lasting(applied.changes)
        node.books.write(applied.changes)
        self.written(node, applied.changes)
        for row in applied.changes:
            self._set_timer(node, row)
        for effect in applied.effects:
            match effect:
                case Send():
                    self.post(name, self._by_id[effect.peer], effect.body)
                case AskRegistries():
                    self._ask(node, effect)
                case PeerFault():
                    self.faults.append((name, effect.cause))
                case Answer():
                    pass
        return applied

    def written(self, node: Node, changes: Sequence[Row]) -> None:
        """A step is durable. Here all books are looked at; a world of many books looks at less."""
        if changes:
            check(node.books.rows.values())

    def post(self, sender: str, receiver: str, body: Body) -> None:
        """Puts a message into the outbox, honest or not."""
        node = self.nodes[sender]
        payload = encode(node.id, self.nodes[receiver].id, body)
        box = node.outbox.setdefault(receiver, Outbox())
        box.last += 1
        box.messages.append((box.last, Envelope.seal(node.key, MESSAGE_KIND, payload).encode()))

    def receive(self, name: str, envelope: bytes) -> Applied:
        """A message as the daemon takes it in: verified, read, opened, applied."""
        node = self.nodes[name]
        read = Envelope.decode(envelope)
        sender, receiver, body = decode(read.payload)
        assert (read.kind, read.signer, receiver) == (MESSAGE_KIND, sender, node.id)
        opened = None
        if isinstance(body, PromiseMessage):
            opened = unwrap(node.seal, body.packet, commit_id(body.descriptor))
        return self.event(name, FromPeer(self.now_us, sender, body, envelope, opened))

    def _set_timer(self, node: Node, row: Row) -> None:
        due = due_us(row)
        if due is not None:
            heappush(node.timers, (due, row.key))

    # ------------------------------------------------------------------ the registries

    def _ask(self, node: Node, effect: AskRegistries) -> None:
        transaction = node.books.rows[(Transaction.table, effect.commit, b"")]
        assert isinstance(transaction, Transaction)
        members = decode_descriptor(transaction.descriptor).policy.members
        for judge in self.judges.values():
            if judge.id in members:
                call = Call(node.name, judge.name, effect.commit, effect.ask)
                self.calls.append(call)

    def _reach(self, call: Call) -> None:
        """A question arrives; its answer sets out."""
        judge, node = self.judges[call.registry], self.nodes[call.node]
        transaction = node.books.rows[(Transaction.table, call.commit, b"")]
        assert isinstance(transaction, Transaction)
        if judge.down or not self.joined(call.node, call.registry):
            return
        said = with_statements(transaction)
        if call.ask is Ask.DECLINE:
            said = transaction.decline_preimage
        before = judge.outcome(call.commit)
        answer = judge.ask(call.ask, transaction.descriptor, said, self.now_us)
        if not isinstance(answer, Logged):
            return
        committed = judge.outcome(call.commit) is Outcome.COMMITTED
        if committed and before is None:
            self._relay(judge, transaction)
        evidence = answer.row.evidence if committed else b""
        statement = judge.statement(answer)
        self.calls.append(
            Call(call.node, call.registry, call.commit, call.ask, statement, evidence, True)
        )

    def _relay(self, judge: Judge, transaction: Transaction) -> None:
        members = decode_descriptor(transaction.descriptor).policy.members
        for other in self.judges.values():
            apart = other is judge or other.id not in members or other.down
            if not apart and self.joined(judge.name, other.name):
                evidence = transaction.commit_evidence
                other.relay(transaction.descriptor, evidence, 1, self.now_us)

    # ------------------------------------------------------------------ running

    def choices(self) -> list[Action]:
        """Everything that could happen now, without time passing."""
        found: list[Action] = []
        for name, node in self.nodes.items():
            for peer, box in node.outbox.items():
                if box.sent < len(box.messages) and self.joined(name, peer):
                    found.append(Deliver(name, peer))
        return found + list(dict.fromkeys(self.calls))

    def do(self, action: Action) -> None:
        match action:
            case Deliver(sender, receiver):
                self._deliver(sender, receiver)
            case Call():
                self.calls.remove(action)
                if not action.answered:
                    self._reach(action)
                elif self.joined(action.node, action.registry):
                    said = RegistrySaid(
                        self.now_us,
                        self.judges[action.registry].id,
                        action.commit,
                        action.final,
                        action.evidence,
                    )
                    self.event(action.node, said)

    def intercept(self, sender: str, receiver: str) -> tuple[Body, bytes]:
        """Takes the next message out of the wire, for a test that changes it; (body, envelope)."""
        box, node = self.nodes[sender].outbox[receiver], self.nodes[receiver]
        number, envelope = box.messages[box.sent]
        box.messages, box.sent = box.messages[box.sent :], 1
        node.have[sender] = number
        return decode(Envelope.decode(envelope).payload)[2], envelope

    def _deliver(self, sender: str, receiver: str) -> None:
        box, node = self.nodes[sender].outbox[receiver], self.nodes[receiver]
        number, envelope = box.messages[box.sent]
        # The acknowledgement of this one is still on its way: only those before it are forgotten.
        box.messages = box.messages[box.sent :]
        box.sent = 1
        if number <= node.have.get(sender, 0):
            return  # a repeated message has no second effect
        assert number == node.have.get(sender, 0) + 1
        node.have[sender] = number
        body = decode(Envelope.decode(envelope).payload)[2]
        self.trace.append(f"{sender} to {receiver}: {type(body).__name__}")
        self.receive(receiver, envelope)

    def next_timer_us(self) -> int | None:
        return min((node.timers[0][0] for node in self.nodes.values() if node.timers), default=None)

    def fire(self) -> None:
        """Whatever is due by now, once each."""
        for name, node in self.nodes.items():
            while node.timers and node.timers[0][0] <= self.now_us:
                due, key = heappop(node.timers)
                if due_us(node.books.rows[key]) == due:
                    self.event(name, Due(self.now_us, key))

    def quiet(self, pick: Callable[[Sequence[Action]], Action] = lambda found: found[0]) -> None:
        """Until nothing happens without time passing."""
        for _ in range(10_000):
            if not (found := self.choices()):
                return
            self.do(pick(found))
        raise AssertionError(f"no rest: {self.trace[-20:]}")

    def acknowledged(self) -> None:
        """Quiet, and every holder has said Accepted, without waiting for its delay."""
        self.quiet()
        for name, node in self.nodes.items():
            for key, row in list(node.books.rows.items()):
                if not isinstance(row, Promise) or row.direction is not Direction.IN:
                    continue
                if row.phase is PromisePhase.OFFERED:
                    self.event(name, Due(self.now_us, key))
        self.quiet()

    def run(
        self, until_us: int, pick: Callable[[Sequence[Action]], Action] = lambda found: found[0]
    ) -> None:
        """Messages at once, timers in their order, up to this time."""
        self.quiet(pick)
        while (due := self.next_timer_us()) is not None and due <= until_us:
            self.now_us = max(self.now_us, due)
            self.fire()
            self.quiet(pick)
        self.now_us = max(self.now_us, until_us)

    # ------------------------------------------------------------------ looking

    def rows(self, name: str, kind: type[Row]) -> list[Row]:
        return [row for row in self.nodes[name].books.rows.values() if isinstance(row, kind)]

    def promises(self, name: str) -> list[Promise]:
        return [r for r in self.rows(name, Promise) if isinstance(r, Promise)]

    def lines(self, name: str) -> list[Line]:
        return [r for r in self.rows(name, Line) if isinstance(r, Line)]

    def line(self, name: str, peer: str) -> Line:
        (line,) = [x for x in self.lines(name) if x.peer == self.nodes[peer].id]
        return line

    def incidents(self, *names: str) -> list[Incident]:
        chosen: Iterable[str] = names or self.nodes
        return [r for n in chosen for r in self.rows(n, Incident) if isinstance(r, Incident)]
