"""Exchanges of money legs alone: what their seats do stands here, in a few lines.

A seat signs its share as soon as its request is covered. Shares travel outside of the world: who
coordinates hands the commit to the registry, and brings the certificate to whom it likes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import pytest

from node.command.sim.cast import SECOND, SINGLE, digest, signing_key
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    answered,
    create,
    dictate,
    make_request,
    open_line,
    request_of,
    terms,
)
from node.command.sim.cores.world import World
from node.core.escrow import hooks
from node.core.events import LearnCertificate
from node.core.money_leg import sign_leg
from node.core.rows import Ask, Payment, Request, RequestPhase, Role, Transaction
from node.core.view import Step
from proto.certificate import AbortCertificate, Certificate, CommitCertificate
from proto.commit import Commit, Evidence, sign_share
from proto.descriptor import Descriptor, commit_id
from proto.levels import Level
from proto.statement import Outcome
from registry.log import Logged

A, X = Level.ATOMIC, Level.PROXY
LEAD_US = 30 * SECOND  # from the descriptor to its D
PREIMAGE = digest("decline of an exchange")
HORIZON_US = 60 * SECOND  # after D everything has come to its end


@dataclass
class Heard:
    """What the hooks were told, in order: (hook, what it was about)."""

    said: list[tuple[str, bytes]] = field(default_factory=list)
    signs: bool = True


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    """Seats that sign what is covered, unless a test lets them wait."""
    told = Heard()

    def on_covered(step: Step, request: Request) -> None:
        told.said.append(("covered", request.id))
        if told.signs:
            sign_leg(step, request)

    monkeypatch.setattr(hooks, "on_covered", on_covered)
    for name in ("on_uncovered", "on_payment_ended"):
        monkeypatch.setattr(hooks, name, _noting(told, name))
    monkeypatch.setattr(
        hooks,
        "on_decided",
        lambda step, transaction: told.said.append(("on_decided", transaction.commit)),
    )
    yield told


def _noting(told: Heard, name: str):  # type: ignore[no-untyped-def]
    def note(step: Step, row: Payment | Request) -> None:
        told.said.append((name, row.id))

    return note


@dataclass
class Leg:
    """One money leg; `attempt`: once its first promises are made, unless its payer's task does."""

    route: Route
    request: Request
    made: Attempt | None = None

    @property
    def attempt(self) -> Attempt:
        assert self.made is not None
        return self.made

    @property
    def payer(self) -> str:
        return self.route.names[0]

    @property
    def payee(self) -> str:
        return self.route.names[-1]


@dataclass
class Exchange:
    """Its descriptor and its legs."""

    descriptor: Descriptor
    legs: tuple[Leg, ...]

    @property
    def data(self) -> bytes:
        return self.descriptor.encode()

    @property
    def commit(self) -> bytes:
        return commit_id(self.data)

    @property
    def seats(self) -> list[str]:
        return list(dict.fromkeys(name for leg in self.legs for name in (leg.payer, leg.payee)))


def descriptor_of(world: World, payees: Sequence[str], **changes: object) -> Descriptor:
    """All payees must sign; there is a preimage that ends it early."""
    keys = sorted({signing_key("seat " + name).public for name in payees})
    content: dict[str, object] = {
        "salt": world.draw("salt"),
        "deadline_us": world.now_us + LEAD_US,
        "policy": SINGLE,
        "committers": tuple(keys),
        "threshold": len(keys),
        "terms_root": digest("terms of an exchange"),
        "decline_hash": sha256(PREIMAGE).digest(),
    }
    return Descriptor(**{**content, **changes})  # type: ignore[arg-type]


def bound_request(
    world: World, payee: str, amount: int, descriptor: Descriptor, **changes: object
) -> Request:
    """A request that takes promises under this descriptor alone."""
    content: dict[str, object] = {
        "decline_hashes": (),
        "last_levels": frozenset({A}),
        "policies": (descriptor.policy,),
        "bound": commit_id(descriptor.encode()),
    }
    return make_request(world, payee, amount, **{**content, **changes})


def begin_leg(world: World, route: Route, descriptor: Descriptor, attempt: int = 1) -> Leg:
    """Request, payment and first promise of one leg; nothing is delivered yet."""
    request = bound_request(world, route.names[-1], route.amount, descriptor)
    payment = create(world, route.names[0], request, descriptor.encode())
    made = dictate(world, payment, request, [route], attempt=attempt, bound=descriptor)
    answered(world.event(route.names[0], made.event))
    return Leg(route, request, made)


def exchange(world: World, *routes: Route, **changes: object) -> Exchange:
    """Every leg has set out."""
    descriptor = descriptor_of(world, [route.names[-1] for route in routes], **changes)
    return Exchange(descriptor, tuple(begin_leg(world, route, descriptor) for route in routes))


def ring_world(names: str = "ABC", lines: str = "AB BC CA", **changes: object) -> World:
    """Nodes that accept every registry, with lines between them."""
    world = World()
    for name in names:
        world.add(name, lambda node: terms(node, **changes))
    for one, other in lines.split():
        open_line(world, one, other)
    return world


def all_signed(world: World, deal: Exchange) -> bool:
    """Whether every share is there."""
    rows = [request_of(world, leg.payee, leg.request) for leg in deal.legs]
    return all(row.phase is RequestPhase.SIGNED for row in rows)


def shares_of(deal: Exchange) -> bytes:
    """The evidence of everybody's shares. Only a test that knows that all have signed asks."""
    payees = dict.fromkeys(leg.payee for leg in deal.legs)
    keys = [signing_key("seat " + name) for name in payees]
    return Evidence(tuple(sign_share(key, deal.commit) for key in keys)).encode()


def decided(world: World, deal: Exchange, ask: Ask, said: bytes = b"") -> Certificate:
    """R1 is asked, and its answer is a certificate."""
    judge = world.judges["R1"]
    answer = judge.ask(ask, deal.data, said, world.now_us)
    assert isinstance(answer, Logged), answer
    statements = (judge.statement(answer),)
    if judge.outcome(deal.commit) is Outcome.COMMITTED:
        return CommitCertificate(Commit(deal.data, answer.row.evidence), statements)
    return AbortCertificate(deal.data, statements)


def tell(world: World, certificate: Certificate, *names: str) -> None:
    """A letter brings the certificate to these nodes."""
    for name in names:
        world.event(name, LearnCertificate(world.now_us, certificate))


def coordinate(world: World, deal: Exchange, *told: str) -> bool:
    """What a coordinator does once everybody has signed; whether everybody has."""
    if not all_signed(world, deal):
        return False
    tell(world, decided(world, deal, Ask.SUBMIT, shares_of(deal)), *told)
    return True


def part_of(world: World, name: str, deal: Exchange) -> Transaction:
    row = world.nodes[name].books.rows[(Transaction.table, deal.commit, b"")]
    assert isinstance(row, Transaction)
    return row


def role_of(world: World, name: str, deal: Exchange) -> Role:
    return part_of(world, name, deal).role
