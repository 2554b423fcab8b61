"""The pure rule of a witness: what it cosigns, what it refuses, what it cannot read."""

from dataclasses import replace

import pytest

from proto.limits import MAX_NOTE_BYTES, US
from proto.log_tree import EMPTY_ROOT
from proto.merkle import leaf_hash, node_hash
from proto.wire import WireFault
from registry.witness.rule import (
    MAX_PROOF_LINES,
    MAX_REQUEST_BYTES,
    ClockLook,
    Refusal,
    Refused,
    Request,
    Seen,
    judge,
    read_request,
)
from tests.registry.witness.cases import NOW_S, GrowingLog, request

LOG = GrowingLog()
FORK = replace(LOG, forked_at=3)
CLOCK = ClockLook(NOW_S * US + 999_999, 50_000, US, NOW_S)
SEEN_5 = Seen(LOG.checkpoint(5), NOW_S - 60)
STALE_5 = Refusal(Refused.STALE, 5)


def case(seen: Seen | None, old: int, log: GrowingLog, size: int) -> int | Refusal:
    return judge(seen, old, log.proof(old, size), log.checkpoint(size), CLOCK)


@pytest.mark.parametrize(
    ("seen", "old", "log", "size", "expected"),
    [
        (None, 0, LOG, 0, NOW_S),
        (None, 0, LOG, 8, NOW_S),
        (None, 3, LOG, 8, Refusal(Refused.STALE, 0)),
        (SEEN_5, 5, LOG, 8, NOW_S),
        (SEEN_5, 5, LOG, 5, NOW_S),
        (SEEN_5, 0, LOG, 8, STALE_5),
        (SEEN_5, 4, LOG, 8, STALE_5),
        (SEEN_5, 3, LOG, 5, STALE_5),
        (SEEN_5, 4, LOG, 4, STALE_5),
        (SEEN_5, 5, LOG, 4, Refusal(Refused.SHRINKS, 5)),
        (SEEN_5, 9, LOG, 8, Refusal(Refused.SHRINKS, 5)),
        (SEEN_5, 5, FORK, 5, Refusal(Refused.OTHER_ROOT, 5)),
        (SEEN_5, 0, FORK, 5, Refusal(Refused.OTHER_ROOT, 5)),
        (SEEN_5, 5, FORK, 8, Refusal(Refused.UNPROVEN, 5)),
    ],
)
def test_what_is_cosigned_and_when(
    seen: Seen | None, old: int, log: GrowingLog, size: int, expected: int | Refusal
) -> None:
    assert case(seen, old, log, size) == expected


def test_every_growth_with_its_proof_and_none_with_another() -> None:
    for old in range(1, 20):
        seen = Seen(LOG.checkpoint(old), NOW_S)
        for size in range(old + 1, 21):
            offered = LOG.checkpoint(size)
            proof = LOG.proof(old, size)
            assert judge(seen, old, proof, offered, CLOCK) == NOW_S, (old, size)
            for wrong in ([*proof, EMPTY_ROOT], proof[:-1], [EMPTY_ROOT, *proof[1:]]):
                judged = judge(seen, old, wrong, offered, CLOCK)
                assert judged == Refusal(Refused.UNPROVEN, old), (old, size)


def test_a_right_subtree_is_no_earlier_log() -> None:
    """Entry 2 of two is shown as the whole log of size 1: a lenient verifier takes it."""
    left, right = leaf_hash(b"left"), leaf_hash(b"right")
    earlier = replace(LOG.checkpoint(1), root=right)
    later = replace(LOG.checkpoint(2), root=node_hash(left, right))
    seen = Seen(earlier, NOW_S)
    for proof in ([left], [right], [right, left], [left, right]):
        assert judge(seen, 1, proof, later, CLOCK) == Refusal(Refused.UNPROVEN, 1)
    honest = Seen(replace(earlier, root=left), NOW_S)
    assert judge(honest, 1, [right], later, CLOCK) == NOW_S


@pytest.mark.parametrize(
    ("size", "root", "proof"),
    [(0, leaf_hash(b"x"), []), (3, leaf_hash(b"x"), [EMPTY_ROOT])],
    ids=["an empty tree with a root", "a proof from nothing"],
)
def test_the_first_checkpoint_needs_its_form(size: int, root: bytes, proof: list[bytes]) -> None:
    offered = replace(LOG.checkpoint(size), root=root)
    assert judge(None, 0, proof, offered, CLOCK) == Refusal(Refused.UNPROVEN, 0)


@pytest.mark.parametrize(
    ("behind_us", "error_us", "expected"),
    [
        (0, 50_000, NOW_S),
        (50_000, 50_000, NOW_S),  # within the error: the time stays, and does not go back
        (50_001, 50_000, Refused.CLOCK_UNSAFE),
        (-5 * US, 50_000, NOW_S + 5),
        (0, US + 1, Refused.CLOCK_UNSAFE),
        (0, -1, Refused.CLOCK_UNSAFE),
    ],
)
def test_the_time_never_goes_back(behind_us: int, error_us: int, expected: int | Refused) -> None:
    clock = ClockLook(NOW_S * US - behind_us, error_us, US, NOW_S)
    seen = Seen(LOG.checkpoint(5), NOW_S)
    judged = judge(seen, 5, [], LOG.checkpoint(5), clock)
    assert judged == (Refusal(expected, 5) if isinstance(expected, Refused) else expected)


def test_a_request_is_read() -> None:
    note = LOG.note(8)
    proof = LOG.proof(5, 8)
    assert read_request(request(5, proof, note)) == Request(5, tuple(proof), note)
    assert read_request(request(0, [], note)) == Request(0, (), note)
    assert read_request(request(5, [EMPTY_ROOT] * MAX_PROOF_LINES, note)).old_size == 5


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"old 5\n",
        b"old 5\n\n",
        b"old 05\n\nnote",
        b"old -1\n\nnote",
        b"old  5\n\nnote",
        b"new 5\n\nnote",
        b"old\n\nnote",
        b"old 9223372036854775808\n\nnote",
        b"old 5\nAAAA\n\nnote",
        b"old 5\n!!!!\n\nnote",
        b"old 5\n\xff\xff\n\nnote",
        b"old \xff\n\nnote",
        request(5, [EMPTY_ROOT] * (MAX_PROOF_LINES + 1), b"note"),
        b"old 5\n\n" + b"x" * MAX_REQUEST_BYTES,
    ],
)
def test_what_is_no_request(data: bytes) -> None:
    with pytest.raises(WireFault):
        read_request(data)


def test_the_longest_honest_request_fits() -> None:
    body = request(2**62, [EMPTY_ROOT] * MAX_PROOF_LINES, b"x" * MAX_NOTE_BYTES)
    assert len(body) <= MAX_REQUEST_BYTES
    assert read_request(body).old_size == 2**62
