"""What one part of the net may ask of a registrar, whatever it asks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
import trio
import trio.testing

from node.command.sim.cast import NOW_US, RECORDS, digest
from node.registrar import service as limits
from node.registrar.books import Books, open_books
from node.registrar.desk import Desk
from node.registrar.reader import Reader
from node.registrar.service import Changes, RegistrarService
from proto.escrow.batch import OpBatch, OpenAccount, sign_asked
from proto.escrow.ops import Look
from proto.v1 import escrow_pb2 as pb
from proto.v1 import types_pb2
from runtime.clock import FakeClock
from runtime.rpc import CallContext, RpcRefused
from tests.node.registrar.world import ALICE, HOUSE_KEY, cap, right_of

pytestmark = pytest.mark.edge
HERE = CallContext("ipv4:203.0.113.7:5000", None, None)
THERE = CallContext("ipv4:198.51.100.7:5000", None, None)
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


@asynccontextmanager
async def at_the_door(directory: Path, *, working: bool = True) -> AsyncIterator[RegistrarService]:
    """A service without a socket; with `working` false its desk takes things and does nothing."""
    clock = FakeClock(NOW_US)
    with open_books(directory / "r.sqlite") as store:
        books, changes = Books(store), Changes()
        desk = Desk(books, HOUSE_KEY, clock, lambda: (RECORDS, {}), changes.told)
        async with trio.open_nursery() as nursery:
            if working:
                nursery.start_soon(desk.run)
            node = HOUSE_KEY.node_id
            yield RegistrarService(desk, Reader(store.engine), node, clock, changes)
            nursery.cancel_scope.cancel()
        books.close()


def batch(number: int, ops: int = 1) -> types_pb2.Envelope:
    looks = tuple(Look(cap("nobody's")) for _ in range(ops))
    name = digest(f"batch {number}")[:16]
    asked = OpBatch(ALICE.node_id, HOUSE_KEY.node_id, name, NOW_US, looks)
    return types_pb2.Envelope.FromString(sign_asked(ALICE, asked))


def opening(number: int) -> types_pb2.Envelope:
    asked = OpenAccount(
        *(ALICE.node_id, HOUSE_KEY.node_id, digest(f"open {number}")[:16], NOW_US),
        *(right_of().brand.guid, cap("alice"), cap("terms")),
    )
    return types_pb2.Envelope.FromString(sign_asked(ALICE, asked))


async def test_ops_cost_and_others_are_not_charged(directory: Path) -> None:
    async with at_the_door(directory) as service:
        full = limits.BURST // 65  # a batch of 64 costs 65
        for i in range(full):
            await service.batch(batch(i, 64), HERE)
        with pytest.raises(RpcRefused) as refused:
            await service.batch(batch(full, 64), HERE)
        assert refused.value.code is EXHAUSTED and "ms" in refused.value.detail
        await service.batch(batch(full, 64), THERE)


async def test_accounts_cost_more(directory: Path) -> None:
    async with at_the_door(directory) as service:
        for i in range(limits.BURST // (limits.OPENING + limits.CALL)):
            await service.open(opening(i), HERE)
        with pytest.raises(RpcRefused):
            await service.open(opening(-1), HERE)


async def test_one_caller_does_not_fill_the_queue(directory: Path) -> None:
    async with at_the_door(directory, working=False) as service, trio.open_nursery() as nursery:
        for i in range(limits.MAX_WAITING_OF_ONE):
            nursery.start_soon(service.batch, batch(i), HERE)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(RpcRefused) as refused:
            await service.batch(batch(-1), HERE)
        assert refused.value.code is EXHAUSTED
        with trio.move_on_after(0):
            await service.batch(batch(-2), THERE)  # taken: it waits as the others do
        nursery.cancel_scope.cancel()


async def test_watchers_are_counted_and_leave_nothing(directory: Path) -> None:
    async def send(_: object) -> None:
        raise AssertionError("nothing is to be told")

    async with at_the_door(directory) as service:
        async with trio.open_nursery() as nursery:
            for i in range(limits.MAX_WATCHERS_OF_ONE):
                request = pb.WatchLegsRequest(commit_ids=[digest(f"commit {i}")])
                nursery.start_soon(service.watch_legs, request, HERE, send)
            while len(service._changes._waiting) < limits.MAX_WATCHERS_OF_ONE:
                await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(RpcRefused) as refused:
                await service.watch_legs(request, HERE, send)
            assert refused.value.code is EXHAUSTED
            nursery.cancel_scope.cancel()
        assert not service._changes._waiting and not service._watchers
        for bad in ([], [b"short"], [digest(f"c {i}") for i in range(limits.MAX_WATCHED + 1)]):
            with pytest.raises(RpcRefused) as refused:
                await service.watch_legs(pb.WatchLegsRequest(commit_ids=bad), HERE, send)
            assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_what_is_too_large_is_not_read(directory: Path) -> None:
    async with at_the_door(directory) as service:
        huge = types_pb2.Envelope(type="x", payload=bytes(1 << 17))
        with pytest.raises(RpcRefused) as refused:
            await service.batch(huge, HERE)
        assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT
        many = pb.DescribeRequest(brands=[bytes(16)] * (limits.MAX_ASKED_BRANDS + 1))
        with pytest.raises(RpcRefused):
            await service.describe(many, HERE)
