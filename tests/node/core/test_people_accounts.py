"""Accounts open, fill, pay each other and close; standing approvals; notices; full lists."""

from dataclasses import replace
from hashlib import sha256

from node.command.sim.cores.plan import Route, answered, assert_books_mirror, pay, refused
from node.core.escrow.events import KeepRow
from node.core.events import GiveUpPayment
from node.core.people.events import (
    EndPerson,
    PresentRequest,
    RevokeMandate,
    SetPurseLimit,
    Transfer,
    UseCode,
)
from node.core.people.rows import (
    CASH,
    LINES,
    ConfirmationPhase,
    Credential,
    EntryKind,
    Person,
    PersonPhase,
    Session,
    person_id,
)
from node.core.rows import Request, RequestPhase
from proto.approval import Approved, PasskeyProof
from proto.commit import Evidence
from proto.descriptor import commit_id, decode_descriptor
from proto.limits import US
from proto.reason import Reason, Refusal
from proto.receipt_terms import in_house_descriptor
from proto.request import request_hash
from proto.request_parts import MandateTerms, Requester
from tests.node.core.people_table import (
    ANN,
    ATOMIC,
    BOB,
    MINUTE_US,
    Bank,
    approval,
    approval_id,
    approving,
    asked,
    attempt,
    bank,
    brought,
    invitation,
    joining,
    of_person,
    paid,
    read,
    shown,
)

P = ConfirmationPhase
SHOP = sha256(b"shop").digest()
HOOK = "https://shop.example/hook"
DAY_US = 86_400 * US


def transfer(the: Bank, person: bytes, amount: int, kind: EntryKind, label: str = "t") -> Transfer:
    reference = sha256(label.encode()).digest()[:16]
    brand = the.world.line("P", "A").brand
    return Transfer(the.world.now_us, reference, person, brand, amount, kind, "over the counter")


def test_the_counter_books_both_sides() -> None:
    the = bank(limit=0)
    request = asked(the)
    answered(the.do(transfer(the, ANN, 500, EntryKind.PAID_IN)))
    assert the.sums() == {CASH: -500, ANN: 500}
    out = transfer(the, ANN, 501, EntryKind.PAID_OUT, "out")
    assert refused(the.do(out)) == Refusal(Reason.BALANCE_SHORT, 1)
    answered(the.do(transfer(the, ANN, 200, EntryKind.PAID_OUT, "out")))
    assert the.purse(ANN, request).balance == 300
    nobody = transfer(the, person_id("carl"), 1, EntryKind.PAID_IN)
    assert refused(the.do(nobody)) == Refusal(Reason.PERSON_UNKNOWN)
    the.assert_books()


def test_a_lowered_limit_leaves_what_was_approved() -> None:
    the = bank(limit=1100)
    request = asked(the)
    shown(the, request)
    answered(the.do(approving(the, request)))
    answered(the.do(SetPurseLimit(the.world.now_us, ANN, request.brand, 0)))
    assert the.purse(ANN, request).available == -1100
    answered(the.do(attempt(the, request).event))
    the.world.run(the.world.now_us)
    assert the.confirmation(request).phase is P.COMMITTED


def test_an_invitation_is_taken_up_once() -> None:
    the = bank()
    again = joining(the.world, "ann", credential=b"other")
    assert refused(the.do(again)) == Refusal(Reason.INVITATION_ENDED)
    late = invitation(the.world, "carl")
    answered(the.do(late))
    the.world.now_us += 2 * MINUTE_US
    assert refused(the.do(joining(the.world, "carl"))) == Refusal(Reason.INVITATION_ENDED)


def test_an_invitation_for_a_known_name_adds_a_passkey() -> None:
    """The way back in for who has lost all: what the account has stays, and no limit changes."""
    the = bank(limit=70)
    answered(the.do(invitation(the.world, "ann")))
    answered(the.do(joining(the.world, "ann", 999, b"second")))
    assert the.purse(ANN, asked(the)).limit == 70
    assert the.row(Credential, ANN, b"second") and the.row(Credential, ANN, b"passkey")
    # What a recovery code has let in, and rests, ends: whoever runs the node knows who it is.
    second = the.row(Credential, ANN, b"second")
    assert isinstance(second, Credential)
    resting = replace(second, rests_until_us=the.world.now_us + MINUTE_US)
    answered(the.do(KeepRow(the.world.now_us, resting)))
    answered(the.do(invitation(the.world, "ann")))
    answered(the.do(joining(the.world, "ann", 999, b"third")))
    ways = {w: the.row(Credential, ANN, w) for w in (b"passkey", b"second", b"third")}
    ended = {w for w, row in ways.items() if isinstance(row, Credential) and row.ended_at_us}
    assert ended == {b"second"}
    answered(the.do(invitation(the.world, "ann")))
    wrong = replace(joining(the.world, "bob"), invitation=sha256(b"ann").digest())
    assert refused(the.do(wrong)) == Refusal(Reason.NAME_TAKEN)


def test_a_code_opens_one_session() -> None:
    the = bank()
    now_us = the.world.now_us
    code = sha256(bytes((0,))).digest()
    session = Session(b"s" * 32, ANN, b"", now_us, now_us)
    answered(the.do(UseCode(now_us, ANN, code, session)))
    assert the.row(Session, b"s" * 32) == session
    for person, used in ((ANN, code), (BOB, bytes(32)), (person_id("carl"), code)):
        again = UseCode(now_us, person, used, replace(session, person=person))
        assert refused(the.do(again)) == Refusal(Reason.CODE_USED)


def test_a_closed_account_approves_nothing_and_what_runs_goes_on() -> None:
    the = bank()
    running, waiting = asked(the), asked(the)
    shown(the, running)
    shown(the, waiting)
    answered(the.do(approving(the, running)))
    answered(the.do(EndPerson(the.world.now_us, ANN)))
    person = the.row(Person, ANN)
    assert isinstance(person, Person) and person.phase is PersonPhase.CLOSED
    credential = the.row(Credential, ANN, b"passkey")
    assert isinstance(credential, Credential) and credential.ended_at_us
    assert the.confirmation(waiting).phase is P.DENIED
    answered(the.do(attempt(the, running).event))
    the.world.run(the.world.now_us)
    assert the.confirmation(running).phase is P.COMMITTED
    third = asked(the)
    answered(the.do(brought(the.world, third)))
    answered(the.do(PresentRequest(the.world.now_us, approval_id(third), ANN)))
    assert refused(the.do(approving(the, third))) == Refusal(Reason.PERSON_UNKNOWN)
    assert not the.do(EndPerson(the.world.now_us, ANN)).changes


def test_what_a_line_brings_for_a_person_fills_the_purse() -> None:
    the = bank()
    request = asked(the, 700, payee="P")
    of_person(the, request, BOB)
    pay(the.world, [Route(["Q", "A", "P"], ATOMIC, 700)], request)
    the.world.run(the.world.now_us)
    assert the.purse(BOB, request).balance == 700
    (entry,) = the.entries()
    assert (entry.giver, entry.taker, entry.kind) == (LINES, BOB, EntryKind.RECEIVED)
    the.assert_books()
    assert_books_mirror(the.world)


def in_house(the: Bank, payee: bytes = BOB, **changes: object) -> tuple[Request, bytes]:
    """A request of one of P's own people, and a descriptor for it."""
    request = asked(the, 400, payee="P", **changes)
    row = of_person(the, request, payee)
    terms = read(request)
    descriptor = in_house_descriptor(
        terms, request_hash(request.signed), 400, bytes(32), the.world.now_us
    )
    return row, descriptor.encode()


def test_people_of_one_node_pay_each_other_at_once() -> None:
    the = bank()
    request, descriptor = in_house(the)
    shown(the, request)
    answered(the.do(approving(the, request, descriptor=descriptor)))
    row = the.confirmation(request)
    assert (row.phase, row.debited, row.reserved) == (P.COMMITTED, 400, 0)
    assert the.sums() == {ANN: -400, BOB: 400}
    owed = the.world.nodes["P"].books.rows[request.key]
    assert isinstance(owed, Request) and owed.phase is RequestPhase.PAID
    signed = Evidence.decode(row.settlement[1])
    assert row.settlement[0] == descriptor and signed.shares
    assert commit_id(descriptor)
    again = approving(the, request, approval(the, request, fee_max=1), descriptor=descriptor)
    assert refused(the.do(again)) == Refusal(Reason.CONFIRMATION_ENDED)
    the.assert_books()


def test_what_is_signed_within_a_node_says_what_was_paid() -> None:
    the = bank()
    request, descriptor = in_house(the)
    shown(the, request)
    other = replace(decode_descriptor(descriptor), terms_root=bytes(32)).encode()
    for bent in (b"", other, b"no descriptor"):
        event = approving(the, request, descriptor=bent)
        assert refused(the.do(event)) == Refusal(Reason.REQUEST_MISMATCH)


def test_nobody_pays_himself() -> None:
    the = bank()
    request, descriptor = in_house(the, ANN)
    shown(the, request)
    event = approving(the, request, descriptor=descriptor)
    assert refused(the.do(event)) == Refusal(Reason.SELF_PAYMENT)


def test_the_owner_pays_one_of_his_people() -> None:
    the = bank()
    request, descriptor = in_house(the)
    answered(the.do(brought(the.world, request, b"")))
    answered(the.do(PresentRequest(the.world.now_us, approval_id(request), b"")))
    assert the.confirmation(request).owned
    answered(the.do(approving(the, request, person=b"", descriptor=descriptor)))
    assert the.sums() == {LINES: -400, BOB: 400}
    the.assert_books()


def test_the_owner_has_no_passkey() -> None:
    """He approves by his node's own key: anything else is refused, and breaks nothing."""
    the = bank()
    request = asked(the)
    answered(the.do(brought(the.world, request, b"")))
    answered(the.do(PresentRequest(the.world.now_us, approval_id(request), b"")))
    event = approving(the, request, person=b"")
    said = PasskeyProof(b"passkey", b"cose", b"", b"", b"", "")
    event = replace(event, approved=Approved(event.approval.encode(), said).encode())
    assert refused(the.do(event)) == Refusal(Reason.APPROVAL_MISMATCH)


TERMS = MandateTerms(300, DAY_US, 500, 900, 10**16)


def mandate(the: Bank, **terms: int) -> Request:
    """Ann has paid 100 to Q and lets it take more of its kind."""
    caps = replace(TERMS, **terms)
    granting = asked(the, 100, mandate=caps)
    paid(the, granting)
    return granting


def charge(the: Bank, granting: Request, amount: int, **changes: object) -> Refusal | None:
    """A further request under the standing approval, without Ann."""
    under = request_hash(granting.signed)
    request = asked(the, amount, **({"under": under} | changes))
    answered(the.do(brought(the.world, request)))
    said = approval(the, request, fee_max=20)
    applied = the.do(approving(the, request, said, mandate=under))
    refusal = next(e.refusal for e in applied.effects if hasattr(e, "refusal"))
    if refusal is None:
        answered(the.do(attempt(the, request).event))
        the.world.run(the.world.now_us)
        assert the.confirmation(request).phase is P.COMMITTED
    return refusal  # type: ignore[no-any-return]


def test_a_standing_approval_pays_within_its_caps() -> None:
    the = bank()
    granting = mandate(the)
    assert charge(the, granting, 281) == Refusal(Reason.MANDATE_EXCEEDED, 1)
    assert charge(the, granting, 200) is None
    first = the.mandate(granting)
    assert 200 < first.spent <= 220 and first.in_period == first.spent
    assert charge(the, granting, 250) is None
    assert charge(the, granting, 100) == Refusal(
        Reason.MANDATE_EXCEEDED, the.mandate(granting).in_period + 120 - 500
    )
    the.world.now_us += DAY_US
    spent = the.mandate(granting).spent
    assert charge(the, granting, 250) is None  # another period
    assert the.mandate(granting).in_period == the.mandate(granting).spent - spent
    assert charge(the, granting, 250) == Refusal(
        Reason.MANDATE_EXCEEDED,
        max(the.mandate(granting).spent + 270 - 900, the.mandate(granting).in_period + 270 - 500),
    )
    the.assert_books()


def test_a_clock_that_is_set_back_takes_nothing_from_a_period() -> None:
    """Approved before the period began by which it is counted; then it comes to nothing."""
    the = bank()
    granting = mandate(the)
    the.world.now_us = the.mandate(granting).period_from_us + DAY_US
    assert charge(the, granting, 100) is None
    before = the.mandate(granting)
    the.world.now_us -= 10 * US
    under = request_hash(granting.signed)
    request = asked(the, 250, under=under)
    answered(the.do(brought(the.world, request)))
    said = approval(the, request, fee_max=20)
    answered(the.do(approving(the, request, said, mandate=under)))
    assert the.mandate(granting).in_period == before.in_period + 270
    given_up = GiveUpPayment(the.world.now_us, approval_id(request), Refusal(Reason.NO_ROUTE))
    answered(the.do(given_up))
    after = the.mandate(granting)
    assert (after.spent, after.in_period) == (before.spent, before.in_period)


def test_a_revoked_mandate_ends_at_once() -> None:
    the = bank()
    granting = mandate(the)
    revoke = RevokeMandate(the.world.now_us, the.mandate(granting).id, ANN)
    assert refused(the.do(replace(revoke, person=BOB))) == Refusal(Reason.MANDATE_ENDED)
    answered(the.do(revoke))
    assert not the.do(revoke).changes
    assert charge(the, granting, 50) == Refusal(Reason.MANDATE_ENDED)


def test_a_payment_that_came_to_nothing_grants_nothing() -> None:
    """As if it had never been requested."""
    the = bank()
    granting = asked(the, 100, mandate=TERMS)
    shown(the, granting)
    answered(the.do(approving(the, granting)))
    assert not the.mandate(granting).revoked_at_us
    because = Refusal(Reason.NO_ROUTE)
    answered(the.do(GiveUpPayment(the.world.now_us, approval_id(granting), because)))
    assert the.confirmation(granting).phase is P.EXPIRED
    assert the.mandate(granting).revoked_at_us
    assert charge(the, granting, 50) == Refusal(Reason.MANDATE_ENDED)


def test_a_mandate_is_of_one_payee_one_requester_one_time() -> None:
    the = bank()
    granting = mandate(the, until_us=the.world.now_us + MINUTE_US)
    assert charge(the, granting, 50, under=bytes(32)) == Refusal(Reason.MANDATE_ENDED)
    by_other = Requester(SHOP, "Shop")
    assert charge(the, granting, 50, requester=by_other) == Refusal(Reason.MANDATE_ENDED)
    assert charge(the, granting, 50, mandate=TERMS) == Refusal(Reason.MANDATE_ENDED)
    assert charge(the, granting, 50, payee="A") == Refusal(Reason.MANDATE_ENDED)
    the.world.now_us += 2 * MINUTE_US
    assert charge(the, granting, 50) == Refusal(Reason.MANDATE_ENDED)


def test_a_standing_approval_is_not_the_purse_of_another() -> None:
    """Bob cannot have Ann's standing approval pay what was brought to him."""
    the = bank()
    granting = mandate(the)
    under = request_hash(granting.signed)
    request = asked(the, 50, under=under)
    answered(the.do(brought(the.world, request, BOB)))
    event = approving(the, request, approval(the, request, BOB), BOB, mandate=under)
    assert refused(the.do(event)) == Refusal(Reason.MANDATE_ENDED)
