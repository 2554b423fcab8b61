"""What can happen on a stage at one moment, and how it is told."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from node.command.sim.risk.stage import Flight, Question, Stage
from node.core.events import AbandonPayment
from node.core.rows import Ask, Payment, PromisePhase, Role
from proto.certificate import AbortCertificate, CommitCertificate
from proto.commit import Commit
from proto.descriptor import decode_descriptor
from proto.limits import GUARD_US
from proto.messages import Abandon, Accepted, Body, Claim, Denied, Passed, Redeemed, Refuse, Release
from proto.reason import Reason, Refusal
from proto.statement import Outcome

WORDS: Final[Mapping[type, str]] = MappingProxyType(
    {
        Accepted: "acceptance",
        Refuse: "refusal",
        Release: "release",
        Abandon: "wish to abandon",
        Redeemed: "booking",
        Denied: "denial",
        Passed: "abort certificate",
    }
)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the adversary has from the beginning: it is the payee, so it can sign and decline."""

    commit: Commit
    preimage: bytes


@dataclass(frozen=True, slots=True)
class Adversary:
    """`patient`: it may come back after the promise that X holds is too near its end.

    One that is not patient shows what it has, if it commits at all, while X can still present it.
    """

    knows: Knowledge = field(repr=False)
    patient: bool = True


@dataclass(frozen=True, slots=True)
class Move:
    """One event: a sentence for people, and what it does to a stage."""

    told: str
    act: Callable[[Stage], None] = field(repr=False, compare=False)

    def do(self, stage: Stage) -> None:
        stage.note(self.told)
        self.act(stage)


def certificate(stage: Stage, adversary: Adversary) -> CommitCertificate:
    """What the registry's decision is worth in the adversary's hands."""
    logged = stage.judge.rows[stage.commit]
    return CommitCertificate(adversary.knows.commit, (stage.judge.statement(logged),))


def last_show_us(stage: Stage) -> int | None:
    """When an adversary that is not patient shows its commit at the latest; None: any time."""
    held = stage.held
    return held.expires_at_us - stage.margins.present_us if held.level.has_expiry else None


def tolerates(stage: Stage, adversary: Adversary) -> bool:
    """Whether this adversary lets time pass here: not with a decision that X has not seen."""
    last_us = last_show_us(stage)
    if adversary.patient or last_us is None or stage.now_us < last_us:
        return True
    hidden = stage.given.pending and stage.outcome is Outcome.COMMITTED
    return not hidden or bool(stage.transaction(stage.x).commit_certificate)


def moves(stage: Stage, adversary: Adversary) -> Iterator[Move]:
    """Everything that may happen now, without time passing."""
    yield from _said(stage, adversary)
    yield from _registered(stage, adversary)
    heads: dict[tuple[str, str], Flight] = {}
    for flight in stage.flights:
        heads.setdefault((flight.sender, flight.receiver), flight)
    for flight in heads.values():
        yield arrival(stage, flight)
    for question in stage.questions:
        yield step_of(stage, question)
    if stage.crashes_left and all(q.call.node != stage.x for q in stage.questions):
        # With a question under way the crash would be a registry that is not reached in time.
        yield Move("X crashes and starts again", Stage.crash_x)
    if stage.abandons_left:
        yield Move("the payer abandons the payment", _abandon)


def arrival(stage: Stage, flight: Flight) -> Move:
    """A message of X or to X is delivered."""
    who = {stage.x: "X", stage.upstream: "the upstream"}
    body, sender, receiver = flight.body, who[flight.sender], who[flight.receiver]
    what = WORDS.get(type(body), type(body).__name__)
    if isinstance(body, Claim):
        certified = isinstance(body.evidence, CommitCertificate)
        what = "claim with the certificate" if certified else "claim with the bare commit"
    return Move(f"the {what} of {sender} reaches {receiver}", lambda s: s.arrive(flight))


def step_of(stage: Stage, question: Question) -> Move:
    """A question reaches the registry, or its answer comes back."""
    call = question.call
    who = "X" if call.node == stage.x else "the upstream"
    if call.answered:
        told = f"the registry's answer reaches {who}"
    elif call.ask is Ask.SUBMIT:
        told = f"{who}'s commit reaches the registry to be stamped"
    else:
        told = f"{who}'s question reaches the registry"
    return Move(told, lambda s: s.go_on(question))


def _said(stage: Stage, adversary: Adversary) -> Iterator[Move]:
    given = stage.given
    if given.phase is PromisePhase.OFFERED:
        yield _saying("accepts", Accepted(given.id))
        yield _saying("refuses", Refuse(given.id, Refusal(Reason.PAYEE_DECLINED)))
    if given.pending:
        yield _saying("releases", Release(given.id, Refusal(Reason.PAYEE_DECLINED)))
        yield from _claims(stage, adversary)
    if stage.outcome is Outcome.NOT_COMMITTED and not stage.transaction(stage.x).decided:
        abort = AbortCertificate(
            adversary.knows.commit.descriptor,
            (stage.judge.statement(stage.judge.rows[stage.commit]),),
        )
        yield _saying("shows the abort certificate", Passed(given.id, abort))


def _claims(stage: Stage, adversary: Adversary) -> Iterator[Move]:
    last_us = last_show_us(stage)
    if not adversary.patient and last_us is not None and stage.now_us > last_us:
        return
    given = stage.given
    if not given.level.needs_stamp:
        yield _saying("claims with the bare commit", Claim(given.id, adversary.knows.commit))
    if stage.outcome is Outcome.COMMITTED:
        yield _saying("claims with the certificate", Claim(given.id, certificate(stage, adversary)))


def _saying(told: str, body: Body) -> Move:
    return Move(f"the downstream {told}", lambda s: s.say(body))


def _registered(stage: Stage, adversary: Adversary) -> Iterator[Move]:
    descriptor = decode_descriptor(adversary.knows.commit.descriptor)
    if not descriptor.policy.members or stage.outcome is not None:
        return
    if stage.now_us <= descriptor.deadline_us:
        told = "the downstream has the commit stamped"
        evidence = adversary.knows.commit.evidence
        last_us = last_show_us(stage)
        if adversary.patient or last_us is None or stage.now_us <= last_us:
            yield Move(told, lambda s: _tell(s, Ask.SUBMIT, evidence))
        if descriptor.decline_hash:
            told = "the downstream declines at the registry"
            yield Move(told, lambda s: _tell(s, Ask.DECLINE, adversary.knows.preimage))
    elif stage.now_us > descriptor.limit_us + GUARD_US:
        told = "the downstream has the abort decided"
        yield Move(told, lambda s: _tell(s, Ask.QUERY, b""))


def _tell(stage: Stage, ask: Ask, said: bytes) -> None:
    stage.judge.ask(ask, stage.transaction(stage.x).descriptor, said, stage.now_us)


def _abandon(stage: Stage) -> None:
    stage.abandons_left -= 1
    for name in stage.nodes:
        transaction = stage.transaction(name)
        if transaction.role is Role.PAYER:
            payment = stage.nodes[name].books.rows[(Payment.table, transaction.owner, b"")]
            assert isinstance(payment, Payment)
            stage.event(name, AbandonPayment(stage.now_us, payment.id))
            stage.settle()
