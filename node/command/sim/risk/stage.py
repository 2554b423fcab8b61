"""The world around one intermediary, in which every delivery and every moment is a choice.

The intermediary X and everybody upstream run the real core. The downstream is the adversary: its
core does not run, and it says what it likes. What X is promised by the network (U, R) is when a
message arrives at the latest; within that, and without it for ever, an arrival is a choice.
"""

from dataclasses import dataclass, replace
from heapq import heappop, heappush

from node.command.sim.cores.judge import ERROR_US, Judge
from node.command.sim.cores.world import Call, Node, World
from node.core.apply import Applied
from node.core.due import due_us
from node.core.effects import AskRegistries
from node.core.events import Due, Event, FromPeer
from node.core.rows import Ask, Direction, Line, Promise, PromisePhase, Row, Transaction
from proto.limits import GRACE_US, PRESENT_MARGIN_US, STAMP_MARGIN_US, WATCH_MARGIN_US
from proto.messages import Body, Claim, Passed, Redeemed
from proto.statement import Outcome


@dataclass(frozen=True, slots=True)
class Margins:
    """What "in time" is: after so long at the latest (µs), a message or an answer is there.

    As slow as the schedule of protocol section 5 can bear; `clock_us` is by how much X's clock and
    its upstream's may be wrong, each to either side.
    """

    clock_us: int = 0

    @property
    def present_us(self) -> int:
        """Between X and its upstream."""
        return PRESENT_MARGIN_US - 2 * self.clock_us

    @property
    def submit_us(self) -> int:
        """X admits a bare commit until GRACE after e, D may be STAMP_MARGIN after e, and by then
        the registry has to be sure of its own clock."""
        return STAMP_MARGIN_US - GRACE_US - self.clock_us - ERROR_US

    @property
    def watch_us(self) -> int:
        """An answer to who watches."""
        return WATCH_MARGIN_US - self.clock_us


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a schedule, as a sentence."""

    at_us: int
    told: str


@dataclass(frozen=True, slots=True)
class Served:
    """What the network promises X. `upstream`: U, `registry`: R of protocol section 3."""

    upstream: bool
    registry: bool


@dataclass(frozen=True, slots=True)
class Flight:
    """A message between neighbours, of which the receiver has it by `by_us`; None: whenever."""

    sender: str
    receiver: str
    body: Body
    by_us: int | None


@dataclass(frozen=True, slots=True)
class Question:
    """A call to the registry, or its answer, that is over by `by_us`; None: whenever."""

    call: Call
    by_us: int | None


class Stage(World):
    """X between `upstream` and the adversary; `commit` is the one transaction that it is in.

    `now_us` moves by `Course` alone. Messages between honest nodes before X arrive at once: what
    matters to X of a slow chain upstream is when its own neighbour answers.
    """

    def __init__(self, x: str, upstream: str, adversary: str, commit: bytes) -> None:
        super().__init__()
        self.x, self.upstream, self.adversary, self.commit = x, upstream, adversary, commit
        self.served = Served(upstream=True, registry=True)
        self.flights: tuple[Flight, ...] = ()
        self.questions: tuple[Question, ...] = ()
        self.crashes_left = 0
        self.abandons_left = 0
        self.history: tuple[Told, ...] = ()
        self.margins = Margins()
        self.wrong: dict[str, int] = {}  # name -> by how much its clock is ahead (µs)
        self.marks: tuple[int, ...] = ()  # when there is a choice (absolute µs, ascending)

    @classmethod
    def of(cls, world: World, x: str, upstream: str, adversary: str, commit: bytes) -> "Stage":
        """The same nodes at the same moment. Nothing may be in flight but what X gave."""
        stage = cls(x, upstream, adversary, commit)
        stage._copy(world)
        del stage.nodes[adversary]
        return stage

    def _copy(self, world: World) -> None:
        self.now_us, self.drawn = world.now_us, world.drawn
        self.judges = {"R1": world.judges["R1"].copy()}
        self._by_id = world._by_id
        for name, node in world.nodes.items():
            books = node.books.copy(self._connected_to(name))
            self.nodes[name] = Node(name, node.key, node.seal, books, timers=list(node.timers))

    def fork(self) -> "Stage":
        """A stage that goes its own way from here on."""
        twin = Stage(self.x, self.upstream, self.adversary, self.commit)
        twin._copy(self)
        twin.served, twin.flights, twin.questions = self.served, self.flights, self.questions
        twin.crashes_left, twin.abandons_left = self.crashes_left, self.abandons_left
        twin.history, twin.margins = self.history, self.margins
        twin.wrong, twin.marks = self.wrong, self.marks
        return twin

    def note(self, told: str) -> None:
        """Into the history, which people read and no rule does."""
        if not self.history or self.history[-1].told != told:
            self.history += (Told(self.now_us, told),)

    def event(self, name: str, event: Event) -> Applied:
        """As any world's; what it ends at X or at its upstream goes into the history."""
        if wrong := self.wrong.get(name):
            event = replace(event, now_us=event.now_us + wrong)
        applied = super().event(name, event)
        for row in applied.changes:
            if isinstance(row, Promise) and row.phase.final:
                self._note_end(name, row)
        return applied

    def _note_end(self, name: str, promise: Promise) -> None:
        if name == self.x and promise.direction is Direction.OUT:
            self.note(f"  X's promise to the downstream is {promise.phase.name}")
        elif name == self.x:
            self.note(f"  the promise that X holds is {promise.phase.name} in X's books")
        elif name == self.upstream and promise.direction is Direction.OUT:
            self.note(f"  the upstream's promise to X is {promise.phase.name}")

    # ------------------------------------------------------------------ what nodes send

    def post(self, sender: str, receiver: str, body: Body) -> None:
        """On its way. What X tells the adversary changes nothing: it knows it all before."""
        if receiver == self.adversary:
            return
        by_us: int | None = self.now_us
        if self.x in (sender, receiver):
            by_us = self.now_us + self.margins.present_us if self.served.upstream else None
        self.flights += (Flight(sender, receiver, body, by_us),)

    def _ask(self, node: Node, effect: AskRegistries) -> None:
        call = Call(node.name, "R1", effect.commit, effect.ask)
        if any(q.call == call for q in self.questions):
            return  # a repeated question adds nothing to one that is still on its way
        by_us = None
        if node.name == self.x and self.served.registry:
            submits = effect.ask is Ask.SUBMIT
            by_us = self.now_us
            by_us += self.margins.submit_us if submits else self.margins.watch_us
        self.questions += (Question(call, by_us),)

    # ------------------------------------------------------------------ what happens

    def say(self, body: Body) -> None:
        """The adversary says something to X, which hears it at once: delays are its own choice."""
        self.event(self.x, FromPeer(self.now_us, self.given.peer, body, b""))
        self.settle()

    def arrive(self, flight: Flight) -> None:
        """A message in flight reaches its receiver; what follows at once follows."""
        self.land(flight)
        self.settle()

    def land(self, flight: Flight) -> None:
        flights = list(self.flights)
        flights.remove(flight)
        self.flights = tuple(flights)
        sender = self.nodes[flight.sender].id
        self.event(flight.receiver, FromPeer(self.now_us, sender, flight.body, b""))

    def settle(self) -> None:
        """What takes no time: whatever happens among nodes that X has no line with."""
        near = (self.x, self.upstream)
        while True:
            flights = [f for f in self.flights if self.x not in (f.sender, f.receiver)]
            asked = [q for q in self.questions if q.call.node not in near]
            if flights:
                self.land(flights[0])
            elif asked:
                self._ask_on(asked[0])
            else:
                return

    def go_on(self, question: Question) -> None:
        """A question reaches the registry, or its answer the one who asked."""
        self._ask_on(question)
        self.settle()

    def _ask_on(self, question: Question) -> None:
        questions = list(self.questions)
        questions.remove(question)
        self.questions = tuple(questions)
        self.calls = [question.call]
        self.do(question.call)
        answers, self.calls = self.calls, []
        for answer in answers:
            self.questions += (Question(answer, question.by_us),)
            if question.call.node != self.x:
                self._ask_on(self.questions[-1])  # how long it takes is in when it arrives

    def crash_x(self) -> None:
        """X starts again from its rows; its questions are lost, its messages are sent again."""
        self.crashes_left -= 1
        self.questions = tuple(q for q in self.questions if q.call.node != self.x)
        self.set_timers(self.x)

    def set_timers(self, name: str) -> None:
        """A node's timers, from its rows alone."""
        node = self.nodes[name]
        node.timers = []
        for row in node.books.rows.values():
            self._set_timer(node, row)

    def set_clock(self, name: str, wrong_us: int) -> None:
        """From now on a node's clock is ahead by so much; negative: behind."""
        self.wrong = {**self.wrong, name: wrong_us}
        self.set_timers(name)

    def _set_timer(self, node: Node, row: Row) -> None:
        due = due_us(row)
        if due is not None:
            heappush(node.timers, (due - self.wrong.get(node.name, 0), row.key))

    def fire(self) -> None:
        """Whatever is due by now, each by its node's own clock."""
        for name, node in self.nodes.items():
            while node.timers and node.timers[0][0] <= self.now_us:
                at_us, key = heappop(node.timers)
                if due_us(node.books.rows[key]) == at_us + self.wrong.get(name, 0):
                    self.event(name, Due(self.now_us, key))

    def calm(self) -> None:
        """From now on everybody reaches everybody at once."""
        self.served = Served(upstream=True, registry=True)
        self.flights = tuple(replace(f, by_us=self.now_us) for f in self.flights)
        self.questions = tuple(replace(q, by_us=self.now_us) for q in self.questions)

    # ------------------------------------------------------------------ looking

    @property
    def judge(self) -> Judge:
        return self.judges["R1"]

    @property
    def outcome(self) -> Outcome | None:
        """What the registry has decided, if it has."""
        return self.judge.outcome(self.commit)

    def transaction(self, name: str) -> Transaction:
        row = self.nodes[name].books.rows[(Transaction.table, self.commit, b"")]
        assert isinstance(row, Transaction)
        return row

    def _promise(self, name: str, direction: Direction) -> Promise:
        (found,) = [
            p for p in self.nodes[name].books.promises_of(self.commit) if p.direction is direction
        ]
        return found

    @property
    def held(self) -> Promise:
        """X's own row of the promise that it holds."""
        return self._promise(self.x, Direction.IN)

    @property
    def given(self) -> Promise:
        return self._promise(self.x, Direction.OUT)

    @property
    def owed(self) -> Promise:
        """The upstream's own row of the promise that X holds: it alone says what X is paid."""
        return self._promise(self.upstream, Direction.OUT)

    def paid_out(self) -> int:
        """What X has booked towards the adversary, in smallest units."""
        return self._line(self.given.line).booked_out

    def _line(self, line: bytes) -> Line:
        row = self.nodes[self.x].books.rows[(Line.table, line, b"")]
        assert isinstance(row, Line)
        return row

    @property
    def lost(self) -> bool:
        """X owes downstream, and its upstream's books say that it will never be paid."""
        owed = self.owed.phase
        redeemed = PromisePhase.REDEEMED
        return self.given.phase is redeemed and owed.final and owed is not redeemed

    @property
    def safe(self) -> bool:
        """X is paid, or owes nothing and never will."""
        given = self.given.phase
        if self.owed.phase is PromisePhase.REDEEMED:
            return True
        return given.final and given is not PromisePhase.REDEEMED

    def key(self) -> tuple[object, ...]:
        """Everything that what follows depends on: of equal stages one is looked at."""
        return (
            self.now_us,
            self.served,
            tuple(self.wrong.items()),
            self.outcome,
            self.crashes_left,
            self.abandons_left,
            tuple(_row_keys(node) for node in self.nodes.values()),
            tuple((f.sender, _body_key(f.body), f.by_us) for f in self.flights),
            frozenset((q.call.node, q.call.ask, q.call.answered, q.by_us) for q in self.questions),
        )


def _body_key(body: Body) -> tuple[object, ...]:
    """A message, without what no rule reads: when exactly the registry decided."""
    match body:
        case Claim():
            return "Claim", type(body.evidence).__name__
        case Passed():
            return ("Passed",)
        case Redeemed():
            return "Redeemed", body.sequence, body.total
        case _:
            return (type(body).__name__,)


def _row_keys(node: Node) -> tuple[tuple[object, ...], ...]:
    """A node's rows, without texts and times that no rule of the core reads again."""
    keys: list[tuple[object, ...]] = []
    for row in node.books.rows.values():
        match row:
            case Promise():
                because = row.because.reason if row.because else None
                keys.append((row.id, row.phase, row.shown, because))
            case Transaction():
                asking = (row.ask, row.ask_at_us, row.asks) if row.ask is not Ask.NOTHING else ()
                evidence, commit = bool(row.commit_evidence), bool(row.commit_certificate)
                known = (evidence, commit, bool(row.abort_certificate), len(row.statements))
                keys.append((asking, known, row.watched))
            case Line():
                keys.append((row.id, row.booked_in, row.booked_out))
    return tuple(keys)
