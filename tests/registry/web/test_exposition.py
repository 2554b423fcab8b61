"""The text that a Prometheus reads, byte by byte, and what our meter puts into it."""

from dataclasses import replace

from node.command.sim.cast import SECOND
from proto.statement import DecisionReason
from registry.log import Logged, Query, Reason, Refused, Row, decide
from registry.meter import Meter
from registry.web.exposition import Family, HistogramFamily, exposition
from tests.registry.build import TERMS, commit_shown, descriptor, reading, subject


def test_the_text_byte_by_byte() -> None:
    families = [
        Family("queue_items", "gauge", "Items.", [({}, 3.0)]),
        Family("odd_total", "counter", "Odd.", [({"name": 'a"b\\c\nd', "k": "v"}, 0.25)]),
        Family("none", "gauge", "No samples."),
        HistogramFamily("wait_seconds", "Waits.", [0.5, 1.0], [2, 0, 1], 3.25),
    ]
    assert exposition(families) == (
        "# HELP pledgeway_registry_queue_items Items.\n"
        "# TYPE pledgeway_registry_queue_items gauge\n"
        "pledgeway_registry_queue_items 3\n"
        "# HELP pledgeway_registry_odd_total Odd.\n"
        "# TYPE pledgeway_registry_odd_total counter\n"
        'pledgeway_registry_odd_total{name="a\\"b\\\\c\\nd",k="v"} 0.25\n'
        "# HELP pledgeway_registry_none No samples.\n"
        "# TYPE pledgeway_registry_none gauge\n"
        "# HELP pledgeway_registry_wait_seconds Waits.\n"
        "# TYPE pledgeway_registry_wait_seconds histogram\n"
        'pledgeway_registry_wait_seconds_bucket{le="0.5"} 2\n'
        'pledgeway_registry_wait_seconds_bucket{le="1"} 2\n'
        'pledgeway_registry_wait_seconds_bucket{le="+Inf"} 3\n'
        "pledgeway_registry_wait_seconds_sum 3.25\n"
        "pledgeway_registry_wait_seconds_count 3\n"
    )


def committed(label: str, index: int, shard: int = 2026) -> Logged:
    s = subject(descriptor(label))
    row = decide(commit_shown(s), None, reading(s.descriptor.deadline_us - SECOND), TERMS)
    assert isinstance(row, Row)
    return Logged(row, index, shard)


def late(label: str, index: int) -> Logged:
    s = subject(descriptor(label))
    row = decide(Query(s), None, reading(s.descriptor.deadline_us + 60 * SECOND), TERMS)
    assert isinstance(row, Row)
    return Logged(row, index, 2026)


def test_a_decision_is_counted_when_it_is_made_and_never_again() -> None:
    meter = Meter({2026: 5})
    meter.decided([committed("from before the start", 4)])
    assert not meter.decisions
    meter.decided([committed("b", 7), late("c", 6), committed("a", 5), committed("a", 5)])
    meter.decided([committed("b", 7), committed("a", 5)])
    meter.decided([committed("d", 0, shard=2027)])
    assert meter.decisions == {DecisionReason.COMMIT: 3, DecisionReason.DEADLINE: 1}
    assert sum(meter.groups.counts) == 2, "a group of three and a group of one"
    assert meter.groups.total == 4


def test_an_answer_by_a_fence_is_no_decision() -> None:
    meter = Meter({})
    known = late("a", 9)
    by_fence = replace(known.row.leaf, reason=DecisionReason.EPOCH)
    meter.decided([replace(known, row=replace(known.row, leaf=by_fence))])
    assert not meter.decisions


def test_refusals_and_waits() -> None:
    meter = Meter({})
    answers = [Refused(Reason.OVER_QUOTA), Refused(Reason.OVER_QUOTA), Refused(Reason.TOO_FAR)]
    meter.answered(answers, took_us=700)
    meter.answered([], took_us=10**9)
    assert meter.refusals == {Reason.OVER_QUOTA: 2, Reason.TOO_FAR: 1}
    assert (meter.latency_us.counts[1], meter.latency_us.counts[-1]) == (1, 1)
