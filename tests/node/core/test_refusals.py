"""What a node refuses: situation -> reason and figure, nothing changed, all credit free again."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest

from node.command.sim.cast import RECORDS, SECOND, TWO_OF_THREE, digest
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    assert_books_mirror,
    chain_world,
    ended,
    make_request,
    open_line,
    pay,
    payment_of,
)
from node.command.sim.cores.world import World
from node.core.effects import Send
from node.core.events import ChangeLimit, CloseLine, DeclineRequest, FromPeer
from node.core.rows import PaymentPhase, PromisePhase
from proto.descriptor import commit_id, decode_descriptor
from proto.fees import FeeSet
from proto.levels import Level
from proto.messages import Promise, Refuse
from proto.money import Brand
from proto.onion import Deliver, Forward, Instruction, unwrap
from proto.policy import EMPTY_POLICY
from proto.reason import Reason, Refusal

B, S, A, X = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY
AMOUNT = 10_000

T = TypeVar("T")


def changed(value: T, changes: dict[str, object]) -> T:
    """`dataclasses.replace` for whatever a case wants to bend."""
    return replace(value, **changes)  # type: ignore[type-var]


@dataclass
class Scene:
    """A promise on its way to a node, with everything that a case may bend."""

    world: World
    receiver: str
    attempt: Attempt
    body: Promise
    envelope: bytes
    opened: tuple[Instruction, bytes] | None

    def own(self, **changes: object) -> None:
        """Changes the settings of the node that is asked."""
        books = self.world.nodes[self.receiver].books
        books.settings = changed(books.settings, changes)

    def onward(self, **changes: object) -> None:
        """Changes the instruction that the node finds in the packet."""
        assert self.opened is not None
        instruction, rest = self.opened
        self.opened = changed(instruction, changes), rest

    def descriptor(self, **changes: object) -> None:
        bent = changed(decode_descriptor(self.body.descriptor), changes)
        self.body = replace(self.body, descriptor=bent.encode())

    def say(self, **changes: object) -> None:
        self.body = changed(self.body, changes)


Bend = Callable[[Scene], None]


@dataclass(frozen=True)
class Case:
    name: str
    levels: tuple[Level, ...]
    bend: Bend
    reason: Reason
    figure: int = 0
    request: dict[str, object] = field(default_factory=dict)


def own(**changes: object) -> Bend:
    return lambda scene: scene.own(**changes)


def say(**changes: object) -> Bend:
    return lambda scene: scene.say(**changes)


def onward(**changes: object) -> Bend:
    return lambda scene: scene.onward(**changes)


def descriptor(**changes: object) -> Bend:
    return lambda scene: scene.descriptor(**changes)


def amount_less(scene: Scene) -> None:
    scene.say(amount=scene.body.amount - 1)


def close(scene: Scene) -> None:
    scene.world.event(scene.receiver, CloseLine(scene.world.now_us, scene.body.line))


def grant_less(scene: Scene) -> None:
    limit = ChangeLimit(scene.world.now_us, scene.body.line, scene.body.amount - 3)
    scene.world.event(scene.receiver, limit)


def grant_less_ahead(scene: Scene) -> None:
    line = scene.world.line("Q", "A").id
    scene.world.event("Q", ChangeLimit(scene.world.now_us, line, AMOUNT - 2))
    body, envelope = scene.world.intercept("Q", "A")
    scene.world.event("A", FromPeer(scene.world.now_us, scene.world.nodes["Q"].id, body, envelope))


def after_expiry(scene: Scene) -> None:
    scene.world.now_us = scene.body.expires_at_us + 7


def after_deadline(scene: Scene) -> None:
    scene.world.now_us = scene.attempt.deadline_us + 9


def before_deadline(scene: Scene) -> None:
    scene.world.now_us = scene.attempt.deadline_us - SECOND + 5


def unreadable(scene: Scene) -> None:
    scene.opened = None


def back_again(scene: Scene) -> None:
    scene.onward(next_node=scene.world.nodes["P"].id)


def later_ahead(scene: Scene) -> None:
    assert scene.opened is not None and isinstance(scene.opened[0], Forward)
    scene.onward(expires_at_us=scene.opened[0].expires_at_us + 11)


def stamp_too_late(scene: Scene) -> None:
    scene.onward(expires_at_us=scene.attempt.deadline_us - 2 * SECOND + 13)


def expired_ahead(scene: Scene) -> None:
    scene.onward(expires_at_us=scene.world.now_us - 17)


def other_unit(scene: Scene) -> None:
    books = scene.world.nodes[scene.receiver].books
    books.write([replace(line, brand=replace(line.brand, unit=7)) for line in _lines(scene)])


def _lines(scene: Scene) -> list:  # type: ignore[type-arg]
    return [x for x in scene.world.lines(scene.receiver) if x.id != scene.body.line]


def exchange(scene: Scene) -> None:
    euro = Brand(digest("EUR")[:16], "EUR")
    open_line(scene.world, "A", "Q", brand=euro)
    scene.onward(brand=euro.guid)


def cut_ahead(scene: Scene) -> None:
    scene.world.sever("A", "Q")


def declined(scene: Scene) -> None:
    assert scene.opened is not None and isinstance(scene.opened[0], Deliver)
    scene.world.event("Q", DeclineRequest(scene.world.now_us, scene.opened[0].request_id))


def slow(scene: Scene) -> None:
    scene.own(clock_error_us=600_000)


def slow_registry(scene: Scene) -> None:
    bad = {i: replace(r, max_error_us=500_001) for i, r in RECORDS.items()}
    scene.own(records=bad)


CASES = [
    Case("no such line", (A, A), say(line=bytes(16)), Reason.LINE_UNKNOWN),
    Case("line closed", (A, A), close, Reason.LINE_CLOSED),
    Case("no amount", (A, A), say(amount=0), Reason.AMOUNT_ZERO),
    Case("too many pending", (A, A), own(max_pending_count=0), Reason.PENDING_FULL),
    Case("too much pending", (A, A), own(max_pending_amount=AMOUNT - 1), Reason.PENDING_FULL),
    Case("beyond the limit", (A, A), grant_less, Reason.CREDIT_SHORT, 3),
    Case("junk descriptor", (A, A), say(descriptor=b"junk"), Reason.DESCRIPTOR_INVALID),
    Case("salt too short", (A, A), descriptor(salt=b"x"), Reason.DESCRIPTOR_INVALID),
    Case("level without policy", (S, S), descriptor(policy=EMPTY_POLICY), Reason.POLICY_MISSING),
    Case("expiry passed", (B, B), after_expiry, Reason.EXPIRY_PASSED, 7),
    Case("deadline passed", (A, A), after_deadline, Reason.DEADLINE_PASSED, 9),
    Case("unreadable", (A, A), unreadable, Reason.INSTRUCTIONS_UNREADABLE),
    Case("V1", (A, A), own(accepts=frozenset()), Reason.REGISTRY_NOT_ACCEPTED),
    Case("V1 without a record", (A, A), own(records={}), Reason.REGISTRY_NOT_ACCEPTED),
    Case("V2 trusts", (A, A), onward(level=X, expires_at_us=1), Reason.PROXY_NOT_ALLOWED),
    Case("V2 knows not", (A, X), own(records={}), Reason.PROXY_NOT_ALLOWED),
    Case("V2 after BARE", (B, A), onward(level=X), Reason.PROXY_NOT_ALLOWED),
    Case("V3", (S, S), say(level=X), Reason.PAIR_NEVER_USED),
    Case("V6", (S, B), own(accepts=frozenset()), Reason.REGISTRY_NOT_ACCEPTED),
    Case("V7", (B, A), own(watches_registry=False), Reason.NOT_WATCHING),
    Case("V8 hold", (A, A), own(hold_max_us=9 * SECOND), Reason.HOLD_TOO_LONG, SECOND // 2),
    Case("V8 margin", (S, S), later_ahead, Reason.SCHEDULE_TOO_TIGHT, 11),
    Case("V8 bare margin", (B, B), later_ahead, Reason.SCHEDULE_TOO_TIGHT, 11),
    Case("V8 stamp", (A, B), stamp_too_late, Reason.SCHEDULE_TOO_TIGHT, 13),
    Case("V8 leak", (B, A), say(expires_at_us=None), Reason.SCHEDULE_TOO_TIGHT, 1),
    Case("expired ahead", (A, B), expired_ahead, Reason.EXPIRY_PASSED, 17),
    Case("V9", (A, A), own(fees=FeeSet()), Reason.MODE_REFUSED, 3),
    Case("V9 by mode", (S, S), own(fees=FeeSet({})), Reason.MODE_REFUSED, 2),
    Case("V12", (S, B), descriptor(decline_hash=bytes(32)), Reason.DECLINE_NOT_ALLOWED),
    Case("V6 admission", (S, B), say(admitted=()), Reason.ADMISSION_MISSING),
    Case("V6 forged admission", (A, B), say(admitted=(b"x",)), Reason.ADMISSION_MISSING),
    Case("underpaid", (B, B), amount_less, Reason.FEE_SHORT, 1),
    Case("brand not exchanged", (A, A), exchange, Reason.EXCHANGE_REFUSED),
    Case("no line ahead", (A, A), onward(next_node=bytes(32)), Reason.NEXT_LINE_UNKNOWN),
    Case("back again", (A, A), back_again, Reason.NEXT_LINE_UNKNOWN),
    Case("neighbour down", (A, A), cut_ahead, Reason.NEXT_HOP_DOWN),
    Case("no credit ahead", (A, A), grant_less_ahead, Reason.NEXT_CREDIT_SHORT, 2),
    Case("nothing ahead", (A, A), onward(amount=0), Reason.AMOUNT_ZERO),
    Case("below the unit ahead", (A, A), other_unit, Reason.BELOW_UNIT, 7),
    Case("bad clock", (S, B), slow, Reason.CLOCK_UNSAFE, 600_000),
    Case("bad clock to stamp", (S, B), slow_registry, Reason.CLOCK_UNSAFE, 500_001),
    Case("bad clock of a gateway", (A, S), slow_registry, Reason.CLOCK_UNSAFE, 500_001),
    # the payee
    Case("no such request", (A,), onward(request_id=bytes(16)), Reason.REQUEST_UNKNOWN),
    Case("declined", (A,), declined, Reason.PAYEE_DECLINED),
    Case("other total", (A,), onward(total=AMOUNT + 1), Reason.REQUEST_MISMATCH),
    Case("too much", (A,), say(amount=AMOUNT + 5), Reason.REQUEST_MISMATCH, 5),
    Case("other committer", (A,), descriptor(committers=(bytes(32),)), Reason.REQUEST_MISMATCH),
    Case("a hashlock", (A,), descriptor(hashlocks=(bytes(32),)), Reason.REQUEST_MISMATCH),
    Case("other decline hash", (A,), descriptor(decline_hash=bytes(32)), Reason.REQUEST_MISMATCH),
    Case("too late to sign", (A,), before_deadline, Reason.TIME_SHORT, 5),
    Case(
        "level not taken",
        (A,),
        lambda scene: None,
        Reason.LAST_LEVEL_REFUSED,
        request={"last_levels": frozenset({B})},
    ),
    Case("no registry", (A,), lambda s: None, Reason.LAST_LEVEL_REFUSED, request={"policies": ()}),
    Case(
        "other policy",
        (A,),
        lambda scene: None,
        Reason.POLICY_REFUSED,
        request={"policies": (TWO_OF_THREE,)},
    ),
    Case("policy without records", (A,), own(records={}), Reason.POLICY_REFUSED),
]


def set_scene(case: Case) -> Scene:
    world, names = chain_world(case.levels)
    request = make_request(world, "Q", AMOUNT, **case.request)
    attempt = pay(world, [Route(names, case.levels, AMOUNT)], request)
    receiver = names[1]
    body, envelope = world.intercept("P", receiver)
    assert isinstance(body, Promise)
    opened = unwrap(world.nodes[receiver].seal, body.packet, commit_id(body.descriptor))
    return Scene(world, receiver, attempt, body, envelope, opened)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_refusal(case: Case) -> None:
    scene = set_scene(case)
    world, node = scene.world, scene.world.nodes[scene.receiver]
    case.bend(scene)
    if scene.body.expires_at_us is None:
        scene.say(expires_at_us=scene.attempt.deadline_us + 4 * SECOND - 1)
    before = dict(node.books.rows)
    payer = world.nodes["P"].id
    event = FromPeer(world.now_us, payer, scene.body, scene.envelope, scene.opened)
    applied = world.event(scene.receiver, event)
    expected = Refuse(scene.body.promise, Refusal(case.reason, case.figure))
    assert applied.effects == (Send(payer, expected),)
    assert applied.changes == () and node.books.rows == before
    world.run(world.now_us)
    assert ended(world) and not world.faults
    assert_books_mirror(world)
    (first,) = world.promises("P")
    assert first.phase is PromisePhase.REFUSED
    assert first.because == Refusal(case.reason, case.figure)
    payment = payment_of(world, "P", scene.attempt)
    assert (payment.phase, payment.because) == (PaymentPhase.ROUTING, first.because)


def test_what_a_later_hop_refuses_frees_every_hop() -> None:
    """The reason and its figure travel to the payer."""
    levels = (A, A, A, A)
    world, names = chain_world(levels)
    line = world.line("Q", "C").id
    world.event("Q", ChangeLimit(world.now_us, line, AMOUNT - 4))
    world.quiet()
    attempt = pay(world, [Route(names, levels, AMOUNT)])
    start_us = world.now_us
    world.run(world.now_us)
    assert ended(world) and world.now_us == start_us and not world.faults
    assert payment_of(world, "P", attempt).because == Refusal(Reason.NEXT_CREDIT_SHORT, 4)
    assert [p.phase for p in world.promises("P")] == [PromisePhase.RELEASED]
    assert_books_mirror(world)


def test_the_payer_is_no_hop_of_its_own_payment() -> None:
    world, names = chain_world((A, A))
    attempt = pay(world, [Route(names, (A, A), AMOUNT)])
    body, envelope = world.intercept("P", "A")
    assert isinstance(body, Promise)
    forward = Forward(world.nodes["A"].id, b"", 1, A, 0)
    event = FromPeer(world.now_us, world.nodes["A"].id, body, envelope, (forward, b""))
    applied = world.event("P", event)
    assert applied.effects[0] == Send(
        world.nodes["A"].id, Refuse(body.promise, Refusal(Reason.LOOP))
    )
    assert not applied.changes and attempt.commit == commit_id(body.descriptor)


def test_every_reason_of_the_ladder_has_a_case() -> None:
    """Those without one belong to the reader of messages, to the daemon, or to other tests."""
    elsewhere = {
        Reason.PROMISE_REPEATED,  # a fault of the peer, not a refusal
        Reason.LEVEL_UNKNOWN,  # the reader's
        Reason.AMOUNT_TOO_LARGE,  # the reader's
        Reason.STORE_FULL,  # the daemon's
        Reason.LOOP,
        Reason.REQUEST_EXPIRED,
        Reason.REQUEST_PAID,
        Reason.REQUEST_BUSY,
        Reason.ABANDONED,
    }
    ladder = {r for r in Reason if r < Reason.EXPIRED_AHEAD}
    assert {case.reason for case in CASES} == ladder - elsewhere
