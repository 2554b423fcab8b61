"""The client of a registry that is measured: keeps so many calls on their way, and no thought.

Requests are bytes before the clock starts, and answers stay bytes until it has stopped.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

import grpc.aio

from proto.registry_record import RegistryRecord
from runtime.rpc_client import CHANNEL_OPTIONS
from runtime.tls import pinned_channel_credentials, pinned_channel_options

SERVICE: Final = "/pledgeway.v1.Registry"
CALL_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer to the request with this number, and how long it took."""

    request: int
    answer: bytes
    took_s: float


class Client:
    """One connection to one registry, on asyncio. grpc.aio.AioRpcError where a call fails."""

    def __init__(self, record: RegistryRecord) -> None:
        self._channel = grpc.aio.secure_channel(
            record.grpc_target,
            pinned_channel_credentials(record.tls_certificate),
            options=[*CHANNEL_OPTIONS, *pinned_channel_options(record.tls_certificate)],
        )
        self._unary: Any = self._channel.unary_unary(f"{SERVICE}/Decide")
        self._stream: Any = self._channel.stream_stream(f"{SERVICE}/DecideStream")

    async def close(self) -> None:
        await self._channel.close()

    async def unary(self, requests: Sequence[bytes], in_flight: int, for_s: float) -> list[Heard]:
        """Sends them in order for that long, so many at a time; whatever was sent is heard."""
        return await self._run(requests, in_flight, for_s, self._call_one_by_one)

    async def batched(self, requests: Sequence[bytes], streams: int, for_s: float) -> list[Heard]:
        """As `unary`; each stream has one frame on its way."""
        return await self._run(requests, streams, for_s, self._stream_one_by_one)

    async def _run(
        self, requests: Sequence[bytes], workers: int, for_s: float, work: Any
    ) -> list[Heard]:
        heard: list[Heard] = []
        until = perf_counter() + for_s
        source = _until(enumerate(requests), until)
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work(source, heard))
        return heard

    async def _call_one_by_one(
        self, source: Iterator[tuple[int, bytes]], heard: list[Heard]
    ) -> None:
        for number, data in source:
            began = perf_counter()
            answer = await self._unary(data, timeout=CALL_TIMEOUT_S)
            heard.append(Heard(number, answer, perf_counter() - began))

    async def _stream_one_by_one(
        self, source: Iterator[tuple[int, bytes]], heard: list[Heard]
    ) -> None:
        call = self._stream()
        for number, data in source:
            began = perf_counter()
            await call.write(data)
            answer = await call.read()
            if answer is grpc.aio.EOF:
                break  # why it ended is in its status, which is raised below
            heard.append(Heard(number, answer, perf_counter() - began))
        await call.done_writing()
        code = await call.code()
        if code is not grpc.StatusCode.OK:
            raise ConnectionError(f"the stream ended with {code.name}: {await call.details()}")


def _until(source: Iterator[tuple[int, bytes]], at: float) -> Iterator[tuple[int, bytes]]:
    """Shared by all workers: each takes the next."""
    for item in source:
        if perf_counter() >= at:
            return
        yield item
