"""The gRPC service on real loopback TLS: answers, limits, streams, watchers."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from node.command.sim.cast import NOW_US, R2, SECOND, digest
from proto.certificate import (
    AbortCertificate,
    CommitCertificate,
    verify_abort_certificate,
    verify_commit_certificate,
)
from proto.commit import Commit, Evidence, sign_share
from proto.descriptor import commit_id
from proto.envelope import Proof
from proto.policy import single
from proto.registry_record import read_record
from proto.statement import INTERIM_KIND, Interim, InterimKind, SignedStatement
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from runtime.rpc import MAX_MESSAGE_BYTES
from runtime.rpc_client import RpcChannel, RpcDeadline, RpcFailed, RpcUnavailable
from runtime.tls import make_tls_identity
from tests.patience import PATIENCE_S
from tests.proto.build import COMMITTER, make_commit
from tests.registry.build import ERROR_US, PREIMAGE
from tests.registry.serving import (
    METHOD,
    Serving,
    bare,
    commit_item,
    decline_item,
    id_item,
    query_item,
    serving,
)

pytestmark = pytest.mark.edge


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Serving]:
    async with serving(tmp_path / "r") as running:
        yield running


def reason(answer: rpb.Answer) -> str:
    assert answer.WhichOneof("answer") == "refusal", answer
    return rpb.RegistryRefusal.Name(answer.refusal.reason)


def pause(answer: rpb.Answer, served: Serving) -> Interim:
    assert answer.WhichOneof("answer") == "interim", answer
    proof = Proof.from_message(answer.interim.signatures[0])
    assert served.record.statement_key(proof.key, NOW_US)
    assert proof.proves(INTERIM_KIND, answer.interim.interim)
    return Interim.decode(answer.interim.interim)


def certificate(answer: rpb.Answer) -> CommitCertificate:
    signed = SignedStatement.from_message(answer.final)
    return CommitCertificate(Commit.from_message(answer.commit), (signed,))


async def test_get_info_gives_the_signed_record(served: Serving) -> None:
    signed = await served.channel.unary(
        METHOD + "GetInfo", rpb.GetInfoRequest(), pb.SignedRegistryRecord, 10
    )
    assert read_record(signed.SerializeToString()) == served.record
    assert served.record.grpc_target != "127.0.0.1:0"


async def test_a_commit_becomes_a_certificate(served: Serving) -> None:
    d = served.descriptor("a")
    (admitted,) = await served.announce(d)
    assert pause(admitted, served).kind is InterimKind.ADMITTED
    (answer,) = await served.decide(commit_item(make_commit(d)))
    assert answer.commit_id == commit_id(d.encode())
    records = {served.record.registry: served.record}
    assert verify_commit_certificate(certificate(answer), records, NOW_US) == d


async def test_every_later_answer_is_the_same_bytes(served: Serving) -> None:
    """By descriptor, by id, by another commit, by a decline, long after: one statement."""
    d = served.declinable("a")
    commit = make_commit(d)
    (first,) = await served.decide(commit_item(commit))
    served.clock.advance(3600 * SECOND)
    worthless = Commit(commit.descriptor, b"")
    items = [query_item(d), id_item(commit.commit_id), commit_item(worthless)]
    together = await served.decide(*items, decline_item(d, PREIMAGE))
    assert {a.final.statement for a in together} == {first.final.statement}
    assert {a.commit.SerializeToString() for a in together} == {first.commit.SerializeToString()}
    alone = [(await served.decide(item))[0] for item in items]
    alone += await served.announce(d)
    assert [bare(a) for a in alone] == [bare(first)] * 4


async def test_the_statements_of_a_frame_share_a_signature_and_each_stands_alone(
    served: Serving,
) -> None:
    descriptors = [served.descriptor(f"d{i}") for i in range(7)]
    answers = await served.decide(*(commit_item(make_commit(d)) for d in descriptors))
    signatures = {a.final.signatures[0].signature for a in answers}
    assert len(signatures) == 1
    records = {served.record.registry: served.record}
    for d, answer in zip(descriptors, answers, strict=True):
        statement = SignedStatement.from_message(answer.final)
        certificate = CommitCertificate(Commit.from_message(answer.commit), (statement,))
        assert verify_commit_certificate(certificate, records, NOW_US) == d


async def test_a_deadline_refusal_becomes_a_certificate(served: Serving) -> None:
    d = served.descriptor("a")
    (pending,) = await served.decide(query_item(d))
    assert pause(pending, served).final_after_us == d.deadline_us + 2 * SECOND
    served.clock.advance(13 * SECOND)
    (late,) = await served.decide(commit_item(make_commit(d)))
    statement = SignedStatement.from_message(late.final)
    records = {served.record.registry: served.record}
    abort = AbortCertificate(d.encode(), (statement,))
    assert verify_abort_certificate(abort, records, NOW_US) == d
    assert not late.HasField("commit"), "evidence that came too late is nobody's business"
    assert await served.decide(query_item(d)) == [late]


async def test_a_decline_ends_it_at_once(served: Serving) -> None:
    d = served.declinable("a")
    (answer,) = await served.decide(decline_item(d, PREIMAGE))
    abort = AbortCertificate(d.encode(), (SignedStatement.from_message(answer.final),))
    verify_abort_certificate(abort, {served.record.registry: served.record}, NOW_US)
    (again,) = await served.decide(commit_item(make_commit(d)))
    assert bare(again) == bare(answer)


async def test_one_bad_item_never_fails_its_batch(served: Serving) -> None:
    good, other = served.descriptor("good"), served.descriptor("other")
    foreign = served.descriptor("foreign", policy=single(R2.id))
    share = Evidence((sign_share(COMMITTER, digest("another")),)).encode()
    malformed = Commit(b"\xff\x00", b"")
    huge = Commit(other.encode(), b"\x1a\x00" * 20_000)
    answers = await served.decide(
        commit_item(malformed),
        commit_item(make_commit(foreign)),
        commit_item(Commit(other.encode(), share)),
        commit_item(huge),
        decline_item(other, b"no"),
        rpb.DecideItem(),
        id_item(b"short"),
        query_item(replace(other, version=2)),
        commit_item(make_commit(good)),
        id_item(digest("nobody")),
    )
    assert [reason(a) for a in answers[:8]] == [
        *("INVALID_DESCRIPTOR", "NOT_A_MEMBER", "BAD_EVIDENCE", "BAD_EVIDENCE", "BAD_EVIDENCE"),
        *("INVALID_DESCRIPTOR", "INVALID_DESCRIPTOR", "INVALID_DESCRIPTOR"),
    ]
    assert answers[8].HasField("final")
    assert pause(answers[9], served).kind is InterimKind.NO_RECORD
    (still,) = await served.decide(query_item(other))
    assert pause(still, served).kind is InterimKind.PENDING, "a refusal changes nothing"


async def test_more_items_than_a_batch_holds(served: Serving) -> None:
    d = served.descriptor("a")
    answers = await served.decide(*[query_item(d)] * 257)
    assert all(a.HasField("interim") for a in answers[:256])
    assert reason(answers[256]) == "OVER_QUOTA"
    with pytest.raises(RpcFailed) as caught:
        await served.decide(*[rpb.DecideItem()] * 1025)
    assert caught.value.code.name == "INVALID_ARGUMENT"


async def test_a_request_that_is_too_large(served: Serving) -> None:
    d = served.descriptor("a")
    heavy = commit_item(Commit(d.encode(), b"x" * 16_000))
    answers = await served.decide(*[heavy] * 64)
    assert [reason(a) for a in answers[:2]] == ["BAD_EVIDENCE"] * 2
    assert reason(answers[-1]) == "OVER_QUOTA"
    with pytest.raises(RpcFailed) as caught:
        await served.decide(*[heavy] * (MAX_MESSAGE_BYTES // 16_000 + 1))
    assert caught.value.code.name == "RESOURCE_EXHAUSTED"


async def test_answers_larger_than_a_message_are_asked_for_again(served: Serving) -> None:
    """Stored commits come with their evidence: 256 short questions must not draw 4 MiB."""
    ids = []
    for i in range(100):
        d = served.descriptor(f"{i}")
        evidence = make_commit(d).evidence + b"\x1a\x00" * 7000  # empty relayed statements
        (answer,) = await served.decide(commit_item(Commit(d.encode(), evidence)))
        assert answer.HasField("final")
        ids.append(commit_id(d.encode()))
    answers = await served.decide(*[id_item(i) for i in ids])
    full = [a for a in answers if a.HasField("final")]
    assert 40 < len(full) < 100
    assert all(len(a.commit.evidence) > 14_000 for a in full)
    assert {reason(a) for a in answers if not a.HasField("final")} == {"OVER_QUOTA"}
    missing = [i for i, a in zip(ids, answers, strict=True) if not a.HasField("final")]
    assert all(a.HasField("final") for a in await served.decide(*map(id_item, missing)))


async def test_an_unsafe_clock_serves_what_is_stored(served: Serving) -> None:
    old, new = served.descriptor("old"), served.descriptor("new")
    (stored,) = await served.decide(commit_item(make_commit(old)))
    served.clock.set_error(250_001)
    again, refused = await served.decide(query_item(old), commit_item(make_commit(new)))
    assert bare(again) == bare(stored)
    assert reason(refused) == "CLOCK_UNSAFE"
    assert refused.refusal.figure == 250_001
    served.clock.set_error(1000)
    served.clock.set_now(NOW_US - 60 * SECOND)  # behind the mark of the first decision
    again, refused = await served.decide(query_item(old), query_item(new))
    assert bare(again) == bare(stored)
    assert reason(refused) == "CLOCK_UNSAFE"


async def test_a_stream_answers_frame_by_frame(served: Serving) -> None:
    with trio.fail_after(PATIENCE_S):
        async with served.channel.duplex(METHOD + "DecideStream", rpb.DecideResponse) as stream:
            for batch in range(5):
                d = served.descriptor(f"{batch}")
                items = [commit_item(make_commit(d)), query_item(d)]
                await stream.send(rpb.DecideRequest(items=items, batch=batch))
            await stream.done_sending()
            seen = [(r.batch, [a.HasField("final") for a in r.answers]) async for r in stream]
    assert seen == [(batch, [True, True]) for batch in range(5)]


async def test_watchers_hear_of_a_decision_at_once(served: Serving) -> None:
    a, b = served.descriptor("a"), served.declinable("b")
    request = rpb.WatchRequest(descriptors=[a.encode(), b.encode()])
    with trio.fail_after(PATIENCE_S):
        async with served.channel.stream(METHOD + "Watch", request, rpb.Answer) as stream:
            first = [await stream.receive() for _ in range(2)]
            assert all(x is not None and x.HasField("interim") for x in first)
            (committed,) = await served.decide(commit_item(make_commit(a)))
            seen = [await stream.receive()]
            (declined,) = await served.decide(decline_item(b, PREIMAGE))
            while (answer := await stream.receive()) is not None:
                seen.append(answer)
            told = [a for a in seen if a is not None]
            assert bare(told[0]) == bare(committed), "at once; its proof may follow"
            proofs = {a.commit_id: a for a in told if a.final.tlog_proof}
            assert len(proofs) == 2, "it ends with the last proof"
            assert bare(proofs[declined.commit_id]) == bare(declined)
            assert all(bare(a) in (bare(committed), bare(declined)) for a in told)


async def test_a_watcher_learns_of_a_deadline_by_itself(served: Serving) -> None:
    d = served.descriptor("a", deadline_us=NOW_US - 2 * SECOND - ERROR_US + 10_000)
    bad = b"no descriptor"
    request = rpb.WatchRequest(descriptors=[d.encode(), bad, d.encode()])
    with trio.fail_after(PATIENCE_S):
        async with served.channel.stream(METHOD + "Watch", request, rpb.Answer) as stream:
            first = [await stream.receive() for _ in range(2)]
            kinds = sorted(x.WhichOneof("answer") or "" for x in first if x is not None)
            assert kinds == ["interim", "refusal"]
            served.clock.advance(SECOND)
            final = await stream.receive()
            assert final is not None
            assert final.HasField("final")
            while (proven := await stream.receive()) is not None:
                assert bare(proven) == bare(final)


async def test_announcements_fill_their_second(tmp_path: Path) -> None:
    async with serving(tmp_path / "r", capacity_per_s=5) as served:
        announced = [served.descriptor(f"{i}") for i in range(4)]
        answers = await served.announce(*announced)
        assert [a.WhichOneof("answer") for a in answers] == ["interim"] * 3 + ["refusal"]
        assert reason(answers[3]) == "OVER_QUOTA"
        assert (await served.announce(announced[0]))[0].HasField("interim"), "twice is once"
        later = served.descriptor("later", deadline_us=NOW_US + 11 * SECOND)
        assert (await served.announce(later))[0].HasField("interim")
        await served.decide(commit_item(make_commit(announced[0])))
        assert (await served.announce(announced[3]))[0].HasField("interim"), "a place is free"
        soon = served.descriptor("soon", deadline_us=NOW_US + SECOND // 2 - 1)
        far = served.descriptor("far", deadline_us=NOW_US + 31 * 86_400 * SECOND)
        refused = await served.announce(soon, far)
        assert [reason(a) for a in refused] == ["TOO_SOON", "TOO_FAR"]


async def test_another_certificate_is_not_trusted(served: Serving) -> None:
    """The record pins the server: whoever dials something else is told nothing."""
    stranger = make_tls_identity(NOW_US, NOW_US + 10**12).certificate_der
    bridge = served.channel._bridge
    async with RpcChannel.to_pinned(bridge, served.record.grpc_target, stranger) as channel:
        with pytest.raises((RpcUnavailable, RpcDeadline)):
            await channel.unary(
                METHOD + "GetInfo", rpb.GetInfoRequest(), pb.SignedRegistryRecord, 3
            )


async def test_a_large_batch_is_decided_and_repeated_like_a_small_one(served: Serving) -> None:
    """Many commits are examined in a thread that looks up first what is known already."""
    commits = [make_commit(served.descriptor(f"{i}")) for i in range(40)]
    singly = [(await served.decide(commit_item(c)))[0] for c in commits[:5]]
    together = await served.decide(*map(commit_item, commits))
    assert [a.final.statement for a in together[:5]] == [a.final.statement for a in singly]
    assert all(a.HasField("final") and a.HasField("commit") for a in together)
    worthless = [commit_item(Commit(c.descriptor, b"\xff")) for c in commits]
    assert [bare(a) for a in await served.decide(*worthless)] == [bare(a) for a in together]
