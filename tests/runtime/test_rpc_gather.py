"""Unary calls that are answered by the group, over real sockets."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
import trio

from proto.v1 import node_pb2
from runtime.bridge import Bridge
from runtime.rpc import Gathered, RpcRefused, Service
from runtime.rpc_client import RpcChannel, RpcFailed, RpcUnavailable
from runtime.rpc_server import RpcServer

pytestmark = pytest.mark.edge

Batch = node_pb2.Batch
METHOD = "/pledgeway.test.Group/Echo"
PATIENCE_S = 60.0


class Group:
    """Answers with what was asked; holds each group until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.entered = 0
        self.most_at_once = 0
        self.go = trio.Event()
        self.go.set()

    async def echo(self, calls: Sequence[tuple[Batch, str]]) -> list[Batch | bytes | RpcRefused]:
        self.groups.append([request.first for request, _ in calls])
        self.entered += 1
        self.most_at_once = max(self.most_at_once, self.entered)
        try:
            await self.go.wait()
        finally:
            self.entered -= 1
        assert all(peer.startswith("ipv4:127.0.0.1:") for _, peer in calls)
        if any(request.ack for request, _ in calls):
            raise ZeroDivisionError
        return [_answer(request) for request, _ in calls]


def _answer(request: Batch) -> Batch | bytes | RpcRefused:
    if request.first % 10 == 3:
        return RpcRefused(grpc.StatusCode.RESOURCE_EXHAUSTED, "no threes")
    return request if request.first % 2 else request.SerializeToString()


@asynccontextmanager
async def serving(
    at_once: int = 1, group_bytes: int = 1 << 16
) -> AsyncIterator[tuple[Group, RpcChannel, RpcServer, trio.Nursery]]:
    group = Group()
    method = Gathered(Batch, Batch, group.echo, at_once, group_bytes)
    with trio.fail_after(PATIENCE_S):
        async with Bridge.open() as bridge, trio.open_nursery() as nursery:
            server = RpcServer(bridge, nursery, [Service("pledgeway.test.Group", {"Echo": method})])
            port = await server.bind_tcp("127.0.0.1:0", None)
            await server.start()
            async with RpcChannel(bridge, f"127.0.0.1:{port}") as channel:
                yield group, channel, server, nursery
            await server.stop(0)
            nursery.cancel_scope.cancel()


async def ask(channel: RpcChannel, request: Batch, into: dict[int, object]) -> None:
    try:
        into[request.first] = await channel.unary(METHOD, request, Batch, PATIENCE_S)
    except (RpcFailed, RpcUnavailable) as error:
        into[request.first] = error


async def ask_all(channel: RpcChannel, requests: Sequence[Batch]) -> dict[int, object]:
    found: dict[int, object] = {}
    async with trio.open_nursery() as nursery:
        for request in requests:
            nursery.start_soon(ask, channel, request, found)
    return found


async def until(condition: partial[bool]) -> None:
    while not condition():
        await trio.lowlevel.checkpoint()


async def test_each_call_gets_its_own_answer() -> None:
    async with serving() as (group, channel, _, _):
        found = await ask_all(channel, [Batch(first=i) for i in range(100)])
    for i, answer in found.items():
        if i % 10 == 3:
            assert isinstance(answer, RpcFailed)
            assert answer.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        else:
            assert answer == Batch(first=i)
    assert sorted(x for one in group.groups for x in one) == list(range(100))


@pytest.mark.parametrize("at_once", [1, 2])
async def test_what_arrives_meanwhile_is_one_group(at_once: int) -> None:
    async with serving(at_once) as (group, channel, _, nursery):
        group.go = trio.Event()
        first: dict[int, object] = {}
        for number in range(at_once):
            nursery.start_soon(ask, channel, Batch(first=100 + number), first)
            await until(partial(lambda n: len(group.groups) == n, number + 1))
        rest: dict[int, object] = {}
        for number in range(20):
            nursery.start_soon(ask, channel, Batch(first=200 + number), rest)
        # A round trip later some of them have arrived.
        with pytest.raises(RpcFailed):
            await channel.unary("/pledgeway.test.Group/Nothing", Batch(), Batch, PATIENCE_S)
        assert len(group.groups) == at_once, "nobody begins while that many are worked on"
        group.go.set()
        await until(partial(lambda: len(rest) == 20))
    assert group.most_at_once == at_once
    assert max(map(len, group.groups)) > 1, "however they arrive, some do so together"


async def test_groups_are_bounded_in_bytes() -> None:
    async with serving(group_bytes=3000) as (group, channel, _, _):
        requests = [Batch(first=i, envelopes=[bytes(1000)]) for i in range(40)]
        requests.append(Batch(first=77, envelopes=[bytes(9000)]))
        found = await ask_all(channel, requests)
    assert len(found) == 41 and found[77] == requests[-1]
    assert max(map(len, group.groups)) <= 2 and [77] in group.groups


async def test_what_cannot_be_read_is_refused_alone() -> None:
    async with serving() as (_, channel, _, _):
        found: dict[int, object] = {}
        garbage: Any = SimpleNamespace(SerializeToString=lambda: b"\xff")
        with pytest.raises(RpcFailed) as failed:
            await channel.unary(METHOD, garbage, Batch, PATIENCE_S)
        assert failed.value.code is grpc.StatusCode.INVALID_ARGUMENT
        await ask(channel, Batch(first=2), found)
    assert found == {2: Batch(first=2)}


async def test_a_bug_is_told_to_all_of_its_group(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as (_, channel, _, _):
        with caplog.at_level(logging.ERROR):
            found = await ask_all(channel, [Batch(first=1, ack=1)])
        assert isinstance(found[1], RpcFailed) and found[1].code is grpc.StatusCode.INTERNAL
        assert "ZeroDivisionError" in caplog.text
        assert await ask_all(channel, [Batch(first=2)]) == {2: Batch(first=2)}, "and goes on"


async def test_a_caller_that_leaves_takes_nobody_along() -> None:
    async with serving() as (group, channel, _, nursery):
        group.go = trio.Event()
        found: dict[int, object] = {}
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as leaving:
                leaving.start_soon(ask, channel, Batch(first=1), {})
                await until(partial(lambda: len(group.groups) == 1))
                scope.cancel()
        nursery.start_soon(ask, channel, Batch(first=2), found)
        group.go.set()
        await until(partial(lambda: 2 in found))
    assert found == {2: Batch(first=2)} and group.groups == [[1], [2]]


async def test_who_waits_at_the_end_is_told_so() -> None:
    async with serving() as (group, channel, _, nursery):
        group.go = trio.Event()
        found: dict[int, object] = {}
        async with trio.open_nursery() as callers:
            callers.start_soon(ask, channel, Batch(first=1), found)
            await until(partial(lambda: len(group.groups) == 1))
            callers.start_soon(ask, channel, Batch(first=2), found)
            nursery.cancel_scope.cancel()
    assert not any(isinstance(answer, Batch) for answer in found.values())
