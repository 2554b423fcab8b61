"""A person's approval: what is held, what is booked, and what no attempt may do beyond it."""

from dataclasses import replace

import pytest

from node.command.sim.cores.plan import answered, assert_books_mirror, ended, refused
from node.core.effects import DrivePayment
from node.core.escrow.events import KeepRow
from node.core.events import GiveUpPayment
from node.core.people.confirming import CONFIRMATION_TRANSITIONS
from node.core.people.events import DenyRequest, PresentRequest
from node.core.people.rows import (
    LINES,
    Confirmation,
    ConfirmationPhase,
    Credential,
    EntryKind,
    KnownPayee,
)
from node.core.rows import Ask, Transaction
from proto.approval import Approved, PasskeyProof
from proto.envelope import Proof
from proto.levels import Level
from proto.policy import RegistryPolicy
from proto.reason import Reason, Refusal
from tests.node.core.people_table import (
    ANN,
    BOB,
    MINUTE_US,
    approval,
    approval_id,
    approving,
    asked,
    attempt,
    bank,
    brought,
    paid,
    read,
    shown,
)

P = ConfirmationPhase


def test_what_was_approved_is_held_and_what_it_cost_is_booked() -> None:
    the = bank()
    request = asked(the)
    shown(the, request)
    applied = the.do(approving(the, request))
    answered(applied)
    assert DrivePayment(approval_id(request)) in applied.effects
    assert the.confirmation(request).phase is P.APPROVED
    assert the.purse(ANN, request).reserved == 1100
    begun = attempt(the, request)
    answered(the.do(begun.event))
    assert the.confirmation(request).phase is P.EXECUTING
    the.world.run(the.world.now_us)
    cost = begun.event.cost
    assert 1000 < cost < 1100
    row = the.confirmation(request)
    assert (row.phase, row.debited, row.reserved, row.attempt) == (P.COMMITTED, cost, 0, 1)
    purse = the.purse(ANN, request)
    assert (purse.balance, purse.reserved, purse.available) == (-cost, 0, 100_000 - cost)
    (entry,) = the.entries()
    assert (entry.giver, entry.taker, entry.amount) == (ANN, LINES, cost)
    assert entry.kind is EntryKind.PAID and entry.name == "Q"
    known = the.row(KnownPayee, ANN, bytes(row.payee))
    assert isinstance(known, KnownPayee) and known.payments == 1
    the.assert_books()
    assert_books_mirror(the.world)
    assert ended(the.world)


def test_a_repeated_approval_changes_nothing() -> None:
    the = bank()
    request = asked(the)
    shown(the, request)
    event = approving(the, request)
    answered(the.do(event))
    again = the.do(replace(event, now_us=the.world.now_us + 1))
    answered(again)
    assert not again.changes and len(again.effects) == 1


def test_an_approval_is_not_used_twice() -> None:
    the = bank()
    request = asked(the)
    shown(the, request)
    answered(the.do(approving(the, request)))
    other = approving(the, request, approval(the, request, fee_max=50))
    assert refused(the.do(other)) == Refusal(Reason.CONFIRMATION_ENDED)


@pytest.mark.parametrize(
    "field", ["request_hash", "person", "brand", "approval_id", "amount", "valid_until_us"]
)
def test_what_was_signed_must_be_what_was_asked(field: str) -> None:
    the = bank()
    request = asked(the)
    shown(the, request)
    good = approval(the, request)
    changes = {
        "request_hash": {"request_hash": bytes(32)},
        "person": {"person": BOB},
        "brand": {"brand": bytes(16)},
        "approval_id": {"approval_id": bytes(16)},
        "amount": {"fee_max": good.fee_max - 1},
        "valid_until_us": {"valid_until_us": the.world.now_us - 1},
    }[field]
    bent = replace(good, **changes)  # type: ignore[arg-type]
    why = {
        "amount": Refusal(Reason.REQUEST_MISMATCH),
        "valid_until_us": Refusal(Reason.REQUEST_EXPIRED, 1),
    }.get(field, Refusal(Reason.APPROVAL_MISMATCH))
    assert refused(the.do(approving(the, request, bent))) == why
    answered(the.do(approving(the, request, good)))


@pytest.mark.parametrize("by", ["ended", "unknown", "another key", "mandate", "of another"])
def test_what_no_live_credential_has_given_is_no_approval(by: str) -> None:
    """A stolen phone's passkey ends at once: in the step itself, whatever was looked up before."""
    the = bank()
    request = asked(the)
    shown(the, request)
    event = approving(the, request)
    credential = the.row(Credential, ANN, b"passkey")
    assert isinstance(credential, Credential)
    said: PasskeyProof | Proof | bytes = PasskeyProof(b"passkey", b"cose", b"", b"", b"", "")
    if by == "ended":
        the.do(KeepRow(the.world.now_us, replace(credential, ended_at_us=the.world.now_us)))
    elif by == "mandate":
        said = bytes(32)
    elif by == "another key":
        said = replace(said, public_key=b"other")
    elif by == "unknown":
        said = Proof(b"k" * 32, b"s" * 64)
    else:
        answered(the.do(KeepRow(the.world.now_us, replace(credential, person=BOB, id=b"bob's"))))
        said = replace(said, credential=b"bob's")
    event = replace(event, approved=Approved(event.approval.encode(), said).encode())
    assert refused(the.do(event)) == Refusal(Reason.APPROVAL_MISMATCH)


def test_a_passkey_that_rests_approves_nothing_until_then() -> None:
    the = bank()
    request = asked(the)
    shown(the, request)
    credential = the.row(Credential, ANN, b"passkey")
    assert isinstance(credential, Credential)
    until_us = the.world.now_us + 5
    the.do(KeepRow(the.world.now_us, replace(credential, rests_until_us=until_us)))
    assert refused(the.do(approving(the, request))) == Refusal(Reason.CREDENTIAL_RESTS, 5)
    the.world.now_us = until_us
    answered(the.do(approving(the, request)))


@pytest.mark.parametrize("bend", ["too long", "another approval", "unreadable"])
def test_what_could_not_be_read_again_is_no_approval(bend: str) -> None:
    """Of the client's words some are as long as a hostile client likes. They are read again before
    each attempt: what fails there would fail at every start of the bank."""
    the = bank()
    request = asked(the)
    shown(the, request)
    event = approving(the, request)
    said = PasskeyProof(b"passkey", b"cose", b"", b"", b"", "")
    other = approval(the, request, fee_max=1)
    approved = {
        "too long": Approved(event.approval.encode(), replace(said, client_data=bytes(9000))),
        "another approval": Approved(other.encode(), said),
        "unreadable": Approved(event.approval.encode() + b"?", said),
    }[bend]
    bent = replace(event, approved=approved.encode())
    assert refused(the.do(bent)) == Refusal(Reason.APPROVAL_MISMATCH)
    answered(the.do(event))


def test_what_is_not_there_cannot_be_approved() -> None:
    the = bank(limit=1500)
    first, second = asked(the), asked(the)
    for request in (first, second):
        shown(the, request)
    answered(the.do(approving(the, first)))
    assert refused(the.do(approving(the, second))) == Refusal(Reason.BALANCE_SHORT, 700)


def test_nobody_approves_or_denies_for_another() -> None:
    the = bank()
    request = asked(the)
    shown(the, request)
    unknown = Refusal(Reason.CONFIRMATION_UNKNOWN)
    now_us, known = the.world.now_us, approval_id(request)
    assert refused(the.do(approving(the, request, person=BOB))) == unknown
    assert refused(the.do(DenyRequest(now_us, known, BOB))) == unknown
    assert refused(the.do(PresentRequest(now_us, known, BOB))) == unknown
    assert refused(the.do(DenyRequest(now_us, known, b""))) == unknown
    assert refused(the.do(PresentRequest(now_us, bytes(16), ANN))) == unknown


@pytest.mark.parametrize("bend", ["cost", "late", "attempts", "level", "policy"])
def test_no_attempt_goes_beyond_the_approval(bend: str) -> None:
    """Whoever plans routes may be wrong or bribed: the core holds him to what was signed."""
    the = bank()
    request = asked(the)
    shown(the, request)
    said = approval(the, request)
    if bend == "level":
        said = replace(said, first_levels=frozenset({Level.SECURED}))
    if bend == "policy":
        said = replace(said, policies=(RegistryPolicy((bytes(32),), 1, 1, 0, 0),))
    answered(the.do(approving(the, request, said)))
    begun = attempt(the, request, 1)
    event = begun.event
    if bend == "cost":
        (first,) = event.firsts
        event = replace(event, firsts=(replace(first, amount=1101),))
        assert refused(the.do(event)) == Refusal(Reason.COST_ABOVE_MAX, 1)
    elif bend == "late":
        the.world.now_us += 11 * MINUTE_US
        event = replace(event, now_us=the.world.now_us)
        assert refused(the.do(event)) == Refusal(Reason.REQUEST_EXPIRED, MINUTE_US)
    elif bend == "attempts":
        for no in (1, 2):
            the.world.sever("A", "Q")
            answered(the.do(attempt(the, request, no).event))
            the.world.quiet()
            assert the.confirmation(request).phase is P.ABORTED
            the.world.heal("A", "Q")
        third = attempt(the, request, 3).event
        assert refused(the.do(third)) == Refusal(Reason.APPROVAL_MISMATCH)
    else:
        assert refused(the.do(event)) == Refusal(Reason.APPROVAL_MISMATCH)
    the.assert_books()


def test_between_attempts_the_whole_sum_stays_held() -> None:
    the = bank()
    request = asked(the)
    shown(the, request)
    answered(the.do(approving(the, request)))
    the.world.sever("A", "Q")
    answered(the.do(attempt(the, request).event))
    the.world.quiet()
    row = the.confirmation(request)
    assert (row.phase, row.attempt, row.reserved) == (P.ABORTED, 1, 1100)
    the.world.heal("A", "Q")
    answered(the.do(attempt(the, request, 2).event))
    the.world.run(the.world.now_us)
    row = the.confirmation(request)
    assert (row.phase, row.attempt, row.reserved) == (P.COMMITTED, 2, 0)
    assert len(the.entries()) == 1
    the.assert_books()


def test_given_up_is_as_if_never_requested() -> None:
    the = bank()
    request = asked(the)
    shown(the, request)
    before = the.purse(ANN, request)
    answered(the.do(approving(the, request)))
    because = Refusal(Reason.NO_ROUTE)
    answered(the.do(GiveUpPayment(the.world.now_us, approval_id(request), because)))
    row = the.confirmation(request)
    assert (row.phase, row.because, row.reserved) == (P.EXPIRED, "NO_ROUTE", 0)
    assert the.purse(ANN, request) == before
    assert not the.entries()


def test_a_crash_loses_nothing_of_an_approval() -> None:
    the = bank()
    request = asked(the)
    shown(the, request)
    answered(the.do(approving(the, request)))
    the.world.crash("P")
    answered(the.do(attempt(the, request).event))
    the.world.crash("P")
    the.world.run(the.world.now_us)
    assert the.confirmation(request).phase is P.COMMITTED
    the.assert_books()


@pytest.mark.parametrize("how", ["deny", "expire"])
def test_denied_or_expired_it_moved_nothing(how: str) -> None:
    the = bank()
    request = asked(the)
    shown(the, request)
    before = the.purse(ANN, request)
    if how == "deny":
        deny = DenyRequest(the.world.now_us, approval_id(request), ANN)
        answered(the.do(deny))
        assert not the.do(deny).changes
    else:
        the.world.run(the.confirmation(request).expires_at_us + 2)
    phase = P.DENIED if how == "deny" else P.EXPIRED
    assert the.confirmation(request).phase is phase
    late = Reason.CONFIRMATION_ENDED
    assert refused(the.do(approving(the, request))) == Refusal(late)
    assert the.purse(ANN, request) == before


def test_a_request_is_paid_once_whoever_brings_it() -> None:
    the = bank()
    request = asked(the)
    paid(the, request)
    applied = the.do(brought(the.world, request, BOB))
    answered(applied)
    assert not applied.changes  # it is the same one, and Ann's
    assert the.confirmation(request).person == ANN


def test_another_request_under_its_id_is_refused() -> None:
    the = bank()
    request = asked(the)
    answered(the.do(brought(the.world, request)))
    event = brought(the.world, request)
    other = replace(event, row=replace(event.row, request_hash=bytes(32)))
    assert refused(the.do(other)) == Refusal(Reason.REPEATED_OTHERWISE)


def test_who_opens_a_link_first_has_it() -> None:
    the = bank()
    request = asked(the)
    answered(the.do(brought(the.world, request, b"")))
    assert the.confirmation(request).person == b""
    answered(the.do(PresentRequest(the.world.now_us, approval_id(request), ANN)))
    assert the.confirmation(request).person == ANN
    late = PresentRequest(the.world.now_us, approval_id(request), BOB)
    assert refused(the.do(late)) == Refusal(Reason.CONFIRMATION_UNKNOWN)


def test_a_request_for_the_payers_of_another_node_is_refused() -> None:
    the = bank()
    request = asked(the, audience=the.world.nodes["A"].id)
    assert refused(the.do(brought(the.world, request))) == Refusal(Reason.ANOTHER_PAYER)


def test_every_step_of_the_table_is_one_of_the_design() -> None:
    """Escrow section 10: final phases have no way on, and none is reached but by its row."""
    for phase, ways in CONFIRMATION_TRANSITIONS.items():
        assert phase.final == (not ways)
        assert phase not in ways
    reached = {way for ways in CONFIRMATION_TRANSITIONS.values() for way in ways}
    assert reached == set(P) - {P.RECEIVED}
    assert Confirmation.__dataclass_fields__["phase"].type is P


@pytest.mark.parametrize("in_time", [True, False])
def test_a_person_has_a_certificate_where_a_bare_commit_was_enough(in_time: bool) -> None:
    """Nobody on the way needed the registry: the payer's node tells it, while there is time."""
    levels = (Level.SECURED, Level.BARE)
    the = bank(levels=levels)
    request = asked(the)
    shown(the, request)
    said = approval(the, request, first_levels=frozenset({Level.SECURED}))
    answered(the.do(approving(the, request, said)))
    begun = attempt(the, request, levels=levels)
    answered(the.do(begun.event))
    if not in_time:
        for name in ("R1", "R2", "R3"):
            the.world.judges[name].down = True
    the.world.run(the.world.now_us)
    row = the.row(Transaction, begun.commit)
    assert isinstance(row, Transaction)
    assert the.confirmation(request).phase is P.COMMITTED
    assert bool(row.commit_certificate) == in_time
    if not in_time:
        the.world.run(row.deadline_us)
        for name in ("R1", "R2", "R3"):
            the.world.judges[name].down = False
        the.world.run(row.limit_us + 60_000_000)
        row = the.row(Transaction, begun.commit)
        assert isinstance(row, Transaction) and row.ask in (Ask.NOTHING, Ask.PROOF)
        assert the.confirmation(request).phase is P.COMMITTED
    the.assert_books()
    assert_books_mirror(the.world)


def test_a_payee_cannot_rename_what_is_debited() -> None:
    """A request may carry the id of a brand with any name beside it. Its payer is shown the name,
    and the id is what is debited: "2000 crumbs" would be 2000 of the real thing."""
    the = bank()
    request = asked(the)
    crumbs = replace(read(request), brand=replace(request.brand, name="crumbs"))
    bent = replace(request, brand=crumbs.brand)
    event = brought(the.world, request)
    answered(the.do(replace(event, row=replace(event.row, brand=bent.brand))))
    answered(the.do(PresentRequest(the.world.now_us, approval_id(request), ANN)))
    said = approving(the, request)
    told = refused(the.do(replace(said, request=crumbs)))
    assert told == Refusal(Reason.BRAND_OTHERWISE)
    assert the.purse(ANN, request).reserved == 0
