"""Every event of an owner in every phase and part: done, or refused by name and without a trace.

`DONE` is the whole table of what may be done when; what is not in it is refused.
"""

from dataclasses import replace

import pytest

from node.core.apply import Applied
from node.core.effects import Answer
from node.core.events import Event
from node.core.sale.course import TRANSITIONS
from proto.reason import Reason
from tests.node.core.sale_acts import MAKE
from tests.node.core.sale_stages import (
    ARBITER,
    EVERY_STAGE,
    NAMES,
    any_stage,
    phase_of,
    refused,
    rows,
)
from tests.node.core.sale_table import SaleTable

BY_NAME = {
    *(Reason.SALE_UNKNOWN, Reason.SALE_STATE, Reason.SALE_NOT_YOURS, Reason.SALE_INVALID),
    *(Reason.REPEATED_OTHERWISE, Reason.TIME_SHORT, Reason.REQUEST_EXPIRED),
}
LOCKED = {"locked", "shown"}
SPLIT = {"split", "voted"}
EITHER = {"", ARBITER}
DONE: dict[tuple[str, str], set[str]] = {
    ("bid", "sally"): {"offered"},
    ("enter", "ned"): {"asked"},
    ("enter", ARBITER): {"asked"},
    ("close", "bob"): {"opened", "offered", "bid", "asked", "entered", "drafting", "locking"},
    ("close", "sally"): {"offered", "bid", "asked", "entered", "drafting", "locking"},
    ("close", "ned"): {"asked", "entered", "drafting", "handed", "locking"},
    ("close", ARBITER): {"asked", "entered", "drafting"},
    ("drafted", "bob"): {"drafting"},
    ("give", "sally"): {"agreed", "given", "handed"},
    ("hand over", "ned"): {"given"},
    ("refuse", "ned"): {"given"},
    ("show", "bob"): LOCKED,
    ("attest", "ned"): LOCKED,
    ("attest with proof", "ned"): LOCKED,
    **{("sign release", name): LOCKED for name in ("bob", "sally", "ned")},
    **{("sign refund", name): LOCKED | SPLIT for name in ("bob", "sally", "ned")},
    ("sign challenge", "bob"): LOCKED | SPLIT,
    **{("sign slash", name): LOCKED | SPLIT for name in ("bob", "sally", ARBITER)},
    ("decline", "bob"): LOCKED | SPLIT,
    ("decline", "sally"): LOCKED,
    ("decline", "ned"): LOCKED,
    ("vote", "bob"): SPLIT,
    ("vote", "sally"): SPLIT,
}


def people(arbiter: str) -> tuple[str, ...]:
    return NAMES if arbiter else NAMES[:-1]


def may(stage: str, arbiter: str, kind: str, name: str) -> bool:
    """Without an arbiter there is no Ts, and a sale ends for its agent with its branch, for the
    sides with their votes."""
    if arbiter or stage not in SPLIT:
        return name in people(arbiter) and (bool(arbiter) or kind != "sign slash")
    return stage == "split" and name in ("bob", "sally") and kind != "sign slash"


def owned(table: SaleTable, name: str, kind: str) -> Event | None:
    """None where nobody could make such an event: votes and hand-overs are made by their part."""
    if kind == "vote" and name not in ("bob", "sally"):
        return None
    if kind == "hand over" and name != "ned":
        return None
    return MAKE[kind](table, name)


def only_answers(applied: Applied) -> bool:
    return all(isinstance(effect, Answer) for effect in applied.effects)


@pytest.mark.parametrize("arbiter", sorted(EITHER))
@pytest.mark.parametrize("stage", EVERY_STAGE)
def test_done_or_refused_by_name(stage: str, arbiter: str) -> None:
    done = set()
    for name in people(arbiter):
        for kind in MAKE:
            table = any_stage(stage, arbiter)
            if kind == "open" and name != "bob":
                continue
            if name == "ned" and kind == "hand over" and phase_of(table, "ned") is None:
                continue
            event = owned(table, name, kind)
            if event is None:
                continue
            before, was = rows(table), phase_of(table, name)
            applied = table.people[name].take(event)
            reason = refused(applied)
            if reason is None:
                done.add((kind, name))
                now = phase_of(table, name)
                assert was is not None
                assert now is was or now in TRANSITIONS[was], (kind, name)
            else:
                assert reason in BY_NAME, (kind, name, reason)
                assert rows(table) == before, (kind, name)
                assert only_answers(applied), (kind, name)
    expected = {
        (kind, name)
        for (kind, name), stages in DONE.items()
        if stage in stages and may(stage, arbiter, kind, name)
    }
    assert done == expected


@pytest.mark.parametrize("arbiter", sorted(EITHER))
@pytest.mark.parametrize(("kind", "name"), sorted(DONE))
def test_again_is_nothing(kind: str, name: str, arbiter: str) -> None:
    """A second time, a moment later: refused, or as if it had not been said."""
    for stage in sorted(DONE[kind, name]):
        if not may(stage, arbiter, kind, name):
            continue
        table = any_stage(stage, arbiter)
        event = owned(table, name, kind)
        assert event is not None
        assert refused(table.people[name].take(event)) is None
        before = rows(table)
        table.people[name].take(replace(event, now_us=event.now_us + 1))
        assert rows(table) == before, stage
