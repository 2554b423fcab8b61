"""Newer records of the registries that the node relies on, asked of the registries themselves.

A registry changes its keys, or ends one that was stolen, by a newer record. Whoever hears of it
first passes it on by gossip; so that nobody has to carry it into the network by hand, each node
asks the registries that it accepts now and then, and at once when an answer is signed by a key
that its record does not know.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Final

import trio

from node.memory import Memory
from node.registries import Registries
from proto.adverts import RecordAdvert
from proto.registry_record import RegistryRecord, read_record
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault
from runtime.clock import Clock
from runtime.gossip import Gossip
from runtime.rpc_client import Caller, RpcError

log = logging.getLogger(__name__)

RECORD_EVERY_S: Final = 600.0  # a stolen key is of use for so long at a node that nobody tells
HURRY_PAUSE_S: Final = 5.0  # a registry may answer with keys that no record of its certifies
CALL_TIMEOUT_S: Final = 5.0
METHOD: Final = "/pledgeway.v1.Registry/GetInfo"


class RecordWatch:
    """One task. `channel` is None where a registry cannot be called; `found` takes what is new."""

    def __init__(
        self,
        records: Callable[[], Mapping[bytes, RegistryRecord]],
        channel: Callable[[bytes], Caller | None],
        found: Callable[[RegistryRecord], None],
    ) -> None:
        """`records`: of the registries that the node accepts."""
        self._records = records
        self._channel = channel
        self._found = found
        self._hurried = trio.Event()
        self._wanted: set[bytes] = set()

    def hurry(self, registry: bytes) -> None:
        """An answer of this registry is signed by a key that we do not know."""
        self._wanted.add(registry)
        self._hurried.set()

    async def run(self) -> None:
        while True:
            with trio.move_on_after(RECORD_EVERY_S) as quiet:
                await self._hurried.wait()
            self._hurried = trio.Event()
            wanted, self._wanted = self._wanted, set()
            known = self._records()
            async with trio.open_nursery() as nursery:
                for registry in known if quiet.cancelled_caught else sorted(wanted & known.keys()):
                    nursery.start_soon(self._ask, registry, known[registry])
            await trio.sleep(HURRY_PAUSE_S)

    async def _ask(self, registry: bytes, known: RegistryRecord) -> None:
        channel = self._channel(registry)
        if channel is None:
            return
        try:
            answer = await channel.unary(
                METHOD, rpb.GetInfoRequest(), pb.SignedRegistryRecord, CALL_TIMEOUT_S
            )
            record = read_record(answer.SerializeToString())
        except RpcError as error:
            log.info("registry %s does not hand out its record: %s", known.name, error)
            return
        except WireFault as fault:
            log.warning("registry %s hands out a record that does not hold: %s", known.name, fault)
            return
        if record.replaces(known):
            log.info("registry %s has a newer record", known.name)
            self._found(record)


async def watch_records(
    registries: Registries, gossip: Gossip, memory: Memory, clock: Clock
) -> None:
    """Until cancelled: what is new goes the way of gossip, to our own book as to everybody's."""

    def accepted() -> dict[bytes, RegistryRecord]:
        settings = memory.settings
        return {registry: settings.records[registry] for registry in sorted(settings.usable)}

    def found(record: RegistryRecord) -> None:
        gossip.say([RecordAdvert(record)], clock.now_us())

    watch = RecordWatch(accepted, registries.channel, found)
    registries.on_unknown_key = watch.hurry
    await watch.run()
