"""What a receipt proves, and that whatever is changed in it proves nothing."""

from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import (
    NOW_US,
    R1,
    R2,
    R3,
    R4,
    RECORDS,
    SECOND,
    SINGLE,
    TWO_OF_THREE,
    digest,
    make_registry,
    signing_key,
)
from proto.approval import sign_approval
from proto.certificate import CertificateFault
from proto.policy import EMPTY_POLICY, single
from proto.receipt import MAX_RECEIPT_BYTES, PaymentReceipt, read_receipt
from proto.receipt_check import Paid, ReceiptFault, ReceiptInvalid, RestsOn, Trust, check_receipt
from proto.request import countersign, request_hash
from proto.request_parts import Requester
from proto.wire import WireFault
from tests.proto import receipts as r


def check(receipt: PaymentReceipt, now_us: int = NOW_US, trust: Trust | None = None) -> Paid:
    return check_receipt(receipt.encode(), {}, now_us, trust)


def fault(receipt: PaymentReceipt, trust: Trust | None = None) -> ReceiptFault:
    with pytest.raises(ReceiptInvalid) as caught:
        check(receipt, trust=trust)
    return caught.value.fault


# ---------------------------------------------------------------- what is proven


def test_a_certified_payment_is_proven() -> None:
    paid = check(r.certified())
    assert (paid.payee, paid.amount, paid.brand) == (r.PAYEE.node_id, 700, r.BRAND)
    assert paid.rests_on is RestsOn.CERTIFIED and paid.policy == SINGLE
    assert paid.request_hash == request_hash(r.signed(r.REQUEST))
    assert paid.order_hash == digest("one lamp") and paid.approved is None
    assert [one.registry for one in paid.deciders] == [R1.id]
    assert paid.decided_at_us == paid.deciders[0].decided_at_us and not paid.deciders[0].logged
    assert not paid.requested and paid.booked_by is None


def test_the_amount_that_a_payer_chose_is_proven() -> None:
    assert check(r.certified(r.CHOOSING, 650)).amount == 650


def test_the_requester_is_known_where_it_signed() -> None:
    receipt = r.certified(r.ASKED)
    assert not check(receipt).requested
    paid = check(replace(receipt, request=r.asked(r.ASKED)))
    assert paid.requested and paid.request_hash == request_hash(r.signed(r.ASKED))


def test_a_payment_that_nobody_decides_rests_on_the_payees_commit() -> None:
    paid = check(r.bare())
    assert paid.rests_on is RestsOn.BARE_COMMIT and paid.policy == EMPTY_POLICY
    assert paid.booked_by == r.NEIGHBOUR.node_id and paid.decided_at_us is None
    assert check(replace(r.bare(), booking=b"")).booked_by is None


def test_a_payment_in_house_says_so() -> None:
    assert check(r.in_house()).rests_on is RestsOn.IN_HOUSE
    at_home = replace(r.REQUEST, audience=r.PAYEE.node_id)
    assert check(replace(r.bare(at_home), booking=b"")).rests_on is RestsOn.IN_HOUSE
    assert check(replace(r.certified(), booking=r.booking(r.PAYEE))).rests_on is RestsOn.CERTIFIED


def test_the_time_is_that_of_the_statement_that_completed_the_quorum() -> None:
    request = replace(r.REQUEST, policies=(TWO_OF_THREE,))
    descriptor = r.descriptor_for(request, policy=TWO_OF_THREE)
    receipt = PaymentReceipt(
        r.signed(request), descriptor.encode(), r.certificate_file(descriptor, R1, R2, R3)
    )
    paid = check(receipt)
    assert paid.decided_at_us == sorted(d.decided_at_us for d in paid.deciders)[1]
    assert len(paid.deciders) == 3


def test_an_approval_is_of_this_payment() -> None:
    approved = r.by_passkey()
    assert check(replace(r.certified(), approved=approved.encode())).approved == approved


# ---------------------------------------------------------------- what proves nothing

OTHER = replace(r.REQUEST, request_id=digest("other")[:16], committer_key=digest("other"))


def other_transaction() -> bytes:
    return r.certificate_file(r.descriptor_for(r.REQUEST, salt=digest("another salt")))


CASES: dict[str, tuple[Callable[[], PaymentReceipt], ReceiptFault]] = {
    "another request": (
        lambda: replace(r.certified(), request=r.signed(OTHER)), ReceiptFault.COMMITTER),
    "the same key in another request": (
        lambda: replace(r.certified(), request=r.signed(replace(r.REQUEST, description="Two"))),
        ReceiptFault.TERMS),
    "a dearer request": (
        lambda: replace(r.certified(), request=r.signed(replace(r.REQUEST, amount=701))),
        ReceiptFault.TERMS),
    "an amount that was not chosen": (
        lambda: replace(r.certified(r.CHOOSING, 650), amount=651), ReceiptFault.TERMS),
    "an amount outside the range": (lambda: r.certified(r.CHOOSING, 901), ReceiptFault.AMOUNT),
    "no amount where one was chosen": (
        lambda: replace(r.certified(r.CHOOSING, 650), amount=0), ReceiptFault.AMOUNT),
    "an amount where none was chosen": (
        lambda: replace(r.certified(), amount=700), ReceiptFault.AMOUNT),
    "a deadline beyond the request's": (
        lambda: r.certified(deadline_us=r.REQUEST.latest_deadline_us + 1), ReceiptFault.DEADLINE),
    "a second committer": (
        lambda: r.certified(committers=(r.COMMITTER.public, digest("x"))), ReceiptFault.COMMITTER),
    "a hashlock": (lambda: r.certified(hashlocks=(digest("x"),)), ReceiptFault.COMMITTER),
    "no evidence": (lambda: replace(r.certified(), certificate=b""), ReceiptFault.NO_EVIDENCE),
    "two evidences": (
        lambda: replace(r.certified(), commit=r.bare().commit), ReceiptFault.TWO_EVIDENCES),
    "a bare commit where registries decide": (
        lambda: replace(r.certified(), certificate=b"",
                        commit=r.commit_of(r.descriptor_for(r.REQUEST), r.COMMITTER)),
        ReceiptFault.UNDECIDED),
    "a commit of somebody else": (
        lambda: replace(r.bare(), commit=r.commit_of(
            r.descriptor_for(r.REQUEST, policy=EMPTY_POLICY), r.SHOP)), ReceiptFault.COMMIT),
    "a commit of another transaction": (
        lambda: replace(r.bare(), commit=r.commit_of(
            r.descriptor_for(r.REQUEST), r.COMMITTER)), ReceiptFault.COMMIT),
    "a certificate of another transaction": (
        lambda: replace(r.certified(), certificate=other_transaction()),
        ReceiptFault.OTHER_TRANSACTION),
    "an abort certificate": (
        lambda: replace(r.certified(), certificate=r.certificate_file(
            r.descriptor_for(r.REQUEST), abort=True)), ReceiptFault.ABORTED),
    "a registry outside the policy": (
        lambda: replace(r.certified(), certificate=r.certificate_file(
            r.descriptor_for(r.REQUEST), R2)), ReceiptFault.CERTIFICATE),
    "no certificate at all": (
        lambda: replace(r.certified(), certificate=b"\xff"), ReceiptFault.CERTIFICATE_FORM),
    "a policy that the payee did not name": (
        lambda: PaymentReceipt(
            r.signed(r.REQUEST), (d := r.descriptor_for(r.REQUEST, policy=single(R4.id))).encode(),
            r.certificate_file(d, R4)), ReceiptFault.UNTRUSTED),
    "a booking for somebody else": (
        lambda: replace(r.bare(), booking=r.booking(receiver=r.PAYER)), ReceiptFault.BOOKING),
    "a booking that is none": (lambda: replace(r.bare(), booking=b"\xff"), ReceiptFault.BOOKING),
    "a requester that is not named": (
        lambda: replace(r.certified(), request=countersign(r.SHOP, r.signed(r.REQUEST))),
        ReceiptFault.REQUESTER),
    "another requester than is named": (
        lambda: replace(r.certified(r.ASKED), request=countersign(r.PAYER, r.signed(r.ASKED))),
        ReceiptFault.REQUESTER),
    "a descriptor that is none": (
        lambda: replace(r.certified(), descriptor=b"\xff"), ReceiptFault.DESCRIPTOR),
    "an approval that is none": (
        lambda: replace(r.certified(), approved=b"\xff"), ReceiptFault.APPROVAL),
    "an approval of another request": (
        lambda: replace(r.certified(), approved=sign_approval(
            r.PAYER, replace(r.APPROVAL, request_hash=digest("x"))).encode()),
        ReceiptFault.OTHER_APPROVAL),
    "an approval of less": (
        lambda: replace(r.certified(), approved=sign_approval(
            r.PAYER, replace(r.APPROVAL, total_debit_max=699)).encode()),
        ReceiptFault.OTHER_APPROVAL),
    "an approval of more to arrive": (
        lambda: replace(r.certified(), approved=sign_approval(
            r.PAYER, replace(r.APPROVAL, fee_max=4)).encode()), ReceiptFault.OTHER_APPROVAL),
    "an approval of another brand": (
        lambda: replace(r.certified(), approved=sign_approval(
            r.PAYER, replace(r.APPROVAL, brand=digest("EUR")[:16])).encode()),
        ReceiptFault.OTHER_APPROVAL),
    "an approval of other registries": (
        lambda: replace(r.certified(), approved=sign_approval(
            r.PAYER, replace(r.APPROVAL, policies=(single(R2.id),))).encode()),
        ReceiptFault.OTHER_APPROVAL),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_does_not_fit_proves_nothing(name: str) -> None:
    made, expected = CASES[name]
    assert fault(made()) is expected


def test_every_fault_has_a_case() -> None:
    shown = {expected for _, expected in CASES.values()}
    # Those of legs have a table in test_receipt_legs; form and request are flipped below.
    legs = {ReceiptFault.OPENING, ReceiptFault.OTHER_PAYEE, ReceiptFault.OTHER_BRAND,
            ReceiptFault.OTHER_PAYER, ReceiptFault.OTHER_EXCHANGE}  # fmt: skip
    assert set(ReceiptFault) == shown | legs | {ReceiptFault.FORM, ReceiptFault.REQUEST}


def test_a_key_that_has_ended_proves_nothing_without_its_log() -> None:
    ended = make_registry("brief", not_after_us=NOW_US + 60 * SECOND)
    request = replace(r.REQUEST, policies=(single(ended.id),))
    descriptor = r.descriptor_for(request, policy=single(ended.id))
    receipt = PaymentReceipt(
        r.signed(request), descriptor.encode(), r.certificate_file(descriptor, ended)
    )
    assert check(receipt).rests_on is RestsOn.CERTIFIED
    with pytest.raises(ReceiptInvalid) as caught:
        check(receipt, NOW_US + 61 * SECOND)
    assert caught.value.fault is ReceiptFault.CERTIFICATE
    assert caught.value.certificate is CertificateFault.UNLOGGED


# ---------------------------------------------------------------- whom the caller trusts


def test_the_caller_says_whom_it_trusts() -> None:
    receipt = r.certified()
    assert check(receipt, trust=Trust(frozenset({R1.id}))).rests_on is RestsOn.CERTIFIED
    assert check(receipt, trust=Trust(policies=frozenset({SINGLE}))).policy == SINGLE
    assert fault(receipt, Trust(frozenset({R2.id}))) is ReceiptFault.UNTRUSTED
    assert fault(receipt, Trust()) is ReceiptFault.UNTRUSTED


def test_a_quorum_of_trusted_registries_is_needed() -> None:
    request = replace(r.REQUEST, policies=(TWO_OF_THREE,))
    descriptor = r.descriptor_for(request, policy=TWO_OF_THREE)
    two = r.certificate_file(descriptor, R1, R2)
    receipt = PaymentReceipt(r.signed(request), descriptor.encode(), two)
    assert check(receipt, trust=Trust(frozenset({R1.id, R2.id}))).amount == 700
    assert fault(receipt, Trust(frozenset({R1.id, R3.id}))) is ReceiptFault.UNTRUSTED


def test_records_of_the_caller_complete_those_of_the_file() -> None:
    receipt = r.certified()
    file = r.pb.CertificateFile.FromString(receipt.certificate)
    del file.records[:]
    without = replace(receipt, certificate=file.SerializeToString())
    assert fault(without) is ReceiptFault.CERTIFICATE
    assert check_receipt(without.encode(), RECORDS, NOW_US).amount == 700


# ---------------------------------------------------------------- bytes


@pytest.mark.parametrize("made", [r.certified, r.bare, r.in_house, r.with_goods])
def test_a_receipt_is_read_as_it_was_written(made: Callable[[], PaymentReceipt]) -> None:
    receipt = made()
    assert read_receipt(receipt.encode()) == receipt


@pytest.mark.parametrize(
    "whole",
    [replace(r.certified(r.CHOOSING, 650), booking=r.booking()), r.bare(), r.with_goods()],
    ids=["certified", "bare", "with goods"],
)
def test_every_part_flipped_proves_nothing(whole: PaymentReceipt) -> None:
    """One bit of every third byte of each part; what is left valid may only say the very same."""
    proven = check(whole)
    for part in ("request", "leg_request", "descriptor", "certificate", "commit", "booking"):
        data = getattr(whole, part)
        for at in range(0, len(data), 3):
            flipped = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
            try:
                found = check(replace(whole, **{part: flipped}))
            except ReceiptInvalid:
                continue
            # Only words about registries that no signature of the certificate covers.
            assert part == "certificate", (part, at)
            assert replace(found, deciders=proven.deciders) == proven, at
    for number, opening in enumerate(whole.openings):
        for at in range(0, len(opening), 3):
            flipped = opening[:at] + bytes([opening[at] ^ 1 << at % 8]) + opening[at + 1 :]
            shown = (*whole.openings[:number], flipped, *whole.openings[number + 1 :])
            with pytest.raises(ReceiptInvalid):
                check(replace(whole, openings=shown))


@given(st.integers(0, 10_000), st.integers(1, 40))
def test_what_is_cut_short_proves_nothing(start: int, length: int) -> None:
    data = r.certified().encode()
    start %= len(data)
    with pytest.raises(ReceiptInvalid):
        check_receipt(data[:start] + data[start + length :], {}, NOW_US)


def test_what_is_too_long_is_not_read() -> None:
    with pytest.raises(ReceiptInvalid) as caught:
        check_receipt(bytes(MAX_RECEIPT_BYTES + 1), {}, NOW_US)
    assert caught.value.fault is ReceiptFault.FORM
    receipt = r.certified()
    for part, most in (("booking", 1025), ("approved", 8193), ("commit", 16_385)):
        with pytest.raises(WireFault):
            read_receipt(replace(receipt, **{part: bytes(most)}).encode())
    with pytest.raises(WireFault):
        read_receipt(replace(receipt, openings=(b"x",) * 4).encode())
    for empty in (b"", replace(receipt, request=b"").encode(), PaymentReceipt(b"x", b"").encode()):
        with pytest.raises(WireFault):
            read_receipt(empty)
    with pytest.raises(WireFault):
        read_receipt(replace(receipt, amount=2**63).encode())


def test_a_receipt_has_one_form() -> None:
    data = r.certified().encode()
    for other in (data + b"\x30\x00", data + b"\x7a\x00", b"\x30\x05" + data):
        with pytest.raises(ReceiptInvalid) as caught:
            check_receipt(other, {}, NOW_US)
        assert caught.value.fault is ReceiptFault.FORM


def test_every_field_of_the_request_flipped_is_another_payment() -> None:
    receipt = r.certified()
    others = {
        "amount": 701, "amount_min": 1, "description": "Two lamps", "order_hash": digest("two"),
        "committer_key": digest("x"), "request_id": digest("x")[:16], "payee_alias": "Lanterns",
        "latest_deadline_us": NOW_US, "expires_at_us": NOW_US + 1, "policies": (single(R2.id),),
        "brand": r.common_brand("EUR"), "person": digest("x")[:16], "retry_of": digest("x"),
        "refund_to": "x", "under": digest("x"), "domain": "x.example", "exchange": digest("x"),
        "audience": digest("x"), "session_nonce": digest("x"), "created_at_us": 1,
        "payee_margin_us": 1, "decline_hashes": (digest("x"),),
        "last_levels": frozenset({r.Level.BARE}), "requester": Requester(digest("x")),
    }  # fmt: skip
    for name, value in others.items():
        changed = replace(r.REQUEST, **{name: value})
        assert fault(replace(receipt, request=r.signed(changed))), name
    known = {f.name for f in fields(r.REQUEST)}
    rest = {"payee", "seal_key", "seal_certificate", "mandate", "fees_by_payee"}
    assert known == set(others) | rest, "a field without a case"
    assert fault(replace(receipt, request=b"\xff" + receipt.request)) is ReceiptFault.REQUEST
    foreign = replace(r.REQUEST, payee=signing_key("mallory").node_id)
    assert fault(replace(receipt, request=r.signed(foreign))) is ReceiptFault.REQUEST
