"""Requests that wait for a person: brought, taken, prepared, approved, by whom, and by whom not."""

from dataclasses import replace

import pytest

from node.command.sim.cast import signing_key
from node.command.sim.cores.plan import USD
from node.core.escrow.events import KeepRow
from node.core.people.confirming import STRANGERS_US
from node.core.people.events import EndPerson
from node.core.people.rows import OWNER, ConfirmationPhase, Credential, KnownRequester
from node.core.rows import Payment, Request, RequestPhase
from node.pay_options import PayOptions
from node.people.confirmations import MAX_NAMELESS
from proto.approval import Approved, PasskeyProof, sign_approval
from proto.levels import Level
from proto.reason import Reason
from proto.wire import WireFault
from tests.node.people.house import (
    ANN,
    BOB,
    DAY_US,
    OTHER_SHOP,
    SHOP,
    House,
    by_requester,
    countersigned,
    forged,
    house,
    mandate,
)

P = ConfirmationPhase
ANNS = signing_key("ann")


def phase_of(at: House, confirmation: bytes) -> ConfirmationPhase:
    row = at.confirmations.find(confirmation)
    assert row is not None
    return row.phase


def reason_of(refusal: object) -> Reason | None:
    return getattr(refusal, "reason", None)


async def test_brought_twice_it_is_the_same_and_polled_by_its_secret_alone() -> None:
    async with house() as at:
        signed, _ = at.request()
        first = await at.confirmations.bring(signed, name="ann", nonce=b"n" * 32, state="basket")
        assert await at.confirmations.bring(signed, name="ann") == first
        assert first.refusal is None and len({first.id, first.poll, first.nonce[:16]}) == 3
        found = at.confirmations.find_polled(first.poll)
        assert found is not None and (found.id, found.state) == (first.id, "basket")
        assert at.confirmations.find_polled(first.id) is None  # who knows the link knows no poll
        assert at.confirmations.find_polled(first.poll[:15]) is None
        assert [c.id for c in at.confirmations.pending_of(ANN)] == [first.id]
        assert at.confirmations.pending_of(BOB) == []
        assert at.confirmations.find_of(first.id, BOB) is None


async def test_a_damaged_request_is_not_brought() -> None:
    async with house() as at:
        signed, _ = at.request()
        with pytest.raises(WireFault):
            await at.confirmations.bring(signed[:-1])
        named, _ = at.request(requester=by_requester(OTHER_SHOP))
        with pytest.raises(WireFault):  # who is named as its requester has not signed
            await at.confirmations.bring(named)
        brought = await at.confirmations.bring(countersigned(OTHER_SHOP, named))
        assert brought.refusal is None


async def test_a_name_that_nobody_has_is_answered_alike_and_stays_out_of_reach() -> None:
    async with house() as at:
        known = await at.confirmations.bring(at.request()[0], SHOP.public, "ann")
        signed, _ = at.request()
        unknown = await at.confirmations.bring(signed, SHOP.public, "nobody")
        for brought in (known, unknown):
            assert brought.refusal is None
            row = at.confirmations.find_polled(brought.poll)
            assert row is not None and row.phase is P.RECEIVED
        for person in (OWNER, ANN, BOB):
            assert at.confirmations.find_of(unknown.id, person) is None
            refusal = await at.confirmations.present(unknown.id, person)
            assert reason_of(refusal) is Reason.CONFIRMATION_UNKNOWN
        assert unknown.id not in {c.id for c in at.confirmations.pending_of(OWNER)}


async def test_names_that_nobody_has_do_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert MAX_NAMELESS >= 1000
    monkeypatch.setattr("node.people.confirmations.MAX_NAMELESS", 2)
    async with house() as at:
        known = KnownRequester(SHOP.public, "Shop", "", at.now_us)
        await at.world.tell("P", KeepRow(at.now_us, known))
        brought = [
            await at.confirmations.bring(at.request()[0], SHOP.public, f"nobody{i}")
            for i in range(3)
        ]
        assert all(one.refusal is None for one in brought)
        kept = [at.confirmations.find_polled(one.poll) is not None for one in brought]
        assert kept == [True, True, False]
        known_one = await at.confirmations.bring(at.request()[0], SHOP.public, "ann")
        assert at.confirmations.find_polled(known_one.poll) is not None


async def test_a_stranger_who_fills_the_memory_cannot_try_names_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was dropped never expired when it was polled, and what waited for somebody did."""
    monkeypatch.setattr("node.people.confirmations.MAX_NAMELESS", 2)
    async with house() as at:
        first = [at.request()[0] for _ in range(2)]
        for no, signed in enumerate(first):
            assert (await at.confirmations.bring(signed, SHOP.public, f"x{no}")).refusal is None
        for name in ("ann", "nobody"):
            brought = await at.confirmations.bring(at.request()[0], SHOP.public, name)
            assert reason_of(brought.refusal) is Reason.LIMIT_REACHED, name
            assert at.confirmations.find_polled(brought.poll) is None
        # What was brought before is found again, and a link needs no name.
        assert (await at.confirmations.bring(first[0], SHOP.public, "x0")).refusal is None
        assert (await at.confirmations.bring(at.request()[0], SHOP.public)).refusal is None


@pytest.mark.parametrize("name", ["ann", "nobody"])
async def test_what_a_stranger_brings_does_not_wait_for_years(name: str) -> None:
    async with house() as at:
        signed, _ = at.request(expires_at_us=at.now_us + 3650 * DAY_US)
        brought = await at.confirmations.bring(signed, SHOP.public, name)
        assert 0 <= at.now_us + STRANGERS_US - brought.expires_at_us < DAY_US


async def test_a_link_without_a_name_is_of_who_opens_it_first() -> None:
    async with house() as at:
        brought = await at.confirmations.bring(at.request()[0], SHOP.public)
        assert brought.id in {c.id for c in at.confirmations.pending_of(OWNER)}
        assert at.confirmations.find_of(brought.id, ANN) is not None
        assert await at.confirmations.present(brought.id, ANN) is None
        assert at.confirmations.pending_of(OWNER) == []
        for person in (OWNER, BOB):
            assert at.confirmations.find_of(brought.id, person) is None
            refusal = await at.confirmations.deny(brought.id, person)
            assert reason_of(refusal) is Reason.CONFIRMATION_UNKNOWN
        assert await at.confirmations.deny(brought.id, ANN) is None
        assert phase_of(at, brought.id) is P.DENIED


async def test_what_is_approved_becomes_a_payment_within_its_limits() -> None:
    async with house() as at:
        at.finder.fee = 12
        signed, request = at.request()
        taken, refusal = await at.confirmations.take(ANN, signed)
        assert refusal is None
        row = at.confirmations.find(taken)
        assert row is not None
        prepared = await at.confirmations.prepare(row, ANN)
        assert (prepared.amount, prepared.fee, prepared.fee_max, prepared.total) == (
            *(700, 12, 15, 715),
        )
        assert prepared.first_levels == {Level.ATOMIC} and prepared.final_within_s > 2
        assert await at.approve(taken, ANN, ANNS) is None
        assert at.purse(ANN).reserved == 715
        payment = at.world.engine("P").memory.row((Payment.table, taken, b""))
        assert isinstance(payment, Payment) and payment.amount == 700
        options = PayOptions.from_json(payment.options)
        assert options.max_cost == 715 and options.first_levels == {Level.ATOMIC}
        assert prepared.valid_until_us <= options.until_us <= request.expires_at_us
        assert payment.request == signed


@pytest.mark.parametrize("case", ["key of another", "forged", "nobody's", "owner's", "mandate"])
async def test_nobody_else_approves(case: str) -> None:
    async with house() as at:
        taken, _ = await at.confirmations.take(ANN, at.request()[0])
        row = at.confirmations.find(taken)
        assert row is not None
        approval = (await at.confirmations.prepare(row, ANN)).approval(ANN)
        approved = {
            "key of another": sign_approval(signing_key("bob"), approval),
            "forged": forged(sign_approval(ANNS, approval)),
            "nobody's": sign_approval(signing_key("stranger"), approval),
            "owner's": sign_approval(at.key, approval),
            "mandate": Approved(approval.encode(), b"m" * 32),
        }[case]
        refusal = await at.confirmations.approve(taken, ANN, approved)
        assert reason_of(refusal) is Reason.APPROVAL_MISMATCH
        assert phase_of(at, taken) is P.PRESENTED and at.purse(ANN).reserved == 0
        # Bob cannot do it in his own name, either.
        refusal = await at.confirmations.approve(
            taken, BOB, sign_approval(signing_key("bob"), replace(approval, person=BOB))
        )
        assert reason_of(refusal) is Reason.CONFIRMATION_UNKNOWN


async def test_a_passkey_that_is_not_the_persons_or_has_ended_approves_nothing() -> None:
    async with house() as at:
        taken, _ = await at.confirmations.take(ANN, at.request()[0])
        row = at.confirmations.find(taken)
        assert row is not None
        approval = (await at.confirmations.prepare(row, ANN)).approval(ANN)
        proof = PasskeyProof(b"c" * 20, b"cose", b"", b"", b"", "https://bank.example")
        refusal = await at.confirmations.approve(taken, ANN, Approved(approval.encode(), proof))
        assert reason_of(refusal) is Reason.APPROVAL_MISMATCH
        memory = at.world.engine("P").memory
        mine = memory.row((Credential.table, ANN, ANNS.public))
        assert isinstance(mine, Credential)
        # A key of a command line is no passkey, though its id is right.
        as_passkey = replace(proof, credential=mine.id, public_key=mine.public_key)
        refusal = await at.confirmations.approve(
            taken, ANN, Approved(approval.encode(), as_passkey)
        )
        assert reason_of(refusal) is Reason.APPROVAL_MISMATCH
        await at.world.tell("P", KeepRow(at.now_us, replace(mine, ended_at_us=at.now_us)))
        signed = sign_approval(ANNS, approval)
        refusal = await at.confirmations.approve(taken, ANN, signed)
        assert reason_of(refusal) is Reason.APPROVAL_MISMATCH


async def test_an_approval_does_not_last_for_ever() -> None:
    async with house() as at:
        taken, _ = await at.confirmations.take(ANN, at.request()[0])
        row = at.confirmations.find(taken)
        assert row is not None
        approval = (await at.confirmations.prepare(row, ANN)).approval(ANN)
        lasting = replace(approval, valid_until_us=at.now_us + DAY_US)
        refusal = await at.confirmations.approve(taken, ANN, sign_approval(ANNS, lasting))
        assert reason_of(refusal) is Reason.APPROVAL_MISMATCH


async def test_the_account_bounds_the_fees_before_it_refuses() -> None:
    async with house(limit=705) as at:
        taken, _ = await at.confirmations.take(ANN, at.request()[0])
        row = at.confirmations.find(taken)
        assert row is not None
        at.finder.fee = 4
        prepared = await at.confirmations.prepare(row, ANN)
        assert prepared.payable and prepared.total == 705
        at.finder.fee = 8
        prepared = await at.confirmations.prepare(row, ANN)
        assert prepared.because is not None
        assert (prepared.because.reason, prepared.because.figure) == (Reason.BALANCE_SHORT, 3)
        # The node's owner has no purse: his lines are the bound.
        assert (await at.confirmations.prepare(row, OWNER)).payable


async def test_without_a_chain_it_says_why() -> None:
    async with house() as at:
        taken, _ = await at.confirmations.take(ANN, at.request()[0])
        row = at.confirmations.find(taken)
        assert row is not None
        at.finder.fee = None
        prepared = await at.confirmations.prepare(row, ANN)
        assert prepared.because is not None and prepared.no is not None
        assert prepared.because.reason is Reason.NO_ROUTE and prepared.risk == ""
        goods, _ = at.request(exchange=b"x" * 32)
        taken, _ = await at.confirmations.take(ANN, goods)
        row = at.confirmations.find(taken)
        assert row is not None
        assert not (await at.confirmations.prepare(row, ANN)).payable


async def test_within_this_node_it_is_booked_at_once() -> None:
    async with house() as at:
        signed, request = await at.asked_by(BOB)
        taken, refusal = await at.confirmations.take(ANN, signed)
        assert refusal is None
        assert await at.approve(taken, ANN, ANNS) is None
        assert phase_of(at, taken) is P.COMMITTED and at.finder.asked == []
        assert (at.purse(ANN).balance, at.purse(BOB).balance) == (-700, 700)
        row = at.world.engine("P").memory.row((Request.table, request.request_id, b""))
        assert isinstance(row, Request) and row.phase is RequestPhase.PAID
        books = at.confirmations.journal.books()
        assert books.faults == () and books.entries == 1
        # Nobody pays himself.
        own, _ = await at.asked_by(ANN)
        taken, _ = await at.confirmations.take(ANN, own)
        found = at.confirmations.find(taken)
        assert found is not None
        prepared = await at.confirmations.prepare(found, ANN)
        assert prepared.because is not None
        assert prepared.because.reason is Reason.SELF_PAYMENT


async def test_the_owner_pays_one_of_his_people() -> None:
    async with house() as at:
        signed, _ = await at.asked_by(BOB)
        taken, _ = await at.confirmations.take(OWNER, signed)
        assert await at.approve(taken, OWNER, at.key) is None
        assert at.purse(BOB).balance == 700
        books = at.confirmations.journal.books()
        assert books.faults == ()
        assert [(p.people, p.own) for p in books.positions] == [(700, -700)]


async def granted(at: House, **caps: int) -> bytes:
    """Ann allows bob a standing approval; the hash that later requests name."""
    signed, _ = await at.asked_by(BOB, mandate=mandate(at, **caps))
    taken, _ = await at.confirmations.take(ANN, signed)
    assert await at.approve(taken, ANN, ANNS) is None
    (row,) = at.confirmations.mandates_of(ANN)
    return row.id


async def test_a_standing_approval_pays_without_asking_within_its_caps() -> None:
    async with house() as at:
        under = await granted(at)
        for _ in range(3):  # 700 each, 2200 a day
            signed, _request = await at.asked_by(BOB, under=under)
            brought = await at.confirmations.bring(signed, at.key.public)
            assert phase_of(at, brought.id) is P.COMMITTED
        signed, _ = await at.asked_by(BOB, under=under)
        brought = await at.confirmations.bring(signed, at.key.public, "ann")
        assert phase_of(at, brought.id) is P.RECEIVED
        assert [c.id for c in at.confirmations.pending_of(ANN)] == [brought.id]
        assert at.confirmations.journal.books().faults == ()


async def test_a_revoked_one_pays_nothing_from_that_moment_on() -> None:
    async with house() as at:
        under = await granted(at)
        refusal = await at.confirmations.revoke(under, BOB)
        assert reason_of(refusal) is Reason.MANDATE_ENDED  # it is not his
        assert await at.confirmations.revoke(under, ANN) is None
        signed, _ = await at.asked_by(BOB, under=under)
        brought = await at.confirmations.bring(signed, at.key.public)
        assert phase_of(at, brought.id) is P.RECEIVED and at.purse(ANN).balance == -700


async def test_it_serves_its_own_payee_and_requester_alone() -> None:
    async with house() as at:
        under = await granted(at)
        signed, _ = at.request(OTHER_SHOP, under=under)
        brought = await at.confirmations.bring(signed, OTHER_SHOP.public)
        assert phase_of(at, brought.id) is P.RECEIVED
        assert at.confirmations.find_of(brought.id, BOB) is not None  # nobody's yet: not Ann's
        by_another, _ = await at.asked_by(BOB, under=under, requester=by_requester(OTHER_SHOP))
        asked = countersigned(OTHER_SHOP, by_another)
        brought = await at.confirmations.bring(asked, OTHER_SHOP.public)
        assert phase_of(at, brought.id) is P.RECEIVED


async def test_a_closed_account_is_asked_like_one_that_never_was() -> None:
    async with house() as at:
        waiting = await at.confirmations.bring(at.request()[0], SHOP.public, "ann")
        await at.world.tell("P", EndPerson(at.now_us, ANN))
        assert phase_of(at, waiting.id) is P.DENIED
        later = await at.confirmations.bring(at.request()[0], SHOP.public, "ann")
        assert later.refusal is None
        taken, _ = await at.confirmations.take(ANN, at.request()[0])
        row = at.confirmations.find(taken)
        assert row is not None and row.brand == USD
        approval = (await at.confirmations.prepare(row, ANN)).approval(ANN)
        refusal = await at.confirmations.approve(taken, ANN, sign_approval(ANNS, approval))
        assert reason_of(refusal) is Reason.APPROVAL_MISMATCH  # its key has ended
