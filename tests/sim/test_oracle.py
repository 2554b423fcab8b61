"""The oracle by itself: every complaint can be provoked, and a clean history has none."""

from collections.abc import Callable
from typing import Any

import pytest

from node.command.sim.cast import NOW_US, R1, R2, SECOND
from node.command.sim.oracle.ends import judge
from node.command.sim.oracle.refusals import NEVER, NEVER_IN_CALM, is_uncalled_for
from node.command.sim.oracle.tables import LATE_LEAKS, MODES, WAYS_TO_LOSE, least_incoming
from node.command.sim.oracle.troubles import FELT_US, Troubles, wire
from node.core.rows import Payment, PaymentPhase, PromisePhase, replace
from proto.levels import Level
from proto.modes import Loss, is_late_leak, loss_of, mode_of
from proto.reason import Reason, Refusal
from proto.statement import Outcome
from tests.sim.tale import IN, OUT, Tale

REDEEMED, RELEASED = PromisePhase.REDEEMED, PromisePhase.RELEASED
EXPIRED, ABORTED = PromisePhase.EXPIRED, PromisePhase.ABORTED
COMMITTED, NOT_COMMITTED = Outcome.COMMITTED, Outcome.NOT_COMMITTED


def late(tale: Tale, seconds: float = 60) -> None:
    tale.now_us = round(seconds * SECOND)


# ---------------------------------------------------------------- clean histories

SOUND = {
    "atomic": Tale,
    "secured": lambda: Tale(("SECURED", "SECURED")),
    "bare": lambda: Tale(("BARE", "BARE")),
    "gateway": lambda: Tale(("ATOMIC", "BARE")),
    "proxy": lambda: Tale(("ATOMIC", "PROXY")),
    "late leak": lambda: Tale(("BARE", "ATOMIC"), expires_s=(14, 0)),
}


@pytest.mark.parametrize("name", SOUND)
def test_a_payment_that_is_paid_is_not_complained_about(name: str) -> None:
    tale = SOUND[name]()
    tale.promised()
    tale.paid()
    judge(tale.oracle)
    assert not tale.oracle.violations


def test_a_payment_that_is_aborted_is_not_complained_about() -> None:
    tale = Tale()
    tale.promised()
    late(tale)
    tale.decided(NOT_COMMITTED)
    tale.ended("P", OUT, ABORTED, tale.payment(PaymentPhase.ABORTED))
    tale.ended("A", OUT, ABORTED)
    tale.ended("A", IN, ABORTED)
    tale.ended("Q", IN, ABORTED)
    judge(tale.oracle)
    assert not tale.oracle.violations


# ---------------------------------------------------------------- one complaint each


def promised(**terms: Any) -> Tale:
    tale = Tale(**terms)
    tale.promised()
    return tale


def freed_unheard(tale: Tale) -> None:
    late(tale)
    tale.ended("A", OUT, ABORTED)


def expired(tale: Tale) -> None:
    late(tale)
    tale.ended("A", OUT, EXPIRED)


def expired_early(tale: Tale) -> None:
    late(tale, 2.9)
    tale.ended("A", OUT, EXPIRED)


def freed_before_e(tale: Tale) -> None:
    tale.decided(NOT_COMMITTED)
    tale.ended("A", OUT, ABORTED)


def booked_unstamped(tale: Tale) -> None:
    tale.ended("A", OUT, REDEEMED)


def rid_of_what_is_held(tale: Tale) -> None:
    tale.ended("A", OUT, RELEASED)


def given_up_while_given(tale: Tale) -> None:
    tale.ended("A", IN, RELEASED)


def ended_twice(tale: Tale) -> None:
    late(tale)
    tale.decided(NOT_COMMITTED)
    tale.ended("A", OUT, ABORTED)
    tale.write("A", replace(tale.promise("A", OUT), phase=PromisePhase.ACCEPTED))


def line_left_behind(tale: Tale) -> None:
    late(tale)
    tale.write("A", replace(tale.promise("A", OUT), phase=EXPIRED))


def decided_both_ways(tale: Tale) -> None:
    tale.decided(COMMITTED)
    tale.decided(NOT_COMMITTED)


def committed_after_d(tale: Tale) -> None:
    tale.decided(COMMITTED, decided_at_us=NOW_US + 11 * SECOND)


def committed_by_its_own_limit(tale: Tale) -> None:
    at_us = NOW_US + 11 * SECOND
    tale.decided(COMMITTED, decided_at_us=at_us, limit_us=at_us)


def refused_before_d(tale: Tale) -> None:
    tale.decided(NOT_COMMITTED, decided_at_us=NOW_US + 9 * SECOND)


def paid_twice(tale: Tale) -> None:
    tale.signed()
    tale.decided(COMMITTED)
    tale.ended("P", OUT, REDEEMED)
    tale.salt = "second"
    tale.made("P", tale.promise("P", OUT))
    tale.decided(COMMITTED)
    tale.ended("P", OUT, REDEEMED)


def attempted_too_early(tale: Tale) -> None:
    tale.salt = "second"
    tale.write("P", tale.payment(PaymentPhase.PROMISED, attempt=2))


def payment_ends_twice(tale: Tale) -> None:
    tale.write("P", tale.payment(PaymentPhase.COMMITTED))
    tale.write("P", tale.payment(PaymentPhase.ABORTED))


def signs_twice(tale: Tale) -> None:
    tale.signed()
    tale.salt = "second"
    tale.made("Q", tale.promise("Q", IN))
    tale.signed()


def signs_for_less(tale: Tale) -> None:
    tale.write("Q", replace(tale.request(), amount=1001))
    tale.signed()


def refused(reason: Reason) -> Callable[[Tale], None]:
    def act(tale: Tale) -> None:
        given = replace(tale.promise("P", OUT), phase=PromisePhase.REFUSED)
        rows = tale._moved("P", given, -1)
        tale.oracle.books["A"].rows.clear()
        tale.write("P", replace(given, because=Refusal(reason, 3)), rows)

    return act


def payment_refused(tale: Tale) -> None:
    row = tale.payment(PaymentPhase.ABORTED)
    assert isinstance(row, Payment)
    tale.write("P", replace(row, because=Refusal(Reason.FEE_SHORT, 1)))


SECURED, BARE = ("SECURED", "SECURED"), ("BARE", "BARE")
COMPLAINTS: list[tuple[dict[str, Any], Callable[[Tale], None] | None, int, str]] = [
    # terms of the tale, what happens after all promises stand, invariant, words
    ({"limit": 1004}, None, 2, "1005 owed and promised, 1004 granted"),
    ({"amounts": (1002, 1000)}, None, 4, "holds 1002 for 1000, and asks 1003"),
    ({"levels": ("PROXY", "BARE")}, None, 4, "no price for None"),
    ({"levels": ("BARE", "ATOMIC"), "expires_s": (14, 0), "watches": False}, None, 6, "not watch"),
    ({"accepts": False}, None, 6, "issues ATOMIC under a registry"),
    ({"levels": ("SECURED", "BARE"), "accepts": False}, None, 6, "is in mode SECURED under"),
    ({"levels": BARE, "expires_s": (3, 2)}, None, 6, "holds until"),
    ({"levels": SECURED, "expires_s": (3, 2)}, None, 6, "holds until"),
    ({"levels": ("BARE", "ATOMIC"), "expires_s": (13, 0)}, None, 6, "holds until"),
    ({"levels": SECURED, "expires_s": (11, 9)}, None, 6, "gives until"),
    ({"levels": SECURED, "decline_hash": b"h" * 32}, None, 6, "can decline"),
    ({"levels": SECURED, "admitted": False}, None, 6, "admitted by 0 of 1"),
    ({"hold_max_ms": 9_000}, None, 6, "ATOMIC locks for"),
    ({}, freed_unheard, 5, "frees ATOMIC that no registry has aborted"),
    ({"levels": SECURED}, freed_unheard, 5, "frees SECURED that no registry has aborted"),
    ({"levels": BARE}, freed_unheard, 5, "aborts BARE"),
    ({}, expired, 5, "lets ATOMIC expire"),
    ({"levels": SECURED}, expired, 5, "lets SECURED expire"),
    ({"levels": BARE}, expired_early, 6, "expire 100000 µs before its time"),
    ({"levels": SECURED}, freed_before_e, 6, "frees SECURED before its own expiry"),
    ({}, booked_unstamped, 5, "books ATOMIC that no registry has committed"),
    ({"levels": ("ATOMIC", "PROXY")}, booked_unstamped, 5, "books PROXY that no registry"),
    ({}, rid_of_what_is_held, 5, "is rid of ATOMIC that Q still holds"),
    ({}, given_up_while_given, 5, "gives up ATOMIC while ATOMIC is still given"),
    ({}, ended_twice, 3, "ended as ABORTED, then as ACCEPTED"),
    ({"levels": BARE}, line_left_behind, 3, "OUT says (1000, 1, 0, 0), holds (0, 0, 0, 0)"),
    ({}, decided_both_ways, 5, "decided both ways"),
    ({}, committed_after_d, 5, "committed 1000000 µs too late"),
    ({}, committed_by_its_own_limit, 5, "committed 1000000 µs too late"),
    ({}, refused_before_d, 5, "refused by deadline 1000000 µs before it"),
    ({}, paid_twice, 7, "pays a request under 2 commits"),
    ({}, attempted_too_early, 7, "attempt 2 begins while OFFERED is before it"),
    ({}, payment_ends_twice, 7, "ended as COMMITTED, then as ABORTED"),
    ({}, signs_twice, 7, "signs a second attempt while the first is live"),
    ({}, signs_for_less, 7, "signs for 1000 of 1001"),
    ({}, refused(Reason.FEE_SHORT), 0, "refused with FEE_SHORT 3"),
    ({}, payment_refused, 0, "refused with FEE_SHORT 1"),
]


@pytest.mark.parametrize(
    ("terms", "happens", "invariant", "words"),
    COMPLAINTS,
    ids=[words for *_, words in COMPLAINTS],
)
def test_it_complains(
    terms: dict[str, Any], happens: Callable[[Tale], None] | None, invariant: int, words: str
) -> None:
    tale = promised(**terms)
    if happens is not None:
        assert not tale.oracle.violations
        happens(tale)
    told = [(v.invariant, v.what) for v in tale.oracle.violations]
    assert any(i == invariant and words in what for i, what in told), told


# ---------------------------------------------------------------- at the end


def lost(levels: tuple[str, str], expires_s: tuple[int, int] = (4, 2)) -> Tale:
    """A has paid, and what it held has ended."""
    tale = promised(levels=levels, expires_s=expires_s)
    tale.signed()
    tale.decided(COMMITTED)
    tale.ended("A", OUT, REDEEMED)
    tale.ended("Q", IN, REDEEMED)
    late(tale)
    held = EXPIRED if levels[0] in ("BARE", "PROXY") else ABORTED
    tale.ended("A", IN, held)
    return tale


def complaints(tale: Tale) -> list[int]:
    """Of A, about a loss."""
    judge(tale.oracle)
    return [v.invariant for v in tale.oracle.violations if "loses" in v.what]


@pytest.mark.parametrize("levels", [pair for pair in WAYS_TO_LOSE if pair in MODES], ids="-".join)
def test_a_loss_is_excused_by_what_the_table_says_and_by_nothing_else(
    levels: tuple[str, str],
) -> None:
    troubles = {"U": wire("P", "A"), "R": ("road", "A", R1.name)}
    for failed in ("", "U", "R", "UR"):
        tale = lost(levels, (14, 2))
        for what in failed:
            tale.oracle.troubles.during(troubles[what], 0, 60 * SECOND)
        excused = any(way <= set(failed) for way in WAYS_TO_LOSE[levels])
        invariant = 5 if MODES[levels] == "ATOMIC" else 6
        assert complaints(tale) == ([] if excused else [invariant]), failed


def test_trouble_elsewhere_excuses_nothing() -> None:
    for place in (wire("A", "Q"), ("road", "P", R1.name), ("registry", R2.name), ("node", "Q")):
        tale = lost(("BARE", "BARE"))
        tale.oracle.troubles.during(place, 0, 60 * SECOND)
        assert complaints(tale) == [6], place


def test_what_does_not_end_is_complained_about() -> None:
    tale = promised()
    judge(tale.oracle)
    told = [v.what for v in tale.oracle.violations if v.invariant == 8]
    assert len(told) == 5 and "payment" in "".join(told)


def test_books_that_are_no_mirror_are_complained_about() -> None:
    """P has booked and A has not: neither mirror nor sum is right."""
    tale = promised()
    tale.decided(COMMITTED)
    tale.ended("P", OUT, REDEEMED)
    judge(tale.oracle)
    told = [v.what for v in tale.oracle.violations if v.invariant == 1]
    assert any("P says" in what for what in told) and any("sum to -1005" in what for what in told)


def test_a_liar_is_not_judged() -> None:
    tale = promised()
    tale.oracle.liars = frozenset({"A"})
    rid_of_what_is_held(tale)
    assert not tale.oracle.violations


# ---------------------------------------------------------------- its own tables and times


@pytest.mark.parametrize("held", Level)
@pytest.mark.parametrize("given", Level)
def test_its_tables_are_the_protocols(held: Level, given: Level) -> None:
    """Written twice, by hand: they say the same, or one of them is wrong."""
    pair, mode = (held.name, given.name), mode_of(held, given)
    assert MODES.get(pair) == (mode.name if mode is not None else None)
    assert (pair in LATE_LEAKS) == is_late_leak(held, given)
    ways = {
        None: None,
        Loss.NOTHING: [],
        Loss.NOT_U: [{"U"}],
        Loss.NOT_R: [{"R"}],
        Loss.NOT_U_AND_NOT_R: [{"U", "R"}],
        Loss.LATE_LEAK: [{"U"}, {"R"}],
    }[loss_of(held, given)]
    assert WAYS_TO_LOSE.get(pair) == ways


def test_its_prices_round_for_the_node() -> None:
    assert least_incoming(1000, 1, 2) == 1003
    assert least_incoming(1001, 1, 2) == 1005
    assert least_incoming(1, 0, 0) == 1


def test_trouble_is_felt_a_little_longer() -> None:
    troubles, place = Troubles(), ("node", "A")
    troubles.during(place, 10, 5)
    assert troubles.touches([place], 15 + FELT_US, 10**12)
    assert not troubles.touches([place], 16 + FELT_US, 10**12)
    assert not troubles.touches([place], 0, 9)
    troubles.begins(place, 10**11)
    assert troubles.touches([place], 10**11, 10**12)
    troubles.ends(place, 10**11 + 1)
    assert not troubles.touches([place], 2 * 10**11, 10**12)


def test_what_may_be_refused_in_trouble_may_not_in_calm() -> None:
    assert NEVER < NEVER_IN_CALM
    assert is_uncalled_for(Reason.NEXT_HOP_DOWN, calm=True)
    assert not is_uncalled_for(Reason.NEXT_HOP_DOWN, calm=False)
    assert not any(is_uncalled_for(Reason.CREDIT_SHORT, calm=calm) for calm in (True, False))
