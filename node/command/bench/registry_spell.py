"""One spell of load on a running registry, in a process of its own: sign, warm up, run, verify."""

import asyncio
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import grpc.aio

from node.command.bench.cpu import all_cpu_s
from node.command.bench.quantile import quantile
from node.command.bench.registry_check import MOST_VERIFIED, Tally
from node.command.bench.registry_client import Client, Heard
from node.command.bench.registry_load import (
    DUE_IN_US,
    Load,
    Transaction,
    request,
    unpredictable,
)
from node.command.bench.registry_result import BATCHED, Spell
from proto.limits import US
from proto.policy import single
from proto.registry_record import RegistryRecord
from registry.home import load_record
from runtime.collector import calm_collector

WARM_UP: Final = 4096  # decisions: every cache of statements and connections has been used
COLD_PER_S: Final = 2000.0
WARM_UP_CALLS: Final = 1024
SPARE: Final = 1.8  # load signed, by the rate of the warm-up, which is slower than what follows
MOST_SIGNED: Final = 2_000_000  # some 2 GB
CLIENT: Final = "client"
SERVER: Final = "server"


class SpellFailed(Exception):
    """One line: the registry did not answer as one that runs."""


@dataclass(frozen=True, slots=True)
class Order:
    """What one spell is told. `at_once`: unary calls in flight, or streams. `pid`: the server's."""

    mode: str
    directory: str
    pid: int
    seconds: float
    at_once: int
    frame: int
    committers: int

    def encode(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> "Order":
        return cls(**json.loads(text))

    @property
    def items(self) -> int:
        """Decisions in one request."""
        return self.frame if self.mode == BATCHED else 1


def perform(order: Order) -> Spell:
    """SpellFailed, HomeFault."""
    record = load_record(Path(order.directory) / "registry.record")
    try:
        return asyncio.run(_perform(order, record))
    except* grpc.aio.AioRpcError as group:
        error = group.exceptions[0]
        assert isinstance(error, grpc.aio.AioRpcError)
        raise SpellFailed(f"a call failed: {error.code().name} {error.details()}") from None
    except* ConnectionError as group:
        raise SpellFailed(str(group.exceptions[0])) from None


async def _perform(order: Order, record: RegistryRecord) -> Spell:
    due_from_us = time.time_ns() // 1000 + DUE_IN_US
    policy = single(record.registry)
    load = Load(policy, order.committers, due_from_us, COLD_PER_S, unpredictable())
    client = Client(record)
    try:
        return await _Spell(order, record, load, client).run()
    finally:
        await client.close()


class _Spell:
    def __init__(self, order: Order, record: RegistryRecord, load: Load, client: Client) -> None:
        self._order = order
        self._record = record
        self._load = load
        self._send: Any = client.batched if order.mode == BATCHED else client.unary
        self._pids = {SERVER: order.pid, CLIENT: os.getpid()}

    async def run(self) -> Spell:
        order = self._order
        first = max(order.at_once, min(WARM_UP_CALLS, -(-WARM_UP // order.items)))
        warm = self._signed(self._load, first)
        began = perf_counter()
        heard = await self._send([request(frame) for frame in warm], order.at_once, order.seconds)
        rate = len(heard) * order.items / (perf_counter() - began)
        tally = self._checked(warm, heard)
        after_us = int(first * order.items * US / COLD_PER_S)
        load = replace(self._load, due_from_us=self._load.due_from_us + after_us, per_s=rate)
        frames = self._signed(load, self._enough(rate))
        requests = [request(frame) for frame in frames]
        calm_collector()
        cpu_before, began = all_cpu_s(self._pids), perf_counter()
        heard = await self._send(requests, order.at_once, order.seconds)
        seconds, cpu_after = perf_counter() - began, all_cpu_s(self._pids)
        measured = self._checked(frames, heard)
        took_ms = sorted(1000 * one.took_s for one in heard)
        cpu_us = {
            name: 1e6 * (s - cpu_before[name]) / max(1, measured.decided)
            for name, s in cpu_after.items()
            if name in cpu_before
        }
        return Spell(
            mode=order.mode,
            seconds=seconds,
            calls=len(heard),
            items=order.items,
            decided=measured.decided,
            warm_up=tally.decided,
            verified=measured.verified,
            faults=tally.faults + measured.faults,
            p50_ms=quantile(took_ms, 0.5),
            p99_ms=quantile(took_ms, 0.99),
            server_cpu_us=cpu_us.get(SERVER),
            client_cpu_us=cpu_us.get(CLIENT),
        )

    def _enough(self, rate: float) -> int:
        """Requests: more than this machine gets done in the time."""
        order = self._order
        decisions = min(MOST_SIGNED, int(rate * order.seconds * SPARE))
        return max(2 * order.at_once, -(-decisions // order.items))

    def _signed(self, load: Load, requests: int) -> list[list[Transaction]]:
        items = self._order.items
        return [load.draw(number * items, items) for number in range(requests)]

    def _checked(self, frames: Sequence[Sequence[Transaction]], heard: Sequence[Heard]) -> Tally:
        answers = len(heard) * self._order.items
        tally = Tally(self._record, every=-(-answers // MOST_VERIFIED) or 1)
        for one in heard:
            tally.take(frames[one.request], one.answer)
        return tally
