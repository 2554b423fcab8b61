"""Bad adverts: refused, at the cost of the neighbour that passes them on, and nothing changes.

What only a clock makes wrong costs it nothing: two honest clocks differ.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node.command.sim.cast import R1
from proto.adverts import LINE_KIND, NODE_KIND, RECORD_KIND, Advert, LineAdvert, RecordAdvert
from proto.envelope import Envelope, Proof
from proto.keys import NodeId, SigningKey
from proto.limits import MAX_ADVERT_BYTES, MAX_ADVERT_LIFE_US, MAX_SEQUENCE_AHEAD_US
from proto.registry_list import LIST_KIND, RegistryList, make_list
from proto.v1 import types_pb2 as pb
from runtime.advert_fate import Fate
from runtime.gossip import Gossip, portions
from runtime.gossip_limits import GossipLimits
from runtime.transport import LinkCause, Transport
from tests.runtime.gossiping import (
    FOURTH,
    HOUR_US,
    NOW_US,
    OTHER,
    OURS,
    PEER,
    line,
    node_advert,
    signed,
)

THIRD = FOURTH.node_id  # a neighbour that is told what comes


class Wire:
    """Remembers what went out, and who was cut off."""

    def __init__(self) -> None:
        self.said: list[tuple[NodeId, bytes]] = []
        self.dropped: list[NodeId] = []

    def gossip(self, peer: NodeId, link: int, adverts: Sequence[bytes]) -> None:
        self.said += [(peer, data) for data in adverts]

    def drop(self, peer: NodeId, cause: LinkCause) -> None:
        assert cause is LinkCause.BAD_MESSAGE
        self.dropped.append(peer)


def gossip(limits: GossipLimits | None = None) -> tuple[Gossip, Wire, list[Advert]]:
    """Linked with PEER and with THIRD."""
    wire, observed = Wire(), list[Advert]()
    found = Gossip(cast(Transport, wire), wire.drop, OURS, observed.append, limits)
    found.greet(PEER.node_id, 1)
    found.greet(THIRD, 2)
    return found, wire, observed


def hear(ours: Gossip, *adverts: bytes, now_us: int = NOW_US) -> bool:
    return ours.arrived(PEER.node_id, 1, adverts, now_us)


def other_line(number: int = 1, sequence: int = 5, **changes: int) -> LineAdvert:
    return replace(line(number, OTHER.node_id, sequence), **changes)  # type: ignore[arg-type]


LIST = make_list(OTHER, [bytes(32)], 5, NOW_US + HOUR_US)
GOOD_LINE, GOOD_NODE = signed(other_line()), signed(node_advert(OTHER, 5))


def with_field(message: bytes) -> bytes:
    """The same with a field that nobody knows."""
    return message + b"\xfa\x3f\x01x"


def sealed(kind: str, payload: bytes, key: SigningKey = OTHER) -> bytes:
    return Envelope.seal(key, kind, payload).encode()


def long_line() -> bytes:
    message = pb.LineAdvert.FromString(other_line().encode())
    message.brand.name = "x" * MAX_ADVERT_BYTES
    return sealed(LINE_KIND, message.SerializeToString())


def nested_field() -> bytes:
    message = pb.NodeAdvert.FromString(node_advert(OTHER, 5).encode())
    message.seal_key.MergeFromString(with_field(b""))
    return sealed(NODE_KIND, message.SerializeToString())


def of_other_certificate() -> bytes:
    strange = replace(node_advert(OTHER, 5), seal_certificate=node_advert(PEER, 5).seal_certificate)
    return signed(strange)


POISON: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "noise": lambda: b"\xff" * 40,
    "cut short": lambda: GOOD_LINE[:-1],
    "forged": lambda: GOOD_LINE[:-1] + bytes([GOOD_LINE[-1] ^ 1]),
    "unsigned": lambda: Envelope(LINE_KIND, other_line().encode(), Proof(b"", b"")).encode(),
    "for another's line": lambda: signed(other_line(), PEER),
    "for another node": lambda: signed(node_advert(OTHER, 5), PEER),
    "a line as a node": lambda: sealed(NODE_KIND, other_line().encode()),
    "of unknown kind": lambda: sealed("pledgeway/poem/v1", other_line().encode()),
    "too long": long_line,
    "a field more": lambda: sealed(LINE_KIND, with_field(other_line().encode())),
    "a node's field more": lambda: sealed(NODE_KIND, with_field(node_advert(OTHER, 5).encode())),
    "a field more inside": nested_field,
    "a field more around it": lambda: with_field(GOOD_LINE),
    "a record with a field more": lambda: Envelope(
        RECORD_KIND, with_field(R1.record.signed), Proof(b"", b"")
    ).encode(),
    "a list with a field more": lambda: sealed(
        LIST_KIND, with_field(Envelope.decode(LIST.signed).payload)
    ),
    "another's seal key": of_other_certificate,
    "a sequence beyond all": lambda: signed(other_line(sequence=2**63)),
}


@pytest.mark.parametrize("name", POISON)
def test_poison_costs_the_link_and_changes_nothing(name: str) -> None:
    ours, wire, observed = gossip()
    assert not hear(ours, POISON[name](), GOOD_LINE), "nothing after it is heard"
    assert wire.dropped == [PEER.node_id]
    assert (wire.said, observed, ours.exported()) == ([], [], [])
    assert (ours.figures().refused, ours.figures().known) == (1, 0)
    (fate,) = ours.take([POISON[name]()], NOW_US)
    assert fate.fate is Fate.REFUSED and fate.reason and "\n" not in fate.reason
    assert wire.dropped == [PEER.node_id], "who hands over a file is only told"
    assert hear(ours, GOOD_LINE, GOOD_NODE), "it may come back with better"
    assert ours.exported() == [GOOD_LINE, GOOD_NODE]


UNTIMELY: dict[str, tuple[Callable[[], bytes], Fate]] = {
    "expired": (lambda: signed(other_line(expires_at_us=NOW_US - 2_000_000)), Fate.EXPIRED),
    "just expired": (lambda: signed(other_line(expires_at_us=NOW_US)), Fate.EXPIRED),
    "numbered ahead": (
        lambda: signed(other_line(sequence=NOW_US + MAX_SEQUENCE_AHEAD_US + 1)),
        Fate.REFUSED,
    ),
    "good for too long": (
        lambda: signed(other_line(expires_at_us=NOW_US + MAX_ADVERT_LIFE_US + 1)),
        Fate.REFUSED,
    ),
    "a key of the past": (
        lambda: signed(node_advert(OTHER, 5, not_after_us=NOW_US - 1)),
        Fate.REFUSED,
    ),
}


@pytest.mark.parametrize("name", UNTIMELY)
def test_what_a_clock_makes_wrong_costs_nobody_a_link(name: str) -> None:
    ours, wire, observed = gossip()
    make, fate = UNTIMELY[name]
    assert hear(ours, make())
    assert (wire.dropped, wire.said, observed, ours.exported()) == ([], [], [], [])
    assert (ours.figures().untimely, ours.figures().refused) == (1, 0)
    assert ours.take([make()], NOW_US)[0].fate is fate
    assert hear(ours, GOOD_LINE), "the signer is not barred"
    assert ours.exported() == [GOOD_LINE]


def test_the_last_that_is_timely() -> None:
    ours, _, _ = gossip()
    ahead = signed(other_line(sequence=NOW_US + MAX_SEQUENCE_AHEAD_US))
    long = signed(other_line(2, expires_at_us=NOW_US + MAX_ADVERT_LIFE_US))
    assert [fate.fate for fate in ours.take([ahead, long], NOW_US)] == [Fate.APPLIED] * 2


GOOD_RECORD = Envelope(RECORD_KIND, R1.record.signed, Proof(b"", b"")).encode()
MUTATED = st.tuples(
    st.sampled_from([GOOD_LINE, GOOD_NODE, GOOD_RECORD, LIST.signed]),
    st.lists(
        st.tuples(
            st.sampled_from(["flip", "cut", "insert", "repeat", "swap"]),
            st.integers(0, 10**4),
            st.integers(1, 255),
        ),
        max_size=4,
    ),
)


def mutate(data: bytes, steps: list[tuple[str, int, int]]) -> bytes:
    for how, place, value in steps:
        at = place % (len(data) + 1)
        match how:
            case "flip" if at < len(data):
                data = data[:at] + bytes([data[at] ^ value]) + data[at + 1 :]
            case "cut":
                data = data[:at] + data[at + value :]
            case "insert":
                data = data[:at] + bytes([value]) + data[at:]
            case "repeat":
                data = data[:at] + data[max(0, at - value) : at] + data[at:]
            case "swap":
                data = data[at:] + data[:at]
            case _:
                pass
    return data


@given(st.lists(MUTATED, min_size=1, max_size=4))
@example([(data, []) for data in (GOOD_LINE, GOOD_NODE, GOOD_RECORD, LIST.signed)])
def test_mutated_adverts_say_the_same_or_are_refused(
    mutants: list[tuple[bytes, list[tuple[str, int, int]]]],
) -> None:
    ours, wire, observed = gossip()
    honest = hear(ours, *(mutate(data, steps) for data, steps in mutants))
    assert honest == (not wire.dropped)
    truth: tuple[Advert, ...] = (other_line(), node_advert(OTHER, 5), RecordAdvert(R1.record), LIST)
    assert all(unsigned(advert) in map(unsigned, truth) for advert in observed)
    assert len(observed) == len(ours.exported()) == len(wire.said) <= 4


def unsigned(advert: Advert) -> Advert:
    """Without the bytes around what was signed, which may be written in several ways."""
    match advert:
        case RecordAdvert():
            return RecordAdvert(replace(advert.record, signed=b""))
        case RegistryList():
            return replace(advert, signed=b"")
        case _:
            return advert


SIGNERS = (OTHER, PEER, FOURTH)
SAID = st.tuples(
    st.integers(0, 2),  # by whom
    st.integers(0, 2),  # of which line
    st.integers(1, 4),  # sequence
    st.integers(0, 1),  # two of one number contradict each other
)


@given(st.lists(SAID, max_size=25), st.randoms(use_true_random=False))
def test_whatever_the_order_the_same_is_known(
    said: list[tuple[int, int, int, int]], rng: random.Random
) -> None:
    """From links, from files, one by one or together; and what is observed never goes back."""
    adverts = [
        signed(replace(line(which, SIGNERS[who].node_id), sequence=n, available=a), SIGNERS[who])
        for who, which, n, a in said
    ]
    ends = []
    for _ in range(2):
        rng.shuffle(adverts)
        ours, wire, observed = gossip()
        for data in adverts:
            if rng.random() < 0.5:
                assert hear(ours, data)
            else:
                ours.take([data], NOW_US)
        ends.append(set(ours.exported()))
        for key in {advert.key for advert in observed}:
            sequences = [advert.sequence for advert in observed if advert.key == key]
            assert sequences == sorted(sequences)
            newest = max(n for who, which, n, _ in said
                         if line(which, SIGNERS[who].node_id).key == key)  # fmt: skip
            assert sequences[-1] == newest
        assert len([1 for to, _ in wire.said if to == THIRD]) == len(observed)
    assert ends[0] == ends[1]
    assert len(ends[0]) == len({(who, which) for who, which, _, _ in said})


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_noise_never_crashes_it(noise: list[bytes]) -> None:
    ours, wire, _ = gossip()
    assert not hear(ours, *noise)
    assert {fate.fate for fate in ours.take(noise, NOW_US)} == {Fate.REFUSED}
    assert ours.exported() == [] and wire.said == []


# ---------------------------------------------------------------- no amplification


def test_what_comes_again_goes_nowhere_and_nothing_goes_back() -> None:
    ours, wire, _ = gossip()
    for _ in range(3):
        assert hear(ours, GOOD_LINE, GOOD_LINE)
    older = signed(other_line(sequence=4))
    assert hear(ours, older)
    assert wire.said == [(THIRD, GOOD_LINE)]
    assert [f.fate for f in ours.take([GOOD_LINE, older], NOW_US)] == [Fate.STALE] * 2


def test_the_same_written_in_another_way_is_not_news() -> None:
    """The envelope is not signed: anybody could write it anew, for ever."""
    ours, wire, _ = gossip()
    fields = pb.Envelope.FromString(GOOD_LINE)
    backwards = b"".join(
        pb.Envelope(**{name: getattr(fields, name)}).SerializeToString()
        for name in ("signature", "payload", "type")
    )
    assert backwards != GOOD_LINE
    assert hear(ours, GOOD_LINE, backwards)
    assert wire.said == [(THIRD, GOOD_LINE)] and ours.exported() == [GOOD_LINE]


def test_of_two_with_one_sequence_all_keep_the_same() -> None:
    one, other = (signed(other_line(available=amount)) for amount in (1, 2))
    kept = []
    for order in ((one, other), (other, one)):
        ours, wire, _ = gossip()
        assert hear(ours, *order, *order)
        kept.append(ours.exported())
        assert len(wire.said) <= 2
    assert kept[0] == kept[1] and len(kept[0]) == 1


# ---------------------------------------------------------------- rates


FEW = GossipLimits(burst=2, per_origin_per_min=60)


def amounts(wire: Wire, peer: NodeId) -> list[int]:
    read = [Envelope.decode(data).payload for to, data in wire.said if to == peer]
    return [pb.LineAdvert.FromString(payload).available for payload in read]


def test_a_node_that_says_too_much_of_itself_is_heard_more_slowly() -> None:
    ours, wire, observed = gossip(FEW)
    flood = [signed(other_line(sequence=n, available=n)) for n in range(1, 11)]
    assert hear(ours, *flood) and not wire.dropped
    fates = [fate.fate for fate in ours.take(flood[-1:], NOW_US)]
    assert fates == [Fate.STALE], "what waits is not verified again"
    assert amounts(wire, THIRD) == [1, 2]
    figures = ours.figures()
    assert (figures.waiting, figures.limited, figures.applied) == (1, 8, 2)
    assert ours.news_waits.is_set()
    assert ours.release(NOW_US) == 1_000_000
    assert hear(ours, signed(line(1, FOURTH.node_id), FOURTH)), "others are heard"
    assert amounts(wire, PEER.node_id) == []
    assert ours.release(NOW_US + 1_000_000) is None
    assert amounts(wire, THIRD) == [1, 2, 0, 10], "the newest, and only that"
    assert len(observed) == 4 and ours.figures().waiting == 0


def test_what_waited_too_long_or_was_overtaken_is_let_go() -> None:
    ours, wire, _ = gossip(FEW)
    soon = NOW_US + 500_000
    flood = [signed(other_line(n, expires_at_us=soon)) for n in range(4)]
    assert hear(ours, *flood)
    assert ours.release(NOW_US + 2_000_000) is None
    assert len(wire.said) == 2


def test_we_keep_to_the_rate_that_others_hold_us_to() -> None:
    ours, wire, _ = gossip(FEW)
    for amount in range(1, 6):
        ours.say([line(1, OURS.node_id, NOW_US + amount, amount)], NOW_US)
    assert amounts(wire, THIRD) == [1, 2]
    (kept,) = ours.adverts
    assert isinstance(kept, LineAdvert) and kept.available == 5, "we ourselves know at once"
    ours.release(NOW_US + 1_000_000)
    assert amounts(wire, THIRD) == amounts(wire, PEER.node_id) == [1, 2, 5]


def test_an_echo_of_an_earlier_life_is_outnumbered() -> None:
    """Our clock was ahead, we restarted, and a neighbour tells us what we said then."""
    ours, _, _ = gossip()
    ahead = NOW_US + HOUR_US // 2
    assert hear(ours, signed(node_advert(OURS, ahead), OURS))
    assert ours.exported() == [], "our own node we know ourselves"
    assert ours.sequence(NOW_US) == ahead + 1


def test_take_tells_why_there_is_no_room() -> None:
    ours, wire, _ = gossip(GossipLimits(per_origin=3))
    fates = ours.take([signed(other_line(number)) for number in range(8)], NOW_US)
    assert {fate.fate for fate in fates} == {Fate.APPLIED, Fate.LIMITED}
    assert all(("3 adverts" in fate.reason) == (fate.fate is Fate.LIMITED) for fate in fates)
    assert len(ours.exported()) == 3
    assert wire.dropped == []


def test_frames_are_verified_in_portions() -> None:
    frame = [bytes(size) for size in (1, 9000, 3000, 3000, 3000, 10)]
    parts = list(portions(frame))
    assert [data for part in parts for data in part] == frame
    assert [len(part) for part in parts] == [2, 3, 1]
    assert list(portions([])) == []
