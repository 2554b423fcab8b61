"""Two certificates can contradict each other iff qc + qa <= n + f: counted out, for n up to 8."""

from dataclasses import replace
from functools import cache
from itertools import product

import pytest

from node.command.sim.cast import R1, R2, R3, R4, RECORDS, SECOND, digest
from proto.certificate import (
    AbortCertificate,
    CertificateFault,
    CertificateInvalid,
    CommitCertificate,
    verify_abort_certificate,
    verify_commit_certificate,
)
from proto.policy import PolicyFault, RegistryPolicy, policy_fault, quorum_fault
from tests.proto.build import DESCRIPTOR, aborted_leaf, committed_leaf, make_commit

LARGEST = 8
COMMITS, REFUSES, LIES = range(3)


@cache
def reachable(n: int) -> frozenset[tuple[int, int, int]]:
    """(liars, statements of COMMITTED, statements of NOT_COMMITTED) that n members can give, over
    every way to be honest one way, honest the other way, or a liar that says both."""
    found = set()
    for members in product((COMMITS, REFUSES, LIES), repeat=n):
        liars = members.count(LIES)
        found.add((liars, members.count(COMMITS) + liars, members.count(REFUSES) + liars))
    return frozenset(found)


@pytest.mark.parametrize("n", range(1, LARGEST + 1))
def test_quorums_are_safe_exactly_where_the_rule_says_so(n: int) -> None:
    checked = 0
    for f, qc, qa in product(range(n), range(1, n + 1), range(1, n + 1)):
        contradictory = any(
            liars <= f and commits >= qc and refusals >= qa
            for liars, commits, refusals in reachable(n)
        )
        assert contradictory == (qc + qa < n + f + 1), (n, f, qc, qa)
        delta_us = 0 if n == 1 else 2 * SECOND
        fault = quorum_fault(n, qc, qa, f, delta_us)
        assert (fault is PolicyFault.QUORUM_UNSAFE) == contradictory, (n, f, qc, qa)
        checked += 1
    assert checked == n**3


@pytest.mark.parametrize("n", range(1, LARGEST + 1))
def test_accepted_quorums_can_be_reached_while_f_members_are_silent(n: int) -> None:
    for f, qc, qa in product(range(n), range(1, n + 1), range(1, n + 1)):
        policy = RegistryPolicy(
            tuple(sorted(digest(f"m{i}") for i in range(n))), qc, qa, f, 0 if n == 1 else SECOND
        )
        if policy_fault(policy) is None:
            assert n - f >= max(qc, qa)
            assert qc + qa >= n + f + 1


REGISTRIES = (R1, R2, R3, R4)


@pytest.mark.parametrize(("n", "qc", "qa", "f"), [(3, 2, 2, 0), (3, 3, 1, 0), (4, 3, 3, 1)])
def test_real_certificates_contradict_only_with_more_liars_than_the_policy_bears(
    n: int, qc: int, qa: int, f: int
) -> None:
    members = REGISTRIES[:n]
    policy = RegistryPolicy(tuple(r.id for r in members), qc, qa, f, 2 * SECOND)
    d = replace(DESCRIPTOR, policy=policy)
    commit = make_commit(d)
    yes = {r.id: r.sign_statement(committed_leaf(commit, d).encode()) for r in members}
    no = {r.id: r.sign_statement(aborted_leaf(d).encode()) for r in members}

    def certificates(choice: tuple[int, ...]) -> tuple[bool, bool]:
        sayers = list(zip(members, choice, strict=True))
        commits = tuple(yes[r.id] for r, says in sayers if says != REFUSES)
        refusals = tuple(no[r.id] for r, says in sayers if says != COMMITS)
        return (
            _holds(
                lambda: verify_commit_certificate(
                    CommitCertificate(commit, commits), RECORDS, d.deadline_us
                )
            ),
            _holds(
                lambda: verify_abort_certificate(
                    AbortCertificate(d.encode(), refusals), RECORDS, d.deadline_us
                )
            ),
        )

    least = n + 1
    for choice in product((COMMITS, REFUSES, LIES), repeat=n):
        if certificates(choice) == (True, True):
            least = min(least, choice.count(LIES))
    assert least == qc + qa - n > f


def _holds(verify: object) -> bool:
    try:
        verify()  # type: ignore[operator]
    except CertificateInvalid as invalid:
        assert invalid.fault is CertificateFault.QUORUM
        return False
    return True
