"""Money legs of an exchange: ordinary chains, under a descriptor that is not the payment's own."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    answered,
    assert_books_mirror,
    balance,
    create,
    dictate,
    ended,
    given_by,
    held_by,
    payment_of,
    refused,
    request_of,
)
from node.command.sim.cores.world import World
from node.core.events import AbandonPayment, ConfirmRequest, DeclineRequest, LearnCertificate
from node.core.rows import Ask, IncidentKind, PaymentPhase, RequestPhase, Role
from proto.certificate import AbortCertificate, Certificate, CommitCertificate
from proto.commit import Commit
from proto.levels import Level
from proto.messages import Claim
from proto.reason import Reason, Refusal
from proto.statement import Outcome
from tests.node.core.leg_scenes import (
    HORIZON_US,
    PREIMAGE,
    Exchange,
    Heard,
    Leg,
    all_signed,
    bound_request,
    coordinate,
    decided,
    descriptor_of,
    exchange,
    heard,
    part_of,
    ring_world,
    role_of,
    shares_of,
    tell,
)

__all__ = ["heard"]

A, X = Level.ATOMIC, Level.PROXY


def committed(world: World, deal: Exchange) -> None:
    """Every leg was paid once, and nothing is left."""
    for leg in deal.legs:
        assert payment_of(world, leg.payer, leg.attempt).phase is PaymentPhase.COMMITTED
        assert request_of(world, leg.payee, leg.request).phase is RequestPhase.PAID
    sound(world)


def aborted(world: World, deal: Exchange) -> None:
    """Nobody was paid, and nothing is held."""
    for leg in deal.legs:
        assert payment_of(world, leg.payer, leg.attempt).phase is PaymentPhase.ROUTING
        assert request_of(world, leg.payee, leg.request).phase is RequestPhase.DECLINED
    assert all(balance(world, name) == 0 for name in world.nodes)
    sound(world)


def sound(world: World) -> None:
    assert ended(world) and not world.faults and not world.incidents()
    assert_books_mirror(world)


def one_leg(levels: tuple[Level, ...] = (A, A)) -> tuple[World, Exchange]:
    world = ring_world("PABCQ", "PA AB BC CQ AQ")
    names = "PAQ" if len(levels) == 2 else "PABCQ"
    return world, exchange(world, Route(names, levels, 1000))


def ring() -> tuple[World, Exchange]:
    """A pays B over C, B pays C over A, C pays A: each is payer, payee, and hop of another."""
    world = ring_world()
    routes = Route("ACB", (A, A), 300), Route("BAC", (A, A), 200), Route("CA", (A,), 100)
    return world, exchange(world, *routes)


@pytest.mark.parametrize("told", ["PAQ", "P", "Q", ""], ids=lambda told: told or "nobody")
def test_a_leg_is_committed_whoever_hears_of_it(heard: Heard, told: str) -> None:
    world, deal = one_leg()
    world.quiet()
    assert coordinate(world, deal, *told)
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    committed(world, deal)
    assert balance(world, "Q") == 1000
    assert [role_of(world, n, deal) for n in "PAQ"] == [Role.SEAT, Role.HOP, Role.SEAT]


def test_a_leg_of_many_promises(heard: Heard) -> None:
    world, deal = one_leg((A, A, A, A))
    world.quiet()
    assert coordinate(world, deal, "Q")
    world.run(world.now_us)
    assert payment_of(world, "P", deal.legs[0].attempt).phase is PaymentPhase.COMMITTED
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    committed(world, deal)


@pytest.mark.parametrize("told", ["PQ", "Q", ""], ids=lambda told: told or "nobody")
@pytest.mark.parametrize("declined", [True, False])
def test_a_leg_is_aborted_whoever_hears_of_it(heard: Heard, told: str, declined: bool) -> None:
    """By whoever holds the preimage, or because nobody submits it."""
    world, deal = one_leg()
    world.quiet()
    if declined:
        tell(world, decided(world, deal, Ask.DECLINE, PREIMAGE), *told)
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    aborted(world, deal)
    decisions = [what for what, _ in heard.said if what == "on_decided"]
    assert len(decisions) == 2, "once at each seat"


def test_a_ring_in_which_everybody_is_everything(heard: Heard) -> None:
    world, deal = ring()
    world.quiet()
    assert all(role_of(world, name, deal) is Role.SEAT for name in "ABC")
    assert coordinate(world, deal, "A", "B", "C")
    world.run(world.now_us)
    assert [balance(world, name) for name in "ABC"] == [-200, 100, 100]
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    committed(world, deal)


def certificate_of(world: World, deal: Exchange, *, commits: bool) -> Certificate:
    if not commits:
        return decided(world, deal, Ask.DECLINE, PREIMAGE)
    assert all_signed(world, deal)
    return decided(world, deal, Ask.SUBMIT, shares_of(deal))


@pytest.mark.parametrize("told", ["B", "AC", ""], ids=lambda told: told or "nobody")
@pytest.mark.parametrize("commits", [True, False], ids=["committed", "aborted"])
def test_a_crash_anywhere_is_only_a_delay(heard: Heard, commits: bool, told: str) -> None:
    """Of any node, before any step of the ring, before its decision or behind it."""
    world, deal = ring()
    certificate: Certificate | None = None
    crashes = 0
    while (choices := world.choices()) or certificate is None:
        for name in "ABC":
            fork = world.fork()
            fork.crash(name)
            fork.quiet()
            if certificate is None:
                tell(fork, certificate_of(fork, deal, commits=commits), *told)
            fork.run(deal.descriptor.deadline_us + HORIZON_US)
            (committed if commits else aborted)(fork, deal)
            crashes += 1
        if choices:
            world.do(choices[0])
        else:
            certificate = certificate_of(world, deal, commits=commits)
            tell(world, certificate, *told)
    assert crashes >= (15 if told else 18) and not world.faults


def test_one_unsigned_leg_aborts_all(heard: Heard) -> None:
    world = ring_world()
    deal = exchange(world, Route("AB", (A,), 300), Route("BC", (A,), 200))
    heard.signs = False
    world.quiet()
    assert not coordinate(world, deal)
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    aborted(world, deal)


def test_a_leg_that_was_refused_is_tried_again_under_the_same_commit(heard: Heard) -> None:
    """A fresh promise, over the same line; the first one's end says nothing about the second."""
    world = ring_world("PABQ", "PA AQ PB BQ")
    world.sever("A", "Q")
    deal = exchange(world, Route("PAQ", (A, A), 1000))
    (leg,) = deal.legs
    world.quiet()
    assert payment_of(world, "P", leg.attempt).phase is PaymentPhase.ROUTING
    assert ended(world) and not heard.said
    for attempt, names in ((2, "PAQ"), (3, "PBQ")):
        world.now_us += SECOND
        again = dictate(
            world, leg.attempt.payment, leg.request, [Route(names, (A, A), 1000)],
            attempt=attempt, bound=deal.descriptor,
        )  # fmt: skip
        answered(world.event("P", again.event))
        assert again.commit == leg.attempt.commit and again.deadline_us == leg.attempt.deadline_us
        world.quiet()
    assert len(given_by(world, "P")) == 3
    assert coordinate(world, deal, "Q")
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    committed(world, deal)
    assert heard.said.count(("on_payment_ended", leg.attempt.payment)) == 1


def test_several_parts_of_a_leg_are_one_leg(heard: Heard) -> None:
    """A part that fails takes the others back, and the seat that has not signed lets them go."""
    world = ring_world("PABQ", "PA AQ PB BQ")
    descriptor = descriptor_of(world, ["Q"])
    request = bound_request(world, "Q", 1000, descriptor)
    payment = create(world, "P", request, descriptor.encode())
    routes = [Route("PAQ", (A, A), 600), Route("PBQ", (A, A), 400)]
    world.sever("B", "Q")
    for number in (1, 2):
        event = dictate(world, payment, request, routes, attempt=number, bound=descriptor).event
        answered(world.event("P", event))
        world.quiet()
        world.heal("B", "Q")
    assert [name for name, _ in heard.said] == ["covered"], "the first never was"
    leg = Leg(routes[0], request, Attempt(payment, event, ()))
    deal = Exchange(descriptor, (leg,))
    assert coordinate(world, deal, "Q")
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    committed(world, deal)
    assert balance(world, "Q") == 1000


def test_two_legs_to_one_payee_are_counted_apart(heard: Heard) -> None:
    world = ring_world("PBQ", "PQ BQ")
    deal = exchange(world, Route("PQ", (A,), 600))
    request = bound_request(world, "Q", 1000, deal.descriptor)
    payment = create(world, "B", request, deal.data)
    parts = [Route("BQ", (A,), 400), Route("BQ", (A,), 600)]
    made = dictate(world, payment, request, parts, bound=deal.descriptor)
    answered(world.event("B", made.event))
    world.quiet()
    deal = replace(deal, legs=(*deal.legs, Leg(parts[0], request, made)))
    assert coordinate(world, deal, "Q")
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    committed(world, deal)
    assert balance(world, "Q") == 1600


def test_a_leg_is_paid_though_its_seat_has_not_signed(heard: Heard) -> None:
    """It is the registry that decides: what it commits is paid, and the request is not open."""
    world, deal = one_leg()
    heard.signs = False
    world.quiet()
    tell(world, decided(world, deal, Ask.SUBMIT, shares_of(deal)), "Q")
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    committed(world, deal)


@pytest.mark.parametrize("signs", [True, False])
def test_what_a_seat_has_signed_for_it_does_not_give_up(heard: Heard, signs: bool) -> None:
    world, deal = one_leg()
    (leg,) = deal.legs
    heard.signs = signs
    world.quiet()
    answered(world.event("P", AbandonPayment(world.now_us, leg.attempt.payment)))
    assert refused(world.event("Q", DeclineRequest(world.now_us, leg.request.id))) == Refusal(
        Reason.REQUEST_BUSY
    )
    world.quiet()
    if signs:
        assert held_by(world, "Q")[0].pending
        assert coordinate(world, deal, "Q")
    told = [name for name, _ in heard.said]
    assert told[:2] == (["covered", "on_decided"] if signs else ["covered", "on_uncovered"])
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    if signs:
        committed(world, deal)
    else:
        assert ended(world) and balance(world, "Q") == 0
        # Nobody can take its place: the exchange is over.
        assert request_of(world, "Q", leg.request).phase is RequestPhase.DECLINED


def test_a_bound_request_never_signs_by_itself(heard: Heard) -> None:
    """Not with all of its amount, nor when its owner confirms it."""
    world, deal = one_leg()
    (leg,) = deal.legs
    heard.signs = False
    world.quiet()
    answered(world.event("Q", ConfirmRequest(world.now_us, leg.request.id)))
    world.run(deal.descriptor.deadline_us - SECOND)
    assert request_of(world, "Q", leg.request).phase is RequestPhase.OPEN
    assert not part_of(world, "Q", deal).commit_evidence
    assert "R1" not in [call.registry for call in world.calls]


def test_a_bare_commit_moves_nothing(heard: Heard) -> None:
    """All shares, shown to every promisor: a leg's promises need the registry's word."""
    world, deal = one_leg()
    world.quiet()
    assert all_signed(world, deal)
    world.acknowledged()
    for judge in world.judges.values():
        judge.down = True
    commit = Commit(deal.data, shares_of(deal))
    for holder, promisor in (("Q", "A"), ("A", "P")):
        (held,) = held_by(world, holder)
        world.post(holder, promisor, Claim(held.id, commit))
        world.quiet()
        assert held.pending
    assert all(balance(world, name) == 0 for name in "PAQ")
    # A core makes no such claim, so it wonders about the answer.
    assert world.faults == [(name, "denies a claim that was not made") for name in "QA"]
    world.heal_all()
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    assert all(balance(world, name) == 0 for name in "PAQ"), "nobody submitted it"


def bent(world: World, certificate: Certificate) -> Iterator[Certificate]:
    """Certificates that are none."""
    other = exchange(world, Route("PAQ", (A, A), 5))
    world.quiet()
    yield replace(certificate, statements=())
    yield replace(certificate, statements=decided(world, other, Ask.DECLINE, PREIMAGE).statements)
    if isinstance(certificate, CommitCertificate):
        yield replace(certificate, commit=Commit(other.data, certificate.commit.evidence))
        yield replace(certificate, commit=Commit(certificate.commit.descriptor, b""))
        yield AbortCertificate(certificate.commit.descriptor, certificate.statements)


def test_a_letter_with_a_wrong_certificate_changes_nothing(heard: Heard) -> None:
    world, deal = one_leg()
    world.quiet()
    certificate = decided(world, deal, Ask.SUBMIT, shares_of(deal))
    for wrong in bent(world, certificate):
        for name in "PAQBC":
            applied = world.event(name, LearnCertificate(world.now_us, wrong))
            assert not applied.changes and not applied.effects, wrong
    tell(world, certificate, "Q")
    before = dict(world.nodes["Q"].books.rows)
    tell(world, certificate, "Q")
    assert world.nodes["Q"].books.rows == before, "again is nothing"


@pytest.mark.parametrize("first", [Outcome.COMMITTED, Outcome.NOT_COMMITTED])
def test_of_two_letters_that_contradict_each_other_the_commit_dominates(
    heard: Heard, first: Outcome
) -> None:
    """R1 signs both ways. Promises end by the first; the proof is kept."""
    world, deal = one_leg()
    world.acknowledged()
    twin = world.fork()
    both = {
        Outcome.COMMITTED: decided(world, deal, Ask.SUBMIT, shares_of(deal)),
        Outcome.NOT_COMMITTED: decided(twin, deal, Ask.DECLINE, PREIMAGE),
    }
    (then,) = set(both) - {first}
    tell(world, both[first], "P", "Q")
    world.quiet()
    tell(world, both[then], "P", "Q")
    world.quiet()
    assert balance(world, "Q") == (1000 if first is Outcome.COMMITTED else 0)
    kinds = {incident.kind for incident in world.incidents("P", "Q")}
    assert IncidentKind.CONTRADICTION in kinds
    assert (IncidentKind.CLAIM in kinds) == (first is Outcome.NOT_COMMITTED)
    transaction = part_of(world, "Q", deal)
    assert transaction.commit_certificate and transaction.abort_certificate
