"""The decision rule over all states, events and positions of the clock (registry section 3)."""

from dataclasses import replace
from itertools import product

import pytest

from node.command.sim.cast import NOW_US, R2, SECOND
from proto.commit import evidence_hash
from proto.descriptor import commit_id
from proto.log_leaf import FenceLeaf
from proto.policy import EMPTY_POLICY, RegistryPolicy
from proto.shard import LAST_SHARD, shard_end_us, shard_of
from proto.statement import DecisionLeaf, DecisionReason, InterimKind, Outcome
from registry.log import (
    Announce,
    Event,
    Fence,
    Lapse,
    Logged,
    Pause,
    Query,
    Reason,
    Refused,
    Row,
    abort_horizon_us,
    commit_limit_us,
    decide,
    decide_unknown,
    fence_for,
)
from registry.timing import MAX_TIME_US, Reading
from tests.registry.build import (
    ERROR_US,
    GUARD_US,
    TERMS,
    bad_commit_shown,
    collective,
    commit_shown,
    declinable,
    decline_shown,
    descriptor,
    preimages_of,
    reading,
    subject,
)

D = NOW_US + 10 * SECOND
SUBJECT = declinable("a")
A = D + GUARD_US
EVENTS: dict[str, Event] = {
    "announce": Announce(SUBJECT),
    "commit": commit_shown(SUBJECT),
    "bad commit": bad_commit_shown(SUBJECT),
    "decline": decline_shown(SUBJECT),
    "bad decline": decline_shown(SUBJECT, b"another"),
    "query": Query(SUBJECT),
}
COMMITTED = decide(EVENTS["commit"], None, reading(NOW_US), TERMS)
DECLINED = decide(EVENTS["decline"], None, reading(NOW_US), TERMS)
REFUSED_LATE = decide(EVENTS["query"], None, reading(A + ERROR_US + 1), TERMS)

# now -> what each event gives where nothing is stored:
# c, d, t = rows COMMIT, DECLINED, DEADLINE; p = PENDING; a = ADMITTED; - = a refusal
POSITIONS = {
    NOW_US: {"announce": "a", "commit": "c", "query": "p"},
    D - SECOND // 2: {"announce": "a", "commit": "c", "query": "p"},
    D - SECOND // 2 + 1: {"announce": "TOO_SOON", "commit": "c", "query": "p"},
    D - ERROR_US - 1: {"announce": "TOO_SOON", "commit": "c", "query": "p"},
    D - ERROR_US: {"announce": "TOO_SOON", "commit": "c", "query": "p"},
    D - ERROR_US + 1: {"announce": "TOO_SOON", "commit": "p", "query": "p"},
    D - 1: {"announce": "TOO_SOON", "commit": "p", "query": "p"},
    D: {"announce": "TOO_SOON", "commit": "p", "query": "p"},
    D + 1: {"announce": "TOO_SOON", "commit": "p", "query": "p"},
    A - 1: {"announce": "TOO_SOON", "commit": "p", "query": "p"},
    A: {"announce": "TOO_SOON", "commit": "p", "query": "p"},
    A + 1: {"announce": "TOO_SOON", "commit": "p", "query": "p"},
    A + ERROR_US - 1: {"announce": "TOO_SOON", "commit": "p", "query": "p"},
    A + ERROR_US: {"announce": "TOO_SOON", "commit": "p", "query": "p"},
    A + ERROR_US + 1: {"announce": "TOO_SOON", "commit": "t", "query": "t"},
    A + 10**12: {"announce": "TOO_SOON", "commit": "t", "query": "t"},
}
ALWAYS = {"decline": "d", "bad commit": "BAD_EVIDENCE", "bad decline": "BAD_EVIDENCE"}


def letter(verdict: object) -> str:
    match verdict:
        case Row(leaf=DecisionLeaf(reason=reason)):
            return {"COMMIT": "c", "DECLINED": "d", "DEADLINE": "t"}[reason.name]
        case Pause(kind=kind):
            return {"PENDING": "p", "ADMITTED": "a", "NO_RECORD": "n"}[kind.name]
        case Refused(reason=reason):
            return reason.name
    raise AssertionError(verdict)


@pytest.mark.parametrize("now_us", POSITIONS)
@pytest.mark.parametrize("name", EVENTS)
def test_unknown_transactions(name: str, now_us: int) -> None:
    verdict = decide(EVENTS[name], None, reading(now_us), TERMS)
    assert letter(verdict) == (ALWAYS | POSITIONS[now_us])[name]


@pytest.mark.parametrize("row", [COMMITTED, DECLINED, REFUSED_LATE], ids=letter)
@pytest.mark.parametrize("usable", [True, False])
def test_what_is_decided_stays_decided(row: Row, usable: bool) -> None:
    """Whatever happens, at whatever time, and even while the clock is unsafe."""
    stored = Logged(row, 5)
    for event, now_us in product(EVENTS.values(), POSITIONS):
        assert decide(event, stored, reading(now_us, usable=usable), TERMS) is stored


@pytest.mark.parametrize("name", ["announce", "commit", "decline", "query"])
@pytest.mark.parametrize("now_us", POSITIONS)
def test_an_unsafe_clock_decides_nothing(name: str, now_us: int) -> None:
    verdict = decide(EVENTS[name], None, reading(now_us, 999_999, usable=False), TERMS)
    assert verdict == Refused(Reason.CLOCK_UNSAFE, 999_999)


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("policy", [EMPTY_POLICY, RegistryPolicy((R2.id,), 1, 1)])
def test_others_transactions_are_not_ours_to_decide(name: str, policy: RegistryPolicy) -> None:
    s = subject(descriptor("b", policy=policy))
    event = replace(EVENTS[name], subject=s)
    for now_us in POSITIONS:
        assert decide(event, None, reading(now_us), TERMS) == Refused(Reason.NOT_A_MEMBER)


def test_announcements_too_far_off() -> None:
    far = subject(descriptor("c", deadline_us=NOW_US + TERMS.max_deadline_us))
    assert letter(decide(Announce(far), None, reading(NOW_US), TERMS)) == "a"
    refused = decide(Announce(far), None, reading(NOW_US - 1), TERMS)
    assert refused == Refused(Reason.TOO_FAR, NOW_US - 1 + TERMS.max_deadline_us)


@pytest.mark.parametrize("event", ["commit", "decline"])
def test_what_is_due_too_far_off_is_decided_later(event: str) -> None:
    """It would open the log of a year in which nobody may announce yet."""
    far_us = NOW_US + TERMS.max_deadline_us
    for deadline_us, expected in ((far_us + ERROR_US, "cd"), (far_us + ERROR_US + 1, "TOO_FAR")):
        s = declinable("d", deadline_us=deadline_us)
        shown = commit_shown(s) if event == "commit" else decline_shown(s)
        assert letter(decide(shown, None, reading(NOW_US), TERMS)) in expected
        assert letter(decide(Query(s), None, reading(NOW_US), TERMS)) == "p"


def test_a_deadline_beyond_all_time_is_refused_not_computed() -> None:
    last_us = MAX_TIME_US - GUARD_US
    assert shard_of(MAX_TIME_US) == LAST_SHARD
    for deadline_us, expected in ((last_us, "p"), (last_us + 1, "TOO_FAR"), (2**63 - 1, "TOO_FAR")):
        s = subject(descriptor("d", deadline_us=deadline_us))
        assert letter(decide(Query(s), None, reading(NOW_US), TERMS)) == expected


FENCE = Fence(D, 2026, 3, FenceLeaf(D).encode())


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("usable", [True, False])
def test_behind_a_fence_nothing_is_decided_any_more(name: str, usable: bool) -> None:
    """Whatever comes, and whatever the clock says: the same final answer, and no row."""
    for now_us in POSITIONS:
        at = reading(now_us, usable=usable)
        answer = decide(EVENTS[name], None, at, TERMS, FENCE)
        assert isinstance(answer, Logged)
        assert (answer.row.data, answer.shard, answer.index) == (FENCE.data, 2026, 3)
        said = answer.row.leaf
        assert (said.outcome, said.reason) == (Outcome.NOT_COMMITTED, DecisionReason.EPOCH)
        assert (said.commit_id, said.deadline_us) == (SUBJECT.commit_id, D)
    stored = Logged(COMMITTED, 5, 2026)  # type: ignore[arg-type]
    assert decide(EVENTS[name], stored, reading(A), TERMS, FENCE) is stored


def test_a_fence_answers_for_our_own_transactions_only() -> None:
    s = subject(descriptor("b", policy=EMPTY_POLICY))
    refused = decide(Query(s), None, reading(A), TERMS, FENCE)
    assert refused == Refused(Reason.NOT_A_MEMBER)


def test_which_fence_answers() -> None:
    day_us = 86_400 * SECOND
    end_us = shard_end_us(2026)
    old, own, new = (
        Fence(end_us - 2 * day_us, 2026, 3, b"old"),
        Fence(end_us + day_us, 2026, 9, b"own"),
        Fence(end_us + day_us, 2027, 1, b"new"),
    )
    assert fence_for((old,), end_us - day_us) is None
    assert fence_for((own, new), end_us - 1) is own
    assert fence_for((own, new), end_us) is new
    assert fence_for((old, new), end_us - 1) is new
    assert fence_for((), 1) is None


def test_what_was_announced_lapses_after_a() -> None:
    lapse = Lapse(SUBJECT.kept)
    assert letter(decide(lapse, None, reading(A + ERROR_US), TERMS)) == "p"
    assert decide(lapse, None, reading(A + ERROR_US + 1), TERMS) == REFUSED_LATE
    assert letter(decide(lapse, None, reading(A, usable=False), TERMS)) == "CLOCK_UNSAFE"
    closed = decide(lapse, None, reading(A), TERMS, FENCE)
    assert closed == decide(EVENTS["query"], None, reading(A), TERMS, FENCE)


def test_the_content_of_the_rows() -> None:
    assert isinstance(COMMITTED, Row)
    leaf = COMMITTED.leaf
    assert (leaf.outcome, leaf.reason) == (Outcome.COMMITTED, DecisionReason.COMMIT)
    assert (leaf.deadline_us, leaf.limit_us, leaf.decided_at_us) == (D, D, NOW_US)
    assert leaf.max_error_us == ERROR_US
    assert leaf.evidence_hash == evidence_hash(COMMITTED.evidence)
    assert commit_id(COMMITTED.descriptor) == leaf.commit_id
    assert DecisionLeaf.decode(COMMITTED.data) == leaf

    assert isinstance(DECLINED, Row)
    assert DECLINED.leaf.outcome is Outcome.NOT_COMMITTED
    assert preimages_of(DECLINED.evidence) == (b"a preimage that declines",)


def test_a_deadline_refusal_keeps_no_evidence() -> None:
    """A commit that came too late would leak its preimages for nothing."""
    late = decide(EVENTS["commit"], None, reading(A + ERROR_US + 1), TERMS)
    assert late == REFUSED_LATE
    assert isinstance(late, Row)
    assert (late.evidence, late.descriptor, late.leaf.evidence_hash) == (b"", b"", b"")
    assert late.leaf.decided_at_us - late.leaf.max_error_us > late.leaf.limit_us + GUARD_US


def test_pending_says_when_it_will_be_final() -> None:
    pause = decide(EVENTS["query"], None, reading(NOW_US), TERMS)
    assert pause == Pause(InterimKind.PENDING, SUBJECT.commit_id, NOW_US, ERROR_US, A)
    admitted = decide(EVENTS["announce"], None, reading(NOW_US), TERMS)
    assert admitted == replace(pause, kind=InterimKind.ADMITTED)


def test_an_id_alone_is_never_answered_finally() -> None:
    no_record = decide_unknown(b"i" * 32, reading(NOW_US))
    assert no_record == Pause(InterimKind.NO_RECORD, b"i" * 32, NOW_US, ERROR_US, 0)
    unsafe = decide_unknown(b"i" * 32, Reading(NOW_US, 7, usable=False))
    assert unsafe == Refused(Reason.CLOCK_UNSAFE, 7)


@pytest.mark.parametrize(
    ("n", "f", "j", "steps"),
    [
        *((1, 0, 0, 0), (3, 0, 0, 0), (3, 0, 1, 1), (3, 0, 2, 1), (4, 1, 1, 1), (4, 1, 2, 2)),
        *((4, 1, 3, 2), (7, 2, 2, 2), (7, 2, 3, 3), (7, 2, 6, 3)),
    ],
)
def test_relayed_statements_extend_the_limit(n: int, f: int, j: int, steps: int) -> None:
    policy = collective(n, f) if n > 1 else RegistryPolicy((TERMS.registry,), 1, 1)
    s = subject(descriptor("e", policy=policy))
    limit_us = D + steps * policy.delta_us
    assert commit_limit_us(D, policy, j) == limit_us
    event = replace(commit_shown(s), relayed=j)
    in_time = decide(event, None, reading(limit_us - ERROR_US), TERMS)
    assert isinstance(in_time, Row)
    assert in_time.leaf.limit_us == limit_us
    assert letter(decide(event, None, reading(limit_us - ERROR_US + 1), TERMS)) == "p"
    horizon_us = D + (f + 1) * policy.delta_us + GUARD_US
    assert abort_horizon_us(s.descriptor, TERMS) == horizon_us
    assert letter(decide(event, None, reading(horizon_us + ERROR_US), TERMS)) == "p"
    refused = decide(event, None, reading(horizon_us + ERROR_US + 1), TERMS)
    assert isinstance(refused, Row)
    assert refused.leaf.limit_us == horizon_us - GUARD_US
