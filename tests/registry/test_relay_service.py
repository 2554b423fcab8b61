"""Three registries on loopback, each with a clock of its own, passing commits on to each other."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
import trio

from node.command.sim.cast import NOW_US, SECOND
from proto.certificate import CommitCertificate, verify_commit_certificate
from proto.commit import Commit, Evidence, sign_share
from proto.descriptor import Descriptor, commit_id
from proto.policy import RegistryPolicy
from proto.statement import DecisionLeaf, Outcome, SignedStatement, Statement
from proto.v1 import registry_pb2 as rpb
from registry.health_json import read_health
from registry.home import Home
from registry.relay_members import keep_member
from registry.relay_service import MAX_STRANGE
from tests.patience import PATIENCE_S
from tests.proto.build import COMMITTER, make_commit
from tests.registry.build import ERROR_US, descriptor
from tests.registry.serving import METHOD, Serving, commit_item, query_item, serving

pytestmark = pytest.mark.edge

DELTA_US = 2 * SECOND


class Three:
    """`served` in the order of their ids; each has the records of the others."""

    def __init__(self, served: list[Serving]) -> None:
        self.served = sorted(served, key=lambda s: s.record.registry)
        members = tuple(s.record.registry for s in self.served)
        self.policy = RegistryPolicy(members, 2, 2, 0, DELTA_US)
        self.records = {s.record.registry: s.record for s in self.served}

    def descriptor(self, label: str) -> Descriptor:
        return descriptor(label, policy=self.policy)

    async def decided(self, which: int, d: Descriptor) -> rpb.Answer:
        """Its final answer, waited for."""
        with trio.fail_after(PATIENCE_S):
            while True:
                (answer,) = await self.served[which].decide(query_item(d))
                if answer.WhichOneof("answer") == "final":
                    return answer
                await trio.sleep(0.01)

    async def relay(self, which: int, *commits: Commit) -> list[rpb.Answer]:
        request = rpb.RelayRequest(commits=[c.to_message() for c in commits])
        channel = self.served[which].channel
        answer = await channel.unary(METHOD + "Relay", request, rpb.RelayResponse, PATIENCE_S)
        return list(answer.answers)


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Three]:
    async with AsyncExitStack() as stack:
        served = [
            await stack.enter_async_context(serving(tmp_path / str(i), name=f"R{i}"))
            for i in range(3)
        ]
        for one in range(3):
            for other in range(3):
                if one != other:
                    keep_member(Home(tmp_path / str(one)), served[other].record)
        with trio.fail_after(PATIENCE_S):
            while True:
                if all(len(s.daemon._members.records) == 2 for s in served):
                    break
                await trio.sleep(0.01)
        yield Three(served)


def leaf_of(answer: rpb.Answer) -> DecisionLeaf:
    signed = SignedStatement.from_message(answer.final)
    return DecisionLeaf.decode(Statement.decode(signed.statement).leaf)


async def test_a_commit_that_reaches_one_member_just_in_time_reaches_all(three: Three) -> None:
    d = three.descriptor("a")
    for clock, after_us in zip(
        [s.clock for s in three.served], (-ERROR_US, SECOND, DELTA_US - ERROR_US), strict=True
    ):
        clock.set_now(d.deadline_us + after_us)
    (answer,) = await three.served[0].decide(commit_item(make_commit(d)))
    assert leaf_of(answer).limit_us == d.deadline_us
    answers = [answer, await three.decided(1, d), await three.decided(2, d)]
    assert [leaf_of(a).limit_us - d.deadline_us for a in answers] == [0, DELTA_US, DELTA_US]
    statements = tuple(SignedStatement.from_message(a.final) for a in answers)
    for kept in answers:
        # Whoever asks one member alone can make the certificate of what it shows and says.
        commit = Commit.from_message(kept.commit)
        certificate = CommitCertificate(commit, statements[1:])
        assert verify_commit_certificate(certificate, three.records, NOW_US) == d
    assert len(Evidence.decode(answers[1].commit.evidence).relayed) >= 1


async def test_many_that_come_together_are_all_passed_on(three: Three) -> None:
    """More than are examined on the spot: the examining process knows the members too."""
    many = [three.descriptor(f"many {i}") for i in range(40)]
    for served, after_us in zip(three.served, (-ERROR_US, SECOND, SECOND), strict=True):
        served.clock.set_now(many[0].deadline_us + after_us)
    answers = await three.served[0].decide(*[commit_item(make_commit(d)) for d in many])
    assert {a.WhichOneof("answer") for a in answers} == {"final"}
    for d in many:
        for which in (1, 2):
            leaf = leaf_of(await three.decided(which, d))
            assert leaf.outcome is Outcome.COMMITTED and leaf.limit_us > d.deadline_us


async def test_everybody_can_see_which_member_lags(three: Three) -> None:
    async with httpx.AsyncClient(base_url=three.served[0].url, trust_env=False) as http:
        answer = read_health((await http.get("/health")).content)
        scraped = (await http.get("/metrics")).text
    assert answer is not None
    others = {s.record.registry.hex(): 0 for s in three.served[1:]}
    assert {member.registry: member.waiting for member in answer.members} == others
    assert scraped.count("pledgeway_registry_relay_commits{") == 2


async def test_a_stranger_gets_nothing_by_relaying(three: Three) -> None:
    d, other = three.descriptor("b"), three.descriptor("c")
    bare = make_commit(d)
    alone = make_commit(descriptor("d"))
    ours = await three.served[0].decide(commit_item(make_commit(other)))
    elsewhere = ours[0].final.SerializeToString()
    share = sign_share(COMMITTER, commit_id(d.encode()))

    def with_statement(statement: bytes) -> Commit:
        return Commit(d.encode(), Evidence((share,), relayed=(statement,)).encode())

    forged = SignedStatement.decode(elsewhere)
    leaf = DecisionLeaf.decode(Statement.decode(forged.statement).leaf)
    assert leaf.commit_id == commit_id(other.encode())
    answers = await three.relay(
        1,
        bare,
        alone,
        with_statement(elsewhere),
        with_statement(b""),
        Commit(b"no descriptor", b""),
        Commit(d.encode(), b"\xff" * 20),
    )
    names = [rpb.RegistryRefusal.Name(a.refusal.reason) for a in answers]
    assert names == [
        "BAD_EVIDENCE",
        "NOT_A_MEMBER",
        "BAD_EVIDENCE",
        "BAD_EVIDENCE",
        "INVALID_DESCRIPTOR",
        "BAD_EVIDENCE",
    ]
    assert answers[0].commit_id == commit_id(d.encode())
    (asked,) = await three.served[1].decide(query_item(d))
    assert asked.WhichOneof("answer") == "interim", "nothing of it was decided"
    many = await three.relay(1, *[with_statement(elsewhere)] * (MAX_STRANGE + 2))
    reasons = [a.refusal.reason for a in many]
    assert reasons == [rpb.BAD_EVIDENCE] * MAX_STRANGE + [rpb.OVER_QUOTA] * 2
    # With another member's own word the same commit is taken.
    assert three.served[1].clock.now_us() == NOW_US
    (done,) = await three.served[0].decide(commit_item(bare))
    (taken,) = await three.relay(1, with_statement(done.final.SerializeToString()))
    assert taken.WhichOneof("answer") == "final"
