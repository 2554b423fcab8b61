"""A node asks its registries for newer records: now and then, and when it meets an unknown key."""

from typing import Any, cast

import pytest
import trio
import trio.testing

from node.command.sim.cast import R1, RECORDS, signing_key
from node.core.effects import AskRegistries
from node.core.rows import Ask
from node.record_watch import RECORD_EVERY_S, RecordWatch
from node.registries import Registries
from proto.descriptor import commit_id
from proto.registry_record import RegistryRecord
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from runtime.rpc_client import RpcChannel, RpcUnavailable
from tests.proto.build import DESCRIPTOR, commit_certificate
from tests.proto.successions import BY_OLD_OPERATORS, FIRST, FORKED, OWNER, ROTATED


class Registry:
    """At the other end of the channel: hands out whatever record it is given."""

    def __init__(self, record: RegistryRecord) -> None:
        self.record = record
        self.asked = 0
        self.gone = False

    async def unary(self, *_: Any) -> pb.SignedRegistryRecord:
        self.asked += 1
        if self.gone:
            raise RpcUnavailable("gone")
        return pb.SignedRegistryRecord.FromString(self.record.signed)


async def watched(registry: Registry, nursery: trio.Nursery) -> tuple[RecordWatch, list[object]]:
    found: list[object] = []
    known = {OWNER: FIRST}

    def take(record: RegistryRecord) -> None:
        found.append(record)
        known[OWNER] = record

    channel = cast(RpcChannel, registry)
    watch = RecordWatch(lambda: known, lambda member: channel if member == OWNER else None, take)
    nursery.start_soon(watch.run)
    await trio.testing.wait_all_tasks_blocked()
    return watch, found


async def test_now_and_then(autojump_clock: trio.testing.MockClock) -> None:
    registry = Registry(ROTATED)
    registry.gone = True
    async with trio.open_nursery() as nursery:
        _, found = await watched(registry, nursery)
        await trio.sleep(RECORD_EVERY_S + 1)
        assert registry.asked == 1 and found == []
        registry.gone = False
        await trio.sleep(2 * RECORD_EVERY_S)
        assert found == [ROTATED]
        for old in (FIRST, BY_OLD_OPERATORS, FORKED, ROTATED):
            registry.record = old
            await trio.sleep(RECORD_EVERY_S)
        assert found == [ROTATED]
        nursery.cancel_scope.cancel()


async def test_at_once_when_hurried_and_not_more_often_than_is_decent(
    autojump_clock: trio.testing.MockClock,
) -> None:
    registry = Registry(FIRST)
    async with trio.open_nursery() as nursery:
        watch, found = await watched(registry, nursery)
        for _ in range(100):
            watch.hurry(OWNER)
            watch.hurry(R1.id)  # is not accepted: nobody asks it
            await trio.sleep(0.1)
        assert registry.asked <= 3
        registry.record = ROTATED
        watch.hurry(OWNER)
        await trio.sleep(10)
        assert found == [ROTATED]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("unknown", [False, True])
async def test_an_answer_by_an_unknown_key_hurries(
    autojump_clock: trio.testing.MockClock, unknown: bool
) -> None:
    data = DESCRIPTOR.encode()
    (statement,) = commit_certificate(DESCRIPTOR, R1).statements
    if unknown:
        stranger = signing_key("stranger")
        statement = R1.sign_statement(b"", key=stranger)
    answer = rpb.Answer(final=statement.to_message())

    class Answering:
        async def unary(self, *_: Any) -> rpb.DecideResponse:
            return rpb.DecideResponse(answers=[answer])

    hurried: list[bytes] = []
    async with trio.open_nursery() as nursery:
        registries = Registries(lambda _: Answering(), nursery, lambda _: None, lambda: RECORDS,
                                lambda _: (b"", b""))  # type: ignore[arg-type]  # fmt: skip
        registries.on_unknown_key = hurried.append
        registries.ask(AskRegistries(commit_id(data), Ask.QUERY), data)
        await trio.testing.wait_all_tasks_blocked()
        assert hurried == ([R1.id] if unknown else [])
        nursery.cancel_scope.cancel()
