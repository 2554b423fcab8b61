"""The tasks that pass commits on: one for each member, at once and until it has answered finally.

Everything here is memory. What it forgets, by a crash or for want of room, is read again from the
decisions (registry.relay_recovery).
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol, TypeVar

import trio
from google.protobuf.message import Message
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from proto.commit import Evidence
from proto.registry_record import RegistryRecord
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from registry.examine import Examiner, read_subject
from registry.log import Logged, Refused
from registry.relay import Parcel, collective_of, parcel, until_us
from registry.relay_members import Members
from registry.relay_recovery import oldest_key, pages
from registry.signer import Signer
from runtime.away import run_away
from runtime.clock import Clock
from runtime.faults import StoreLocked
from runtime.rpc_client import RpcError
from runtime.tls import BadCertificate

log = logging.getLogger(__name__)

SERVICE: Final = "/pledgeway.v1.Registry"
MAX_BATCH: Final = 256  # commits in a call, registry section 6
MAX_BATCH_BYTES: Final = 1 << 19  # the answer holds the commits again, and is at most 1 MiB
MAX_WAITING_BYTES: Final = 1 << 25  # for one member; beyond it parcels are read again later
MAX_TAKEN: Final = 16_384  # ids that are not taken twice; taking one again is harmless
MAX_NOTED: Final = 64  # unknown members that are logged: a payee may name as many as it likes
CALL_TIMEOUT_S: Final = 2.0  # an answer takes milliseconds, and what waits behind it has delta
FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 1.0  # the least delta: a member that is back is told within it
RECORD_EVERY_S: Final = 300.0  # a member's new keys and address reach us within five minutes

# The member will never say otherwise; what else it refuses with may pass.
HOPELESS: Final = frozenset({rpb.INVALID_DESCRIPTOR, rpb.NOT_A_MEMBER})


Response = TypeVar("Response", bound=Message)


class Channel(Protocol):
    """What a line needs of a `runtime.rpc_client.RpcChannel`."""

    async def unary(
        self, method: str, request: Message, response_type: type[Response], timeout_s: float
    ) -> Response:
        """RpcError."""
        ...

    async def close(self) -> None:
        """Ends its calls."""
        ...


Connect = Callable[[RegistryRecord], Channel]


@dataclass(slots=True)
class _Line:
    """What waits for one member. `again`: it was told and did not take it yet."""

    record: RegistryRecord
    channel: Channel
    fresh: dict[bytes, Parcel] = field(default_factory=dict)
    again: dict[bytes, Parcel] = field(default_factory=dict)
    again_at_s: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    sizes: dict[bytes, int] = field(default_factory=dict)  # of all that waits or is on its way
    waiting_bytes: int = 0
    wake: trio.Event = field(default_factory=trio.Event)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    def put(self, one: Parcel) -> bool:
        """False where there is no room."""
        if one.commit_id in self.sizes:
            return True
        if self.waiting_bytes + one.size > MAX_WAITING_BYTES:
            return False
        self.fresh[one.commit_id] = one
        self.sizes[one.commit_id] = one.size
        self.waiting_bytes += one.size
        self.wake.set()
        return True

    @property
    def half_full(self) -> bool:
        return 2 * self.waiting_bytes > MAX_WAITING_BYTES


class Relay:
    """Owned by trio. `guard_us` is our own; the other members' differ by less than the margin."""

    def __init__(
        self,
        members: Members,
        examiner: Examiner,
        signer: Signer,
        clock: Clock,
        engine: Engine,
        guard_us: int,
    ) -> None:
        self._members = members
        self._examiner = examiner
        self.signer = signer
        self._clock = clock
        self._engine = engine
        self._guard_us = guard_us
        self._lines: dict[bytes, _Line] = {}
        self._taken: OrderedDict[bytes, None] = OrderedDict()
        self._noted: set[bytes] = set()
        self._room = trio.Event()
        self._rescan = trio.Event()

    @property
    def waiting(self) -> int:
        """Commits that some member has not acknowledged, counted for each member."""
        return sum(len(line.sizes) for line in self._lines.values())

    def waiting_for(self) -> tuple[tuple[RegistryRecord, int], ...]:
        """Every member that we know, and how many commits it has not acknowledged."""
        waits = {member: len(line.sizes) for member, line in self._lines.items()}
        return tuple(
            (record, waits.get(member, 0)) for member, record in self._members.records.items()
        )

    def decided(self, decisions: Iterable[Logged]) -> None:
        """Called for everything that was just decided or looked up; durable and logged.

        A crash from here on loses nothing: the next start finds the decisions again.
        """
        if not self._members.records:
            return
        for logged in decisions:
            self._take(logged)

    def _take(self, logged: Logged) -> None:
        row, commit_id = logged.row, logged.row.leaf.commit_id
        policy = collective_of(row)
        if policy is None or commit_id in self._taken:
            return
        if self._clock.now_us() > until_us(row, self._guard_us):
            return
        lines = [self._lines[m] for m in policy.members if m in self._lines]
        if len(lines) < len(policy.members) - 1:
            self._note_strangers(policy.members)
        if not lines:
            return
        subject = read_subject(row.descriptor)
        assert not isinstance(subject, Refused), "a decided descriptor was valid"
        carried = self._examiner.relayed(subject, Evidence.decode(row.evidence))
        one = parcel(row, self.signer.statement(logged), carried, self._guard_us)
        taken = [line.put(one) for line in lines]
        if all(taken):
            self._taken[commit_id] = None
            if len(self._taken) > MAX_TAKEN:
                self._taken.popitem(last=False)
        else:
            self._rescan.set()

    def _note_strangers(self, members: Iterable[bytes]) -> None:
        """Whoever made the policy counts on our passing on; only an operator can help."""
        strangers = set(members) - self._lines.keys() - {self._examiner.registry} - self._noted
        for member in sorted(strangers)[: MAX_NOTED - len(self._noted)]:
            self._noted.add(member)
            log.warning("a policy names %s, of which no record is in members/", member.hex())

    async def run(self, connect: Connect) -> None:
        """Passes on, for ever."""
        async with trio.open_nursery() as nursery:
            renew = partial(self._renew, connect, nursery)
            renew()
            nursery.start_soon(self._members.follow, renew)
            nursery.start_soon(self._read_again)
            await trio.sleep_forever()

    def _renew(self, connect: Connect, nursery: trio.Nursery) -> None:
        """Members came, went, moved or changed their keys."""
        for gone in self._lines.keys() - self._members.records.keys():
            self._lines.pop(gone).scope.cancel()
        for member, record in self._members.records.items():
            line = self._lines.get(member)
            if line is not None and line.record.signed == record.signed:
                continue
            try:
                channel = connect(record)
            except BadCertificate as error:
                log.warning("member %s cannot be called: %s", record.name, error)
                continue
            if line is not None:
                # What waits goes to the new place.
                nursery.start_soon(line.channel.close)
                line.record, line.channel = record, channel
                continue
            line = self._lines[member] = _Line(record, channel)
            nursery.start_soon(self._tend, line, partial(self._renew, connect, nursery))
            # What was decided before this member was known is news to it, and after a start
            # whatever a crash may have left untold.
            self._taken.clear()
            self._rescan.set()

    async def _tend(self, line: _Line, renew: Callable[[], None]) -> None:
        """Everything about one member, until it is taken off the list."""
        with line.scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._serve, line)
                nursery.start_soon(self._follow_record, line, renew)
        await line.channel.close()

    async def _read_again(self) -> None:
        """After a start, for a new member, and when memory had no room: from the decisions."""
        while True:
            await self._rescan.wait()
            self._rescan = trio.Event()
            if not self._lines:
                continue
            try:
                await self._read_all()
            except (DBAPIError, StoreLocked):
                log.warning("decisions cannot be read to be passed on; it is tried again")
                await trio.sleep(LONGEST_PAUSE_S)
                self._rescan.set()

    async def _read_all(self) -> None:
        found = pages(self._engine, oldest_key(self._clock.now_us(), self._guard_us))
        while (page := await run_away(next, found, None)) is not None:
            for logged in page:
                self._take(logged)
            while any(line.half_full for line in self._lines.values()):
                self._room = trio.Event()
                await self._room.wait()

    async def _serve(self, line: _Line) -> None:
        while True:
            await _something(line)
            batch = self._batch(line)
            if not batch:
                continue
            request = rpb.RelayRequest(commits=[one.commit.to_message() for one in batch])
            try:
                response = await line.channel.unary(
                    f"{SERVICE}/Relay", request, rpb.RelayResponse, CALL_TIMEOUT_S
                )
            except RpcError as error:
                log.info("member %s does not answer: %s", line.record.name, error)
                line.fresh = {one.commit_id: one for one in batch} | line.fresh
                await trio.sleep(line.pause_s)
                line.pause_s = min(2 * line.pause_s, LONGEST_PAUSE_S)
                continue
            self._answered(line, batch, response.answers)

    def _batch(self, line: _Line) -> list[Parcel]:
        """The next call's commits; what nobody could take any more is forgotten."""
        if line.again and trio.current_time() >= line.again_at_s:
            line.fresh, line.again = line.again | line.fresh, {}
        batch: list[Parcel] = []
        size, now_us = 0, self._clock.now_us()
        for one in tuple(line.fresh.values()):
            if len(batch) >= MAX_BATCH or (batch and size + one.size > MAX_BATCH_BYTES):
                break
            del line.fresh[one.commit_id]
            if now_us > one.until_us:
                self._drop(line, one)
                continue
            size += one.size
            batch.append(one)
        return batch

    def _answered(
        self, line: _Line, batch: Sequence[Parcel], answers: Sequence[rpb.Answer]
    ) -> None:
        by_id: Mapping[bytes, rpb.Answer] = {answer.commit_id: answer for answer in answers}
        before = len(line.again)
        for one in batch:
            if _settled(by_id.get(one.commit_id), line.record.name):
                self._drop(line, one)
            else:
                line.again[one.commit_id] = one
        if len(line.again) == before:
            line.pause_s = FIRST_PAUSE_S
            return
        line.again_at_s = trio.current_time() + line.pause_s
        line.pause_s = min(2 * line.pause_s, LONGEST_PAUSE_S)

    def _drop(self, line: _Line, one: Parcel) -> None:
        line.waiting_bytes -= line.sizes.pop(one.commit_id)
        self._room.set()

    async def _follow_record(self, line: _Line, renew: Callable[[], None]) -> None:
        """The member's own word about its keys and its place; `Members` says whether it counts."""
        while True:
            try:
                answer = await line.channel.unary(
                    f"{SERVICE}/GetInfo",
                    rpb.GetInfoRequest(),
                    pb.SignedRegistryRecord,
                    CALL_TIMEOUT_S,
                )
            except RpcError:
                await trio.sleep(LONGEST_PAUSE_S)
                continue
            if self._members.offer(answer.SerializeToString()):
                renew()
            await trio.sleep(RECORD_EVERY_S)


async def _something(line: _Line) -> None:
    """Until there is something to send."""
    while not line.fresh:
        line.wake = trio.Event()
        wait_s = line.again_at_s - trio.current_time() if line.again else float("inf")
        with trio.move_on_after(max(0.0, wait_s)):
            await line.wake.wait()
        if line.again and trio.current_time() >= line.again_at_s:
            return


def _settled(answer: rpb.Answer | None, name: str) -> bool:
    """Whether the member needs to be told no more. A decision, whichever, is an acknowledgement;
    PENDING says that it came late there, and another clock than ours decides about that."""
    match answer.WhichOneof("answer") if answer is not None else None:
        case "final":
            return True
        case "refusal":
            assert answer is not None
            refusal = answer.refusal.reason
            log.info("member %s refuses: %s", name, rpb.RegistryRefusal.Name(refusal))
            return refusal in HOPELESS
        case _:
            return False
