"""Sealed instructions: constant size, one layer each, nothing for anybody else (section 8)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import digest
from proto.keys import NodeId, SealKey
from proto.levels import Level
from proto.limits import MAX_AMOUNT, MAX_HOPS
from proto.onion import PACKET_BYTES, Deliver, Forward, Instruction, unwrap, wrap

EPHEMERAL = SealKey(digest("ephemeral"))
KEYS = [SealKey(digest(f"hop {i}")) for i in range(MAX_HOPS)]
ID, PADDING = digest("commit id"), digest("padding")
FINAL = Deliver(b"r" * 16, 3, 100_000)


def forward(i: int) -> Forward:
    return Forward(NodeId(digest(f"node {i}")), b"b" * 16, 10**6 + i, Level(i % 4), 10**15 + i)


def layers(hops: int) -> list[tuple[bytes, Instruction]]:
    inner: list[tuple[bytes, Instruction]] = [(KEYS[i].public, forward(i)) for i in range(hops - 1)]
    return [*inner, (KEYS[hops - 1].public, FINAL)]


def packets(hops: int) -> list[bytes]:
    """What each node along the way receives."""
    packet = wrap(EPHEMERAL, layers(hops), ID, PADDING)
    assert packet is not None
    seen = [packet]
    for i in range(hops - 1):
        opened = unwrap(KEYS[i], seen[-1], ID)
        assert opened is not None
        assert opened[0] == forward(i)
        seen.append(opened[1])
    return seen


@pytest.mark.parametrize("hops", range(1, MAX_HOPS + 1))
def test_each_node_reads_its_own_layer(hops: int) -> None:
    seen = packets(hops)
    last = unwrap(KEYS[hops - 1], seen[-1], ID)
    assert last is not None
    assert last[0] == FINAL
    assert {len(p) for p in seen} == {PACKET_BYTES}


def test_size_tells_nothing_about_the_length_of_the_chain() -> None:
    assert {len(packets(n)[0]) for n in (1, 2, 5, 20)} == {PACKET_BYTES}


def test_no_other_node_reads_it() -> None:
    seen = packets(4)
    for i, packet in enumerate(seen):
        for j, key in enumerate(KEYS[:6]):
            assert (unwrap(key, packet, ID) is not None) == (i == j)


def test_it_serves_no_other_transaction() -> None:
    assert unwrap(KEYS[0], packets(3)[0], digest("another")) is None
    assert unwrap(KEYS[0], packets(3)[0], b"") is None


@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_flipped_byte_is_noticed_by_the_next_reader(place: int) -> None:
    packet = packets(3)[place]
    for i in range(PACKET_BYTES):
        bad = packet[:i] + bytes([packet[i] ^ 0x40]) + packet[i + 1 :]
        assert unwrap(KEYS[place], bad, ID) is None, i


def test_what_a_node_passes_on_changes_beyond_recognition() -> None:
    """No stretch of 16 bytes of the body survives from hop to hop at its place or shifted."""
    for a, b in pairwise(packets(6)):
        body = a[33:]
        stretches = {body[i : i + 16] for i in range(len(body) - 15)}
        assert not [i for i in range(33, len(b) - 15) if b[i : i + 16] in stretches]


def test_no_instruction_lies_open() -> None:
    packet = packets(3)[0]
    for part in (b"b" * 16, b"r" * 16, digest("node 0"), digest("node 1"), bytes(16)):
        assert part not in packet


def test_the_last_node_cannot_tell_that_nothing_follows() -> None:
    """What it would pass on has the same size, and no zeros where layers ended."""
    last = unwrap(KEYS[2], packets(3)[-1], ID)
    assert last is not None
    assert len(last[1]) == PACKET_BYTES
    assert bytes(16) not in last[1][33:-16]


def test_the_same_input_gives_the_same_packet() -> None:
    assert packets(5) == packets(5)
    other = wrap(SealKey(digest("another")), layers(5), ID, PADDING)
    assert other is not None
    assert other[33:] != packets(5)[0][33:]


def test_a_key_of_small_order_gives_no_packet() -> None:
    bad = [*layers(2)]
    bad[0] = (bytes(32), bad[0][1])
    assert wrap(EPHEMERAL, bad, ID, PADDING) is None


def test_an_ephemeral_key_of_small_order_is_refused() -> None:
    packet = packets(1)[0]
    assert unwrap(KEYS[0], packet[:1] + bytes(32) + packet[33:], ID) is None


@pytest.mark.parametrize(
    "instruction",
    [
        Forward(NodeId(bytes(32)), bytes(16), 0, Level.BARE, 0),
        Forward(NodeId(b"\xff" * 32), b"\xff" * 16, MAX_AMOUNT, Level.PROXY, MAX_AMOUNT),
        Deliver(bytes(16), 0, 0),
        Deliver(b"\xff" * 16, 255, MAX_AMOUNT),
    ],
)
def test_extreme_instructions_travel(instruction: Instruction) -> None:
    packet = wrap(EPHEMERAL, [(KEYS[0].public, instruction)], ID, PADDING)
    assert packet is not None
    opened = unwrap(KEYS[0], packet, ID)
    assert opened is not None
    assert opened[0] == instruction


@pytest.mark.parametrize(
    "instruction",
    [
        Forward(NodeId(bytes(32)), bytes(16), MAX_AMOUNT + 1, Level.BARE, 0),
        Forward(NodeId(bytes(32)), bytes(16), 1, Level.BARE, MAX_AMOUNT + 1),
        Forward(NodeId(bytes(32)), bytes(16), 1, 4, 0),  # type: ignore[arg-type]
        Deliver(bytes(16), 0, MAX_AMOUNT + 1),
    ],
)
def test_impossible_instructions_are_not_read(instruction: Instruction) -> None:
    packet = wrap(EPHEMERAL, [(KEYS[0].public, instruction)], ID, PADDING)
    assert packet is not None
    assert unwrap(KEYS[0], packet, ID) is None


@given(st.binary(max_size=64) | st.binary(min_size=PACKET_BYTES, max_size=PACKET_BYTES))
def test_noise_is_not_for_us(noise: bytes) -> None:
    assert unwrap(KEYS[0], noise, ID) is None
    assert unwrap(KEYS[0], b"\1" + noise[1:], ID) is None
