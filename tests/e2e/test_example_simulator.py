"""Whoever keeps titles keeps the same rules: ours, and the example that others begin with.

The rules are those of deploy/examples/conformance.py, asked over gRPC as strangers would; then an
object is bought from the example over real lines of credit, while it dies and comes back.
"""

import importlib.util
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import pytest
import trio

from node.registrar import owner
from node.registrar.running import open_registrar
from proto.escrow.rights import Right, Vetting, unique_brand_id
from proto.keys import SigningKey
from proto.money import Brand
from runtime.bridge import Bridge
from runtime.clock import SystemClock
from runtime.rpc_server import RpcServer

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
ATTRIBUTES = '{"region":"Ahern","task_id":1}'


def _loaded(path: Path) -> ModuleType:
    """A program of the example, which is no package."""
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


conformance = _loaded(EXAMPLES / "conformance.py")
simulator = _loaded(EXAMPLES / "simulator" / "simulator.py")
PIECES = conformance.PIECES
RECORDS = {conformance.RECORD.registry: conformance.RECORD}


def _right(key: SigningKey) -> Right:
    guid = unique_brand_id(key.node_id, "object", ATTRIBUTES)
    return Right(
        brand=Brand(guid, "Lamp", 1, key.node_id),
        registrar=key.node_id,
        kind="object",
        attributes=ATTRIBUTES,
        supply=PIECES,
        vetting=Vetting.ANYONE,
        policies=(conformance.POLICY,),
        longest_lock_us=simulator.LONGEST_LOCK_US,
    )


@contextmanager
def example(directory: Path) -> Iterator[Any]:
    """The example on a port of loopback, and a channel to it."""
    key = SigningKey(bytes(range(32)))
    books = simulator.Registrar(directory / "books", key, RECORDS, simulator.now_us)
    right = _right(key)
    books.add(right, simulator.sign_right(key, right), conformance.GIVER.node_id)
    server = grpc.server(simulator.ThreadPoolExecutor(2), [simulator.handlers(books)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield conformance.Target(channel, key.node_id)
    finally:
        server.stop(0).wait()
        books.close()


@asynccontextmanager
async def ours(directory: Path) -> AsyncIterator[Any]:
    """The registrar of a node likewise."""
    key = SigningKey(bytes(range(32)))
    async with (
        Bridge.open() as bridge,
        open_registrar(directory / "books", key, SystemClock(0), lambda: (RECORDS, {})) as kept,
        trio.open_nursery() as nursery,
    ):
        right = _right(key)
        await kept.desk.act(lambda step: owner.create_brand(step, right))
        giver = conformance.GIVER.node_id
        made = await kept.desk.act(lambda step: owner.account_of(step, right.brand.guid, giver))
        await kept.desk.act(lambda step: owner.pay_out(step, made.id, PIECES))
        server = RpcServer(bridge, nursery, [kept.service])
        port = await server.bind_tcp("127.0.0.1:0", None)
        await server.start()
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield await trio.to_thread.run_sync(conformance.Target, channel, key.node_id)
        finally:
            await server.stop(0.1)


@pytest.mark.edge
@pytest.mark.parametrize("name", conformance.RULES)
async def test_both_registrars_keep_the_rule(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with example(tmp_path / "a") as target:
        await trio.to_thread.run_sync(conformance.RULES[name], target)
    (tmp_path / "b").mkdir()
    async with ours(tmp_path / "b") as target:
        await trio.to_thread.run_sync(conformance.RULES[name], target)
