"""Two stores of one network that differ a little are compared, as neighbours that meet again."""

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from proto.adverts import LINE_KIND, LineAdvert, read_advert
from proto.envelope import Envelope
from proto.gossip_sync import Answer, Ask, read_sync
from proto.keys import SigningKey
from proto.limits import US
from proto.money import Brand
from runtime.gossip_limits import GossipLimits
from runtime.gossip_store import Held, Store, hold
from runtime.gossip_sync import Drive, answer

LINES_EACH: Final = 20  # of a node: what a large network has on average
NOW_US: Final = 1_800_000_000 * US  # no clock is read: a seed repeats every byte
VERIFIED: Final = 1000  # adverts: enough to tell what a signature check costs
USD: Final = Brand(bytes(16), "USD", 1)
TOLD_EVERY: Final = 2000  # adverts


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison. Bytes both ways; without frames, which add some ten for 64 adverts."""

    differences: int
    everything_bytes: int  # what both would say of all that they know
    advert_bytes: int
    adverts: int
    question_bytes: int  # and answers
    turns: int
    cpu_ms: float  # of both, without signature checks


@dataclass(frozen=True, slots=True)
class GossipOutcome:
    """`keep_us`: to keep one advert; `verify_us`: to verify one; `hash_ms`: all hashes anew."""

    adverts: int
    seed: int
    stored_bytes: int
    keep_us: float
    verify_us: float
    hash_ms: float
    compared: tuple[Compared, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def run(
    count: int, differences: Sequence[int], seed: int, progress: Callable[[str], None]
) -> GossipOutcome:
    """Each difference is a newer advert at one of the two, at either as often as at the other."""
    rng = random.Random(seed)
    signers = [_key(seed, number) for number in range(1 + (count - 1) // LINES_EACH)]
    known = [_line(signers, number, 1) for number in _told(count, progress)]
    progress("keeping, verifying and hashing")
    began = time.process_time()
    one = _store(known)
    keep_us = (time.process_time() - began) / count * US
    other = _store(known)
    began = time.process_time()
    one.summary.digest("")
    hash_ms = (time.process_time() - began) * 1000
    other.summary.digest("")
    verify_us = _verify_us(known)
    compared = []
    for number, wanted in enumerate(differences):
        progress(f"comparing {count:,} adverts of which {wanted:,} differ")
        news = [_line(signers, n, number + 2) for n in rng.sample(range(count), wanted)]
        compared.append(_compare(one, other, news))
    return GossipOutcome(count, seed, one.bytes, keep_us, verify_us, hash_ms, tuple(compared))


def _told(count: int, progress: Callable[[str], None]) -> Iterator[int]:
    for number in range(count):
        if not number % TOLD_EVERY:
            progress(f"signing {number:,} of {count:,} adverts")
        yield number


def _key(seed: int, number: int) -> SigningKey:
    return SigningKey(hashlib.sha256(f"bench gossip {seed} {number}".encode()).digest())


def _line(signers: Sequence[SigningKey], number: int, sequence: int) -> Held:
    key = signers[number // LINES_EACH]
    promisee = signers[number * 7919 % len(signers)].node_id
    # A brand for each line, so that two of one pair are two.
    brand = Brand(number.to_bytes(16, "big"), USD.name, USD.unit)
    advert = LineAdvert(key.node_id, promisee, brand, sequence, NOW_US + 3600 * US, 10**6 + number)
    return hold(advert, Envelope.seal(key, LINE_KIND, advert.encode()).encode())


def _store(known: Iterable[Held]) -> Store:
    most = 10**9  # nothing is pushed out here
    store = Store(GossipLimits(adverts=most, stored_bytes=most * 1000), lambda _: False)
    for held in known:
        store.put(held, NOW_US)
    return store


def _verify_us(known: Sequence[Held]) -> float:
    some = known[:VERIFIED]
    began = time.process_time()
    for held in some:
        read_advert(held.data, NOW_US)
    return (time.process_time() - began) / len(some) * US


def _compare(one: Store, other: Store, news: Sequence[Held]) -> Compared:
    by_data = {held.data: held for held in news}
    for number, held in enumerate(news):
        (other if number % 2 else one).put(held, NOW_US)
    everything = one.bytes + other.bytes
    adverts = advert_bytes = questions = turns = 0
    began = time.process_time()
    drive = Drive(one)
    while True:
        turn = drive.next_turn(NOW_US)
        said = [(data, other) for data in turn.adverts]
        if turn.ask is not None:
            question = turn.ask.encode()
            asked = read_sync(question)
            assert isinstance(asked, Ask)
            given, reply = answer(other, asked, NOW_US)
            answered = read_sync(reply.encode())
            assert isinstance(answered, Answer)
            drive.heard(answered)
            said += [(data, one) for data in given]
            questions += len(question) + len(reply.encode())
            turns += 1
        for data, receiver in said:
            receiver.put(by_data[data], NOW_US)
            advert_bytes += len(data)
        adverts += len(said)
        if turn.ask is None:
            break
    cpu_ms = (time.process_time() - began) * 1000
    assert one.summary.digest("") == other.summary.digest(""), "they still differ"
    return Compared(len(news), everything, advert_bytes, adverts, questions, turns, cpu_ms)
