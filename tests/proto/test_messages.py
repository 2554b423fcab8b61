"""Messages between neighbours (protocol section 8) and the closed list of reasons."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import R1, signing_key
from proto import messages as m
from proto.levels import Level
from proto.limits import MAX_AMOUNT, MAX_DESCRIPTOR_BYTES, MAX_POLICY_MEMBERS
from proto.messages import MESSAGE_KIND, decode, encode
from proto.money import Brand
from proto.onion import PACKET_BYTES
from proto.reason import Reason, Refusal
from proto.v1 import node_pb2 as pb
from proto.wire import WireFault
from tests.proto.build import DESCRIPTOR, abort_certificate, commit_certificate, make_commit

A, B = signing_key("a").node_id, signing_key("b").node_id
ID, LINE = b"p" * 16, b"l" * 16
NO = Refusal(Reason.CREDIT_SHORT, 12)
PROMISE = m.Promise(
    ID, LINE, DESCRIPTOR.encode(), 100, Level.SECURED, 5, bytes(PACKET_BYTES), (b"a", b"b")
)

BODIES: list[m.Body] = [
    m.LineOffer(LINE, Brand(b"b" * 16, "USD", 5, b"i" * 32), 1000),
    m.LineAccept(LINE, 0),
    m.LineLimit(LINE, MAX_AMOUNT, 3),
    m.LineClose(LINE),
    m.LineState(LINE, 9, MAX_AMOUNT, b"h" * 32),
    PROMISE,
    replace(PROMISE, level=Level.ATOMIC, expires_at_us=0, admitted=()),
    m.Accepted(ID),
    m.Refuse(ID, NO),
    m.Abandon(ID),
    m.Release(ID, Refusal(Reason.PAYEE_DECLINED)),
    m.Claim(ID, make_commit(DESCRIPTOR)),
    m.Claim(ID, commit_certificate(DESCRIPTOR, R1)),
    m.Denied(ID, Refusal(Reason.CLAIM_LATE, 7)),
    m.Redeemed(ID, LINE, 4, 400),
    m.Passed(ID, abort_certificate(DESCRIPTOR, R1)),
]


@pytest.mark.parametrize("body", BODIES, ids=lambda b: type(b).__name__)
def test_messages_travel_and_name_their_receiver(body: m.Body) -> None:
    assert decode(encode(A, B, body)) == (A, B, body)


def test_every_kind_of_message_is_tested_and_in_the_schema() -> None:
    kinds = {type(b).__name__ for b in BODIES}
    assert kinds == {k.__name__ for k in get_args(m.Body)}
    schema = pb.NodeMessage.DESCRIPTOR.oneofs_by_name["body"].fields
    assert {f.message_type.name for f in schema} == kinds
    assert MESSAGE_KIND == "pledgeway/message/v1"


def altered(body: m.Body, change: Callable[[pb.NodeMessage], object]) -> bytes:
    message = pb.NodeMessage.FromString(encode(A, B, body))
    change(message)
    return message.SerializeToString()


def promise(field: str, value: object) -> bytes:
    return altered(PROMISE, lambda x: setattr(x.promise, field, value))


ATOMIC = replace(PROMISE, level=Level.ATOMIC, expires_at_us=0)
REFUSED: dict[str, Callable[[], bytes]] = {
    "no sender": lambda: altered(PROMISE, lambda x: x.ClearField("sender")),
    "short receiver": lambda: altered(PROMISE, lambda x: setattr(x, "receiver", b"r" * 31)),
    "no body": lambda: pb.NodeMessage(sender=A, receiver=B).SerializeToString(),
    "no message": lambda: b"\xff",
    "short promise id": lambda: promise("promise", b"p" * 15),
    "no line": lambda: promise("line", b""),
    "large descriptor": lambda: promise("descriptor", bytes(MAX_DESCRIPTOR_BYTES + 1)),
    "amount beyond 63 bits": lambda: promise("amount", 2**63),
    "unknown level": lambda: promise("level", 4),
    "negative expiry": lambda: promise("expires_at_us", -1),
    "no expiry where the level has one": lambda: promise("expires_at_us", 0),
    "expiry where the level has none": lambda: altered(
        ATOMIC, lambda x: setattr(x.promise, "expires_at_us", 1)
    ),
    "short packet": lambda: promise("packet", bytes(PACKET_BYTES - 1)),
    "too many admissions": lambda: altered(
        PROMISE, lambda x: x.promise.admitted.extend([b"a"] * (MAX_POLICY_MEMBERS - 1))
    ),
    "limit beyond 63 bits": lambda: altered(
        BODIES[0], lambda x: setattr(x.line_offer, "limit", 2**63)
    ),
    "offer without brand": lambda: altered(BODIES[0], lambda x: x.line_offer.ClearField("brand")),
    "total beyond 63 bits": lambda: altered(
        m.Redeemed(ID, LINE, 1, 1), lambda x: setattr(x.redeemed, "total", 2**63)
    ),
    "unknown reason": lambda: altered(
        m.Refuse(ID, NO), lambda x: setattr(x.refuse.refusal, "reason", 9999)
    ),
    "no reason": lambda: altered(m.Refuse(ID, NO), lambda x: x.refuse.ClearField("refusal")),
    "figure beyond 63 bits": lambda: altered(
        m.Denied(ID, NO), lambda x: setattr(x.denied.refusal, "figure", 2**63)
    ),
    "claim without evidence": lambda: altered(
        m.Claim(ID, make_commit(DESCRIPTOR)), lambda x: x.claim.ClearField("commit")
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    with pytest.raises(WireFault):
        decode(REFUSED[name]())


@pytest.mark.parametrize("body", BODIES, ids=lambda b: type(b).__name__)
def test_ids_have_sixteen_bytes_everywhere(body: m.Body) -> None:
    for field in fields(body):
        if field.name in ("promise", "line"):
            for size in (0, 15, 17):
                bad = replace(body, **{field.name: bytes(size)})  # type: ignore[arg-type]
                with pytest.raises(WireFault):
                    decode(encode(A, B, bad))


@given(st.sampled_from(BODIES), st.integers(0, 10**6))
def test_a_flipped_bit_is_read_or_refused_never_a_crash(body: m.Body, position: int) -> None:
    data = bytearray(encode(A, B, body))
    bit = position % (len(data) * 8)
    data[bit // 8] ^= 1 << bit % 8
    try:
        sender, receiver, read = decode(bytes(data))
    except WireFault:
        return
    assert decode(encode(sender, receiver, read)) == (sender, receiver, read)


@given(st.binary(max_size=200))
def test_noise_is_a_fault_or_a_message(noise: bytes) -> None:
    try:
        decode(noise)
    except WireFault:
        return


@given(st.sampled_from(list(Reason)), st.integers(0, 2**70))
def test_figures_are_cut_to_what_travels(reason: Reason, figure: int) -> None:
    _, _, read = decode(encode(A, B, m.Refuse(ID, Refusal(reason, figure))))
    assert read == m.Refuse(ID, Refusal(reason, min(figure, MAX_AMOUNT)))


def test_reasons_leave_zero_free() -> None:
    """An absent reason on the wire reads as 0, and must not mean anything."""
    assert 0 not in {int(r) for r in Reason}
