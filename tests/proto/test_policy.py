"""Quorums: the theorem of registry section 7, exhaustively for small collectives."""

from dataclasses import replace
from itertools import product

import pytest

from node.command.sim.cast import R1, SINGLE, TWO_OF_THREE, digest
from proto.limits import MAX_DELTA_US, MIN_DELTA_US
from proto.policy import (
    EMPTY_POLICY,
    PolicyFault,
    RegistryPolicy,
    policy_fault,
    quorum_fault,
    single,
    symmetric,
)

S = 1_000_000


def certificates_can_contradict(n: int, qc: int, qa: int, f: int) -> bool:
    """Honest members answer one way, f liars both: is there a split that fills both quorums?"""
    honest = n - f
    return any(c + f >= qc and (honest - c) + f >= qa for c in range(honest + 1))


def stuck(n: int, qc: int, qa: int, f: int) -> bool:
    """The f liars are silent and all honest members agree: does a quorum stay out of reach?"""
    return n - f < qc or n - f < qa


@pytest.mark.parametrize("n", range(2, 9))
def test_valid_means_safe_and_live(n: int) -> None:
    for f, qc, qa in product(range(n + 1), range(n + 2), range(n + 2)):
        fault = quorum_fault(n, qc, qa, f, 2 * S)
        bad = certificates_can_contradict(n, qc, qa, f) or stuck(n, qc, qa, f)
        # Without any honest member both questions are empty; the rule refuses those as well.
        assert (fault is not None) == (bad or f == n), (n, qc, qa, f)


@pytest.mark.parametrize(
    ("n", "f", "qc", "qa"), [(3, 0, 2, 2), (4, 1, 3, 3), (7, 2, 5, 5), (3, 0, 3, 1), (5, 0, 2, 4)]
)
def test_the_settings_of_the_table(n: int, f: int, qc: int, qa: int) -> None:
    assert quorum_fault(n, qc, qa, f, 2 * S) is None
    assert quorum_fault(n, qc - 1, qa, f, 2 * S) is PolicyFault.QUORUM_UNSAFE
    assert quorum_fault(n, qc, qa - 1, f, 2 * S) is PolicyFault.QUORUM_UNSAFE


def test_a_single_registry_has_one_valid_setting() -> None:
    valid = [
        (qc, qa, f, delta)
        for qc, qa, f, delta in product(range(4), range(4), range(3), (0, 1, 2 * S))
        if quorum_fault(1, qc, qa, f, delta) is None
    ]
    assert valid == [(1, 1, 0, 0)]
    assert single(R1.id) == SINGLE


def test_the_empty_policy_has_one_valid_setting() -> None:
    valid = [x for x in product(range(3), repeat=4) if quorum_fault(0, *x) is None]
    assert valid == [(0, 0, 0, 0)]
    assert policy_fault(EMPTY_POLICY) is None


def test_delta_bounds() -> None:
    for delta, ok in (
        (0, False),
        (MIN_DELTA_US - 1, False),
        (MIN_DELTA_US, True),
        (MAX_DELTA_US, True),
        (MAX_DELTA_US + 1, False),
    ):
        assert (quorum_fault(3, 2, 2, 0, delta) is None) == ok
    assert (MIN_DELTA_US, MAX_DELTA_US) == (1 * S, 60 * S)


def test_lateness() -> None:
    assert SINGLE.lateness_us == 0
    assert TWO_OF_THREE.lateness_us == 2 * S
    assert RegistryPolicy((b"a" * 32,) * 4, 3, 3, 1, 3 * S).lateness_us == 6 * S


def test_declines_are_for_complementary_quorums_only() -> None:
    assert SINGLE.declines
    assert TWO_OF_THREE.declines
    assert not EMPTY_POLICY.declines
    for n, qc, qa in product(range(1, 8), range(9), range(9)):
        declines = RegistryPolicy(tuple(bytes([i]) * 32 for i in range(n)), qc, qa).declines
        assert declines == (qc + qa == n + 1)


@pytest.mark.parametrize(
    ("n", "quorum", "f"), [(1, 1, 0), (2, 2, 0), (3, 2, 0), (4, 3, 1), (5, 4, 1), (7, 5, 2)]
)
def test_the_usual_quorums(n: int, quorum: int, f: int) -> None:
    """Registry section 7: the least symmetric ones that are safe with as many liars as n bears."""
    members = [digest(f"m{i}") for i in range(n)]
    policy = symmetric(members)
    assert (policy.qc, policy.qa, policy.f) == (quorum, quorum, f)
    assert policy.members == tuple(sorted(members))
    assert policy_fault(policy) is None
    assert n == 1 or policy_fault(replace(policy, qc=quorum - 1, qa=quorum - 1)) is not None


def test_f_liars_and_f_silent_members_leave_enough_admissions() -> None:
    for n in range(1, 17):
        policy = symmetric([digest(f"m{i}") for i in range(n)])
        assert policy_fault(policy) is None
        assert policy.f < policy.admissions <= n - policy.f
