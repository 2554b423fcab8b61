"""Adverts: what floods, who must have signed it, and what is refused (protocol sections 6, 8)."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import NOW_US, R1, R2, SECOND, digest, signing_key
from proto.adverts import (
    LINE_KIND,
    NODE_KIND,
    RECORD_KIND,
    LineAdvert,
    NodeAdvert,
    RecordAdvert,
    read_advert,
)
from proto.envelope import Envelope, Proof
from proto.fees import Exchange, Fee, FeeSet, RegistryFee
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, SealKey, SigningKey
from proto.limits import (
    CLOCK_ERROR_MAX_US,
    MAX_ADVERT_BYTES,
    MAX_ADVERT_REGISTRIES,
    MAX_ALIAS_CHARS,
    MAX_AMOUNT,
    MAX_EXCHANGE_RATES,
)
from proto.modes import Mode
from proto.money import Brand, Rate
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault

NODE, PEER = signing_key("node"), signing_key("peer")
SEAL = SealKey(digest("seal"))
BRAND = Brand(b"b" * 16, "USD")


def seal_certificate(owner: SigningKey = NODE, **changes: int) -> bytes:
    content = KeyCertificate(owner.public, KeyPurpose.SEAL, SEAL.public, 0, 2**62)
    content = replace(content, **changes)  # type: ignore[arg-type]
    return certify_key(owner, content).SerializeToString()


NODE_ADVERT = NodeAdvert(
    node=NODE.node_id,
    alias="Ada",
    sequence=7,
    expires_at_us=NOW_US + SECOND,
    seal_key=SEAL.public,
    seal_certificate=seal_certificate(),
    registries=frozenset({R1.id, R2.id}),
    knows_registries=frozenset({R1.id}),
    watches_registry=True,
    hold_max_us=60 * SECOND,
    fees=FeeSet({Mode.ATOMIC: Fee(), Mode.BARE: Fee(Rate.parse("1.006"), 5)}),
    registry_fees={R1.id: RegistryFee(out_rate=Rate.parse("1.0005"), in_flat=3)},
    exchange=(Exchange(b"b" * 16, b"c" * 16, Rate.parse("0.9"), 1, 1000),),
    address="localhost:7001",
)
LINE_ADVERT = LineAdvert(
    promisor=NODE.node_id,
    promisee=PEER.node_id,
    brand=BRAND,
    sequence=3,
    expires_at_us=NOW_US + SECOND,
    available=500_000,
)


def signed(advert: NodeAdvert | LineAdvert, key: SigningKey = NODE) -> bytes:
    return Envelope.seal(key, advert.key[0], advert.encode()).encode()


def altered(change: Callable[[pb.NodeAdvert], object]) -> bytes:
    """A node advert with content that our own encoder would not write."""
    message = pb.NodeAdvert.FromString(NODE_ADVERT.encode())
    change(message)
    return Envelope.seal(NODE, NODE_KIND, message.SerializeToString()).encode()


def altered_line(change: Callable[[pb.LineAdvert], object]) -> bytes:
    message = pb.LineAdvert.FromString(LINE_ADVERT.encode())
    change(message)
    return Envelope.seal(NODE, LINE_KIND, message.SerializeToString()).encode()


def test_a_node_advert_travels() -> None:
    assert read_advert(signed(NODE_ADVERT), NOW_US) == NODE_ADVERT


@pytest.mark.parametrize("fees", [None, FeeSet(), FeeSet({Mode.SECURED: Fee()})])
@pytest.mark.parametrize("registry_fees", [None, {}, {R1.id: RegistryFee()}])
def test_a_line_names_fee_sets_or_does_not_even_empty_ones(
    fees: FeeSet | None, registry_fees: dict[bytes, RegistryFee] | None
) -> None:
    """An empty set replaces the node's; an absent one does not. The two never look alike."""
    advert = replace(LINE_ADVERT, fees=fees, registry_fees=registry_fees, closed=True)
    read = read_advert(signed(advert), NOW_US)
    assert isinstance(read, LineAdvert)
    assert read == advert
    assert (read.fees is None, read.registry_fees is None) == (fees is None, registry_fees is None)


@pytest.mark.parametrize("grants", [0, 1, MAX_AMOUNT])
def test_a_line_says_what_its_signer_grants(grants: int) -> None:
    """Its own word, not the taker's: nobody can claim credit that he was not given."""
    advert = replace(LINE_ADVERT, grants=grants)
    assert read_advert(signed(advert), NOW_US) == advert


def test_a_line_that_grants_more_than_an_amount_is_refused() -> None:
    with pytest.raises(WireFault, match="impossible amount"):
        read_advert(signed(replace(LINE_ADVERT, grants=MAX_AMOUNT + 1)), NOW_US)


def test_a_registry_s_record_is_passed_on_by_anybody() -> None:
    envelope = Envelope(RECORD_KIND, R1.record.signed, Proof(b"", b""))
    read = read_advert(envelope.encode(), NOW_US)
    assert read == RecordAdvert(R1.record)
    assert (read.sequence, read.expires_at_us) == (R1.record.rank, NOW_US * 2)


def test_what_replaces_what() -> None:
    assert NODE_ADVERT.key == (NODE_KIND, NODE.public)
    assert LINE_ADVERT.key == (LINE_KIND, NODE.public + PEER.public + b"b" * 16)
    assert replace(LINE_ADVERT, promisor=PEER.node_id, promisee=NODE.node_id).key != LINE_ADVERT.key
    assert RecordAdvert(R1.record).key == (RECORD_KIND, R1.id)


def test_expiry_leaves_room_for_two_wrong_clocks() -> None:
    for advert in (signed(NODE_ADVERT), signed(LINE_ADVERT)):
        last = NOW_US + SECOND + 2 * CLOCK_ERROR_MAX_US
        assert read_advert(advert, last)
        with pytest.raises(WireFault):
            read_advert(advert, last + 1)
    record = Envelope(RECORD_KIND, R1.record.signed, Proof(b"", b"")).encode()
    with pytest.raises(WireFault):
        read_advert(record, NOW_US * 2 + 2 * CLOCK_ERROR_MAX_US + 1)


def flipped(data: bytes) -> bytes:
    """Its last bit, which belongs to a signature, turned over."""
    return data[:-1] + bytes([data[-1] ^ 1])


def set_many(message: pb.NodeAdvert, field: str, count: int) -> None:
    getattr(message, field).extend([bytes([i]) * 32 for i in range(count)])


REFUSED: dict[str, Callable[[], bytes]] = {
    "node signed by another": lambda: signed(NODE_ADVERT, PEER),
    "line signed by its promisee": lambda: signed(LINE_ADVERT, PEER),
    "node kind, line content": lambda: Envelope.seal(
        NODE, NODE_KIND, LINE_ADVERT.encode()
    ).encode(),
    "unknown kind": lambda: Envelope.seal(NODE, "x", NODE_ADVERT.encode()).encode(),
    "forged record": lambda: Envelope(
        RECORD_KIND, flipped(R1.record.signed), Proof(b"", b"")
    ).encode(),
    "unsigned": lambda: Envelope(NODE_KIND, NODE_ADVERT.encode(), Proof(b"", b"")).encode(),
    "too long": lambda: bytes(MAX_ADVERT_BYTES + 1),
    "no message": lambda: b"\xff",
    "seal key of another": lambda: signed(
        replace(NODE_ADVERT, seal_certificate=seal_certificate(PEER))
    ),
    "seal key not valid yet": lambda: signed(
        replace(NODE_ADVERT, seal_certificate=seal_certificate(not_before_us=NOW_US + 1))
    ),
    "no seal key": lambda: altered(lambda m: m.ClearField("seal_key")),
    "long alias": lambda: signed(replace(NODE_ADVERT, alias="a" * (MAX_ALIAS_CHARS + 1))),
    "unprintable alias": lambda: signed(replace(NODE_ADVERT, alias="A\nB")),
    "unprintable address": lambda: signed(replace(NODE_ADVERT, address="\x1b[2J:1")),
    "long address": lambda: signed(replace(NODE_ADVERT, address="a" * 256)),
    "negative hold": lambda: signed(replace(NODE_ADVERT, hold_max_us=-1)),
    "sequence beyond 63 bits": lambda: signed(replace(NODE_ADVERT, sequence=2**63)),
    "line's sequence beyond 63 bits": lambda: signed(replace(LINE_ADVERT, sequence=2**63)),
    "too many registries": lambda: altered(
        lambda m: set_many(m, "registries", MAX_ADVERT_REGISTRIES - 1)
    ),
    "too many records": lambda: altered(
        lambda m: set_many(m, "knows_registries", MAX_ADVERT_REGISTRIES)
    ),
    "too many exchange rates": lambda: altered(
        lambda m: m.exchange.extend([m.exchange[0]] * MAX_EXCHANGE_RATES)
    ),
    "mode twice": lambda: altered(lambda m: m.atomicity_fees.fees.append(m.atomicity_fees.fees[0])),
    "unknown mode": lambda: altered(lambda m: m.atomicity_fees.fees.add(mode=4)),
    "fee below one": lambda: altered(
        lambda m: setattr(m.atomicity_fees.fees[0].fee, "rate", "0.9")
    ),
    "fee that is no number": lambda: altered(
        lambda m: setattr(m.atomicity_fees.fees[0].fee, "rate", "1e3")
    ),
    "flat fee beyond amounts": lambda: altered(
        lambda m: setattr(m.atomicity_fees.fees[0].fee, "flat", 2**63)
    ),
    "registry priced twice": lambda: altered(
        lambda m: m.registry_fees.fees.append(m.registry_fees.fees[0])
    ),
    "registry fee below one": lambda: altered(
        lambda m: setattr(m.registry_fees.fees[0], "in_rate", "0.5")
    ),
    "exchange for nothing": lambda: altered(lambda m: setattr(m.exchange[0], "rate", "0")),
    "exchange without a rate": lambda: altered(lambda m: setattr(m.exchange[0], "rate", "")),
    "line with more than an amount": lambda: altered_line(
        lambda m: setattr(m, "available", MAX_AMOUNT + 1)
    ),
    "line without brand": lambda: altered_line(lambda m: m.ClearField("brand")),
    "line without promisee": lambda: altered_line(lambda m: m.ClearField("promisee")),
    "line of a short promisor": lambda: altered_line(lambda m: setattr(m, "promisor", b"x")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    with pytest.raises(WireFault):
        read_advert(REFUSED[name](), NOW_US)


def test_absent_rates_are_one() -> None:
    read = read_advert(altered(lambda m: setattr(m.atomicity_fees.fees[0].fee, "rate", "")), NOW_US)
    assert isinstance(read, NodeAdvert)
    # Modes are written in order, so the first one is BARE.
    assert read.fees.of(Mode.BARE) == Fee(Rate.parse("1"), 5)


@given(st.integers(0, 10**6))
def test_a_flipped_bit_fails_or_says_the_same(position: int) -> None:
    data = bytearray(signed(NODE_ADVERT))
    bit = position % (len(data) * 8)
    data[bit // 8] ^= 1 << bit % 8
    try:
        read = read_advert(bytes(data), NOW_US)
    except WireFault:
        return
    assert read == NODE_ADVERT


@given(st.binary(max_size=300))
def test_noise_never_crashes(noise: bytes) -> None:
    for data in (noise, Envelope.seal(NODE, NODE_KIND, noise).encode()):
        with pytest.raises(WireFault):
            read_advert(data, NOW_US)
