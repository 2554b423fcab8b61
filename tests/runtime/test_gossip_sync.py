"""Two stores that are compared end equal, and little more than what differs goes over the link."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.gossip_summary import NOTHING, VERSION_BYTES
from proto.gossip_sync import MAX_LISTED, MAX_SYNC_BYTES, Answer, Ask, Look, Sight, read_sync
from proto.wire import WireFault
from runtime.gossip_limits import GossipLimits
from runtime.gossip_store import Store
from runtime.gossip_sync import GIVE_MAX, MAX_TURNS, TURN_BYTES, Drive, answer
from tests.runtime.gossiping import HOUR_US, NOW_US, content, held, line, reconcile, store_of

# Questions and answers of a comparison. A difference opens one branch: four levels of sixteen
# hashes (200 bytes each) and a list (230), with what surrounds them, in stores of this size.
BYTES_AT_LEAST = 64
BYTES_A_DIFFERENCE = 1200


def differences(one: Store, other: Store) -> int:
    ours, theirs = content(one), content(other)
    return sum(ours.get(i) != theirs.get(i) for i in ours.keys() | theirs.keys())


# Which lines, in which of a few editions; two editions may bear the same number.
EDITIONS = st.dictionaries(st.integers(0, 300), st.tuples(st.integers(1, 3), st.integers(0, 1)))


@given(EDITIONS, EDITIONS, st.integers(0, 500), st.booleans())
def test_any_two_stores_end_equal(
    ours: dict[int, tuple[int, int]], theirs: dict[int, tuple[int, int]], shared: int, swap: bool
) -> None:
    both = [line(1000 + number) for number in range(shared)]
    stores = [
        store_of([*both, *(line(n, sequence=s, available=a) for n, (s, a) in some.items())])
        for some in (ours, theirs)
    ]
    apart = differences(*stores)
    traffic = reconcile(*(reversed(stores) if swap else stores))
    assert content(stores[0]) == content(stores[1])
    assert {e.data for e in stores[0]} == {e.data for e in stores[1]}
    assert traffic.adverts == apart, "each difference travels once, in one direction"
    assert traffic.useless == 0
    assert traffic.sync_bytes <= BYTES_AT_LEAST + BYTES_A_DIFFERENCE * apart


@pytest.mark.parametrize("apart", [0, 1, 10, 100])
def test_in_a_large_network_only_what_differs_travels(apart: int) -> None:
    rng = random.Random(apart)
    adverts = [line(number) for number in range(5000)]
    newer = set(rng.sample(range(5000), apart))
    ours = store_of(line(n, sequence=2) if n in newer and n % 2 else a
                    for n, a in enumerate(adverts))  # fmt: skip
    theirs = store_of(line(n, sequence=2) if n in newer and not n % 2 else a
                      for n, a in enumerate(adverts))  # fmt: skip
    traffic = reconcile(ours, theirs)
    assert content(ours) == content(theirs)
    assert (traffic.adverts, traffic.useless) == (apart, 0)
    assert traffic.sync_bytes <= BYTES_AT_LEAST + BYTES_A_DIFFERENCE * apart


@pytest.mark.parametrize(("ours", "theirs"), [(0, 0), (0, 3), (3, 0), (0, 6000), (6000, 0)])
def test_whoever_has_nothing_is_given_all(ours: int, theirs: int) -> None:
    stores = [store_of(line(number) for number in range(count)) for count in (ours, theirs)]
    traffic = reconcile(*stores)
    assert content(stores[0]) == content(stores[1])
    assert traffic.adverts == ours + theirs
    assert traffic.sync_bytes <= BYTES_AT_LEAST + traffic.advert_bytes // 50
    assert traffic.turns <= 2 + traffic.advert_bytes // (TURN_BYTES // 2)


def test_a_part_that_is_too_large_to_be_given_is_divided() -> None:
    theirs = store_of(line(number) for number in range(GIVE_MAX + 1))
    given, reply = answer(theirs, Ask(1, (Look("", NOTHING, give=True),)), NOW_US)
    assert given == [] and len(reply.sights[0].children) == 16
    whole = store_of(line(number) for number in range(GIVE_MAX))
    given, reply = answer(whole, Ask(1, (Look("", NOTHING, give=True),)), NOW_US)
    assert len(given) == GIVE_MAX and reply.sights == (Sight(),)


@pytest.mark.parametrize("swap", [False, True])
def test_large_adverts_take_more_turns(swap: bool) -> None:
    """All that is asked for is told, though no turn holds more than half a megabyte."""
    size, count = 8000, 300
    both = [line(number) for number in range(count)]
    ours = store_of(both)
    theirs = store_of([])
    for advert in both:
        small = held(replace(advert, sequence=2))
        theirs.put(replace(small, data=small.data + bytes(size)), NOW_US)
    traffic = reconcile(theirs, ours) if swap else reconcile(ours, theirs)
    assert content(ours) == content(theirs)
    assert (traffic.adverts, traffic.useless) == (count, 0)
    assert traffic.turns > count * size // TURN_BYTES
    assert max(traffic.turn_bytes) <= TURN_BYTES + 2 * size


def test_who_is_full_is_told_only_what_replaces_what_it_has() -> None:
    limits = GossipLimits(adverts=1000)
    full = store_of((line(number) for number in range(1000)), limits)
    more = store_of(line(number, sequence=2) for number in range(500, 2000))
    traffic = reconcile(full, more)
    assert (traffic.adverts, traffic.useless) == (500 + 500, 0), "it tells what the other lacks"
    for one, other in ((full, more), (more, full)):
        assert reconcile(one, other).adverts == 0, "nor is it asked again"
    assert len(full) == 1000
    assert {line(n).key for n in range(1000)} == {entry.key for entry in full}
    assert sum(entry.advert.sequence == 2 for entry in full) == 500


def test_what_has_expired_is_neither_told_nor_asked_for() -> None:
    soon = NOW_US + HOUR_US // 2
    ours = store_of(line(number, expires_at_us=soon) for number in range(50))
    theirs = store_of(line(number + 100, expires_at_us=soon) for number in range(50))
    traffic = reconcile(ours, theirs, now_us=soon)
    assert traffic.adverts == 0 and len(ours) == len(theirs) == 0


# ---------------------------------------------------------------- liars


HASHES = st.binary(min_size=12, max_size=12)
LISTS = st.dictionaries(HASHES, st.binary(min_size=16, max_size=16), max_size=4)
SIGHTS = st.one_of(
    st.builds(Sight),
    st.builds(lambda hashes: Sight(children=tuple(hashes)), st.lists(HASHES, min_size=16,
                                                                     max_size=16)),
    st.builds(lambda items: Sight(items=items), LISTS),
)  # fmt: skip


@given(st.data(), st.integers(0, 40))
def test_no_answer_does_more_than_be_refused(data: st.DataObject, known: int) -> None:
    """Each is asked about once; what is made up is asked for once and never comes."""
    store = store_of(line(number) for number in range(known))
    drive = Drive(store)
    for _ in range(30):
        turn = drive.next_turn(NOW_US)
        if turn.ask is None:
            break
        count = data.draw(st.integers(0, len(turn.ask.looks) + 1))
        sights = data.draw(st.lists(SIGHTS, min_size=count, max_size=count))
        served = data.draw(st.integers(0, len(turn.ask.wants) + 1))
        reply = Answer(turn.ask.turn, tuple(sights), served, data.draw(st.booleans()))
        try:
            drive.heard(reply)
        except WireFault:
            break
    assert len(store) == known


def test_made_up_differences_are_not_followed_for_ever() -> None:
    drive = Drive(store_of([]))
    turns = 0
    hashes = tuple(bytes([number + 1]) * 12 for number in range(16))
    while (turn := drive.next_turn(NOW_US)).ask is not None:
        turns += 1
        deep = [len(look.prefix) > 20 for look in turn.ask.looks]
        drive.heard(Answer(turn.ask.turn, tuple(Sight() if d else Sight(hashes) for d in deep)))
    assert turns == MAX_TURNS


def test_an_answer_to_another_turn_is_left_alone() -> None:
    drive = Drive(store_of([line(1)]))
    ask = drive.next_turn(NOW_US).ask
    assert ask is not None
    assert not drive.heard(Answer(ask.turn + 1, (Sight(),)))
    assert not drive.heard(Answer(0, (Sight(),)))
    assert drive.heard(Answer(ask.turn, (Sight(),)))
    assert not drive.heard(Answer(ask.turn, (Sight(),))), "it has been answered"
    assert drive.next_turn(NOW_US).ask is None


@pytest.mark.parametrize(
    "reply",
    [
        Answer(1, (Sight(), Sight())),
        Answer(1, (Sight(),), served=1),
        Answer(1),
        Answer(1, (Sight(items={bytes(12): bytes(16)}),)),
    ],
    ids=["more than asked", "served what nobody wants", "nothing", "fine"],
)
def test_an_answer_that_cannot_be_one(reply: Answer) -> None:
    drive = Drive(store_of([line(1)]))
    drive.next_turn(NOW_US)
    if reply.sights and reply.sights[0].items:
        assert drive.heard(reply)
        return
    with pytest.raises(WireFault):
        drive.heard(reply)


def test_a_list_of_what_lies_elsewhere_is_refused() -> None:
    drive = Drive(store_of(line(number) for number in range(100)))
    drive.next_turn(NOW_US)
    drive.heard(Answer(1, (Sight((b"\1" * 12,) * 16),)))
    ask = drive.next_turn(NOW_US).ask
    assert ask is not None
    elsewhere = f"{(int(ask.looks[0].prefix, 16) + 1) % 16:x}0"
    item = bytes.fromhex(elsewhere) + bytes(11)
    with pytest.raises(WireFault):
        drive.heard(Answer(2, (Sight(items={item: bytes(VERSION_BYTES)}),)))


# ---------------------------------------------------------------- messages


ASKS = st.builds(
    Ask,
    st.integers(0, 2**32 - 1),
    st.lists(
        st.builds(
            Look,
            st.text("0123456789abcdef", max_size=24),
            st.one_of(st.just(b""), HASHES),
            st.booleans(),
        ),
        max_size=64,
    ).map(tuple),
    st.lists(HASHES, max_size=512).map(tuple),
    st.booleans(),
)
ANSWERS = st.builds(
    Answer,
    st.integers(0, 2**32 - 1),
    st.lists(SIGHTS, max_size=64).map(tuple),
    st.integers(1, 512),
    st.booleans(),
)


@given(st.one_of(ASKS, ANSWERS))
def test_what_is_said_is_understood(said: Ask | Answer) -> None:
    data = said.encode()
    assert len(data) <= MAX_SYNC_BYTES
    assert read_sync(data) == said


@given(st.binary(max_size=200), st.one_of(ASKS, ANSWERS), st.integers(0, 10**6))
def test_noise_is_refused_or_understood(noise: bytes, said: Ask | Answer, place: int) -> None:
    mutated = bytearray(said.encode() or b"\0")
    mutated[place % len(mutated)] ^= 1 << place % 8
    store = store_of(line(number) for number in range(20))
    for data in (noise, bytes(mutated)):
        try:
            read = read_sync(data)
        except WireFault:
            continue
        if isinstance(read, Ask):
            given_, reply = answer(store, read, NOW_US)
            assert len(reply.encode()) <= MAX_SYNC_BYTES
            assert sum(map(len, given_)) <= TURN_BYTES + max(len(e.data) for e in store)


TOO_MUCH = {
    "long": b"\0" * (MAX_SYNC_BYTES + 1),
    "looks": Ask(1, (Look(""),) * 65).encode(),
    "wants": Ask(1, (), (bytes(12),) * 513).encode(),
    "sights": Answer(1, (Sight(),) * 65).encode(),
    "both": Ask(1, (Look(""),)).encode() + Answer(1, (Sight(),)).encode(),
    "an odd want": Ask(1, (), (bytes(11),)).encode(),
    "no part": Ask(1, (Look("G"),)).encode(),
    "a deep part": Ask(1, (Look("a" * 25),)).encode(),
    "an odd digest": Ask(1, (Look("a", b"x"),)).encode(),
    "odd hashes": Answer(1, (Sight((bytes(12),) * 15),)).encode(),
    "an odd list": Answer(1, (Sight(items={bytes(12): bytes(15)}),)).encode(),
    "a long list": Answer(
        1, (Sight(items={bytes([n]) * 12: bytes(16) for n in range(MAX_LISTED + 1)}),)
    ).encode(),
    "served in a question": Ask(1).encode() + b"\x38\x01",
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_too_much_is_refused(name: str) -> None:
    with pytest.raises(WireFault):
        read_sync(TOO_MUCH[name])


# ---------------------------------------------------------------- summaries


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3)), max_size=80))
def test_hashes_tell_what_is_held_and_nothing_else(steps: list[tuple[int, int]]) -> None:
    """Not how it came there: sequence 0 stands for a line that is gone again."""
    store, now = store_of([]), dict[int, int]()
    for number, sequence in steps:
        if sequence:
            if keep_newer := sequence > now.get(number, 0):
                store.put(held(line(number, sequence=sequence)), NOW_US)
            now[number] = sequence if keep_newer else now[number]
        elif number in now:
            entry = store.get(line(number).key)
            assert entry is not None
            store.summary.remove(entry.id)
            store.summary.put(entry.id, entry.version)
        store.summary.digest("")
    fresh = store_of(line(number, sequence=s) for number, s in reversed(now.items()))
    assert len(fresh.summary) == len(now) == fresh.summary.count("")
    for prefix in ("", "0", "7f", "abc", "abcd"):
        assert store.summary.digest(prefix) == fresh.summary.digest(prefix)
        assert store.summary.children(prefix) == fresh.summary.children(prefix)
        assert store.summary.items(prefix) == fresh.summary.items(prefix)
        below = (store.summary.digest(f"{prefix}{digit:x}") for digit in range(16))
        assert store.summary.children(prefix) == tuple(below)
    assert (store.summary.digest("") == NOTHING) == (not now)
