"""The relay rule against an adversary: a reduced count of what relay_simulation runs at length."""

from hashlib import sha256
from itertools import product
from random import Random

import pytest

from node.command.sim.cast import NOW_US, SECOND, make_registry
from proto.commit import Evidence, sign_share
from proto.descriptor import DescriptorInvalid, DescriptorRule, decode_descriptor
from proto.policy import RegistryPolicy
from proto.statement import Outcome
from registry.examine import Examiner
from registry.relay import as_relayed
from tests.proto.build import COMMITTER, committed_leaf, make_commit
from tests.registry.relay_simulation import COLLECTIVES, SLOW_US, tally
from tests.registry.relay_world import (
    DELTA_US,
    END_US,
    Carried,
    Count,
    judge,
    make_world,
    policy_of,
    subject_under,
)

SCHEDULES = 400


@pytest.mark.parametrize(("n", "f"), COLLECTIVES)
def test_honest_members_never_split_where_delta_covers_the_delays(n: int, f: int) -> None:
    found = tally(n, f, SCHEDULES, seed=7)
    assert found.split == found.undecided == found.contradictory == 0
    assert found.relays > SCHEDULES


@pytest.mark.parametrize(("n", "f"), COLLECTIVES)
def test_they_do_split_without_the_rule(n: int, f: int) -> None:
    """So the test above can fail."""
    found = tally(n, f, SCHEDULES, seed=7, rule=False)
    assert found.split > SCHEDULES // 2
    assert found.contradictory == 0, "safety does not depend on timing"


@pytest.mark.parametrize(("n", "f"), COLLECTIVES)
def test_slower_wires_leave_some_undecided_and_none_contradictory(n: int, f: int) -> None:
    found = tally(n, f, SCHEDULES, seed=7, delay_us=SLOW_US)
    assert found.split and not found.contradictory
    # Complementary quorums leave nothing undecided, however the honest ones split.
    assert bool(found.undecided) == (not policy_of(n, f).declines)


def signed_count(subject_policy: RegistryPolicy) -> tuple[RegistryPolicy, Count]:
    """j as the real examination finds it, in real statements of real keys."""
    n = len(subject_policy.members)
    registries = sorted((make_registry(f"S{i}") for i in range(n)), key=lambda r: r.id)
    members = tuple(r.id for r in registries)
    policy = RegistryPolicy(
        members, subject_policy.qc, subject_policy.qa, subject_policy.f, DELTA_US
    )
    subject = subject_under(policy)
    share = sign_share(COMMITTER, subject.commit_id)
    leaf = committed_leaf(make_commit(subject.descriptor), subject.descriptor).encode()
    records = {r.id: r.record for r in registries}
    said = {m: as_relayed(r.sign_statement(leaf)) for m, r in enumerate(registries)}

    def count(member: int, carried: Carried) -> int:
        statements = tuple(said[m] for m in sorted(carried))
        evidence = Evidence((share,), relayed=statements).encode()
        shown = Examiner(members[member], records, lambda: NOW_US).commit(
            subject, evidence, known=False
        )
        assert shown.satisfied
        return shown.relayed

    return policy, count


def test_the_same_with_real_statements() -> None:
    policy, count = signed_count(policy_of(4, 1))
    subject = subject_under(policy)
    random = Random("signed")
    split = 0
    for _ in range(25):
        world = make_world(subject, random, rule=True, delay_us=DELTA_US - SECOND, count=count)
        world.attack()
        world.run()
        split += judge(world).split
    assert split == 0


# ------------------------------------------------------------------ declines (N4)


def test_a_split_by_decline_is_refused_with_its_descriptor() -> None:
    digest = sha256(b"a preimage").digest()
    for n, f in COLLECTIVES:
        policy = policy_of(n, f)
        data = subject_under(policy, digest).data
        if policy.declines:
            assert decode_descriptor(data).decline_hash == digest
            continue
        with pytest.raises(DescriptorInvalid) as refused:
            decode_descriptor(data)
        assert refused.value.rule is DescriptorRule.N4


@pytest.mark.parametrize(("n", "f", "stuck"), [(3, 0, False), (4, 1, True)])
def test_why_a_payee_may_decline_under_complementary_quorums_only(
    n: int, f: int, stuck: bool
) -> None:
    """It declines at some members and commits at the others, all at once: nobody relays in time.
    Where quorums are complementary one certificate comes of every split; elsewhere neither."""
    subject = subject_under(policy_of(n, f), sha256(b"a preimage").digest())
    policy, seen = subject.descriptor.policy, set()
    now_us = subject.descriptor.deadline_us - SECOND
    for choice in product((True, False), repeat=n):
        world = make_world(subject, Random(1), rule=True, delay_us=DELTA_US // 2)
        honest = [m for m in range(n) if m in world.honest]
        for member in honest:
            if choice[member]:
                world.at(now_us, member, frozenset())
            else:
                world.decline(now_us, member)
            world.ask(END_US, member)
        world.run()
        outcomes = [world.honest[m].outcome for m in honest]
        commits = outcomes.count(Outcome.COMMITTED)
        verdict = (commits >= policy.qc, len(honest) - commits >= policy.qa)
        assert verdict != (True, True)
        seen.add(verdict)
    assert ((False, False) in seen) is stuck
