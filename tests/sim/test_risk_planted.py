"""The experiment can fail: each bug that is planted into the core changes what it finds."""

from collections.abc import Callable

import pytest

from node.command.sim.risk import setting as setting_room
from node.command.sim.risk.table import LOSES_IN, Fault, Sets, cell
from node.core import asking, claim, ending, offer
from node.core.promise import book_given
from node.core.rows import Line, Promise, replace
from node.core.view import Step
from proto.levels import Level
from proto.limits import GRACE_US
from proto.modes import Loss

B, S, A, P = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY
ALWAYS: Sets = (frozenset(),)
NOT_U = LOSES_IN[Loss.NOT_U]

Plant = Callable[[pytest.MonkeyPatch], None]


def no_v12(patch: pytest.MonkeyPatch) -> None:
    """The attempt can be declined at the registry, and X promises all the same."""
    patch.setattr(offer, "check_pair", lambda *_: None)
    patch.setattr(setting_room, "relies", lambda levels: False)


def no_watch(patch: pytest.MonkeyPatch) -> None:
    """X takes late-leak pairs and does not ask before the horizon."""
    patch.setattr(offer, "is_late_leak", lambda held, given: False)


def release_on_silence(patch: pytest.MonkeyPatch) -> None:
    """The upstream frees a SECURED promise by its clock alone."""

    def freely(level: Level, now_us: int, expires_at_us: int, *, aborted: bool) -> bool:
        return aborted or (level.has_expiry and now_us > expires_at_us + GRACE_US)

    patch.setattr(ending, "may_free", freely)


def no_presenting(patch: pytest.MonkeyPatch) -> None:
    """X books what it owes, and does not show the commit upstream."""
    patch.setattr(claim, "present", lambda step, promise, transaction: None)


def no_stamping(patch: pytest.MonkeyPatch) -> None:
    """X does not submit a bare commit to the registry."""
    patch.setattr(asking, "_needs_stamp", lambda step, transaction, pending: False)


def early_release(patch: pytest.MonkeyPatch) -> None:
    """X gives up what it holds as soon as it has paid: it takes its own end for the end."""

    def gone(step: Step, promise: Promise, evidence: bytes = b"") -> Promise:
        booked = book_given(step, promise, evidence)
        held = step.promise(promise.partner, promise.partner_id) if promise.partner_id else None
        if held is not None and held.pending:
            ending.move(step, held, ending.PromisePhase.RELEASED)
            step.send(held.peer, ending.Release(held.id, ending.Refusal(ending.Reason.ABANDONED)))
        return booked

    patch.setattr(claim, "book_given", gone)


CASES: list[tuple[Plant, Level, Level, Sets]] = [
    (no_v12, S, B, NOT_U),
    (no_v12, A, B, ALWAYS),
    (no_watch, B, A, (*NOT_U, frozenset({Fault.WAITS}))),
    (no_watch, B, S, (*NOT_U, frozenset({Fault.WAITS}))),
    (release_on_silence, S, B, NOT_U),
    (no_presenting, B, B, ALWAYS),
    (no_stamping, S, B, NOT_U),
    (no_stamping, A, B, ALWAYS),
]


@pytest.mark.parametrize(
    ("plant", "incoming", "outgoing", "expected"),
    CASES,
    ids=lambda value: getattr(value, "__name__", getattr(value, "name", "")),
)
def test_a_planted_bug_changes_the_table(
    plant: Plant, incoming: Level, outgoing: Level, expected: Sets, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    found = cell(incoming, outgoing)
    assert found.found == expected
    assert found.whole and not found.same


def test_a_debt_booked_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(step: Step, promise: Promise, evidence: bytes = b"") -> Promise:
        booked = book_given(step, promise, evidence)
        line = step.the_line(promise.line)
        assert isinstance(line, Line)
        step.put(replace(line, booked_out=line.booked_out + promise.amount))
        return booked

    monkeypatch.setattr(claim, "book_given", twice)
    found = cell(B, B)
    assert "booked totals" in found.breach and not found.same


def test_a_promise_given_up_though_it_is_worth_its_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    early_release(monkeypatch)
    found = cell(A, A)
    assert not found.same and (found.breach or found.found == ALWAYS)
