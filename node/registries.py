"""The node as a client of commit registries: asks what the engine wants asked.

Questions to one registry that queue up while a call is on its way travel together in the next
call. An answer comes back as an event; a lost one is asked again by the row that waits for it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final

import trio

from node.core.effects import AskRegistries
from node.core.events import Event, RegistrySaid
from node.core.rows import Ask
from proto.descriptor import decode_descriptor
from proto.limits import US, WATCH_INTERVAL_US
from proto.registry_record import RegistryRecord
from proto.statement import InterimKind, SignedStatement
from proto.v1 import registry_pb2 as pb
from proto.wire import WireFault
from runtime.rpc_client import Caller, RpcError
from runtime.tls import BadCertificate

log = logging.getLogger(__name__)

MAX_ITEMS: Final = 256  # registry section 6
# Calls to one registry at a time: each waits for the engine's turn and for two disks, and after a
# deadline that many promises share one call after the other was what they waited for.
MAX_CALLS: Final = 4
CALL_TIMEOUT_S: Final = 5.0  # a registry that needs longer is asked again by the row that waits
MAX_WAITING: Final = 65_536  # questions kept for one registry; what is beyond is asked later
FIRST_PAUSE_S: Final = 0.1  # a connection that broke is usually there again at once
LONGEST_PAUSE_S: Final = WATCH_INTERVAL_US / US  # protocol section 9, invariant 8
SERVICE: Final = "/pledgeway.v1.Registry"

Question = tuple[AskRegistries, bytes, bytes, bytes]
"""(what, descriptor, evidence of a commit, preimage of a decline)."""

Connect = Callable[[RegistryRecord], Caller]


@dataclass(slots=True)
class _Announcement:
    """`admitted`: the SignedInterim's bytes once answered, empty where it was not admitted."""

    descriptor: bytes
    answered: trio.Event = field(default_factory=trio.Event)
    admitted: bytes = b""


@dataclass(slots=True)
class _Line:
    """What waits for one registry. Owned by trio."""

    record: RegistryRecord
    channel: Caller
    waiting: dict[bytes, Question] = field(default_factory=dict)
    wake: trio.Event = field(default_factory=trio.Event)
    announcing: list[_Announcement] = field(default_factory=list)
    announced: trio.Event = field(default_factory=trio.Event)


class Registries:
    """A few tasks for each registry that is asked anything."""

    def __init__(
        self,
        connect: Connect,
        nursery: trio.Nursery,
        submit: Callable[[Callable[[int], Event]], None],
        records: Callable[[], Mapping[bytes, RegistryRecord]],
        material: Callable[[bytes], tuple[bytes, bytes]],
    ) -> None:
        """`connect`: the way to a registry; BadCertificate where its record's does not hold.
        `material`: a commit_id's (evidence, decline preimage), empty where there is none."""
        self._connect = connect
        self._nursery = nursery
        self._submit = submit
        self._records = records
        self._material = material
        self.on_unknown_key: Callable[[bytes], None] = lambda _: None  # a registry's id
        self._lines: dict[bytes, _Line] = {}

    def channel(self, member: bytes) -> Caller | None:
        """The way to a registry whose record we hold; None where it cannot be called."""
        line = self._line(member)
        return None if line is None else line.channel

    def ask(self, effect: AskRegistries, descriptor: bytes) -> None:
        """Asks every member of the policy whose record we hold; the others cannot be asked."""
        evidence, preimage = self._material(effect.commit)
        for member in decode_descriptor(descriptor).policy.members:
            line = self._line(member)
            if line is None or len(line.waiting) >= MAX_WAITING:
                continue
            line.waiting[effect.commit] = (effect, descriptor, evidence, preimage)
            line.wake.set()

    async def announce(self, descriptor: bytes) -> list[bytes]:
        """The members' ADMITTED answers (SignedInterim bytes); fewer where some do not answer.

        As soon as there are enough of them (V6): a silent member costs the payer no time.
        """
        asked = []
        for member in decode_descriptor(descriptor).policy.members:
            line = self._line(member)
            if line is not None and len(line.announcing) < MAX_WAITING:
                asked.append(announcement := _Announcement(descriptor))
                line.announcing.append(announcement)
                line.announced.set()
        wanted = decode_descriptor(descriptor).policy.admissions
        async with trio.open_nursery() as nursery:
            for announcement in asked:
                nursery.start_soon(_until_enough, announcement, asked, wanted, nursery)
        return [announcement.admitted for announcement in asked if announcement.admitted]

    async def _serve_announcements(self, line: _Line) -> None:
        while True:
            if not line.announcing:
                line.announced = trio.Event()
                await line.announced.wait()
            batch, line.announcing = line.announcing[:MAX_ITEMS], line.announcing[MAX_ITEMS:]
            request = pb.AnnounceRequest(descriptors=[one.descriptor for one in batch])
            try:
                response = await line.channel.unary(
                    f"{SERVICE}/Announce", request, pb.AnnounceResponse, CALL_TIMEOUT_S
                )
            except RpcError as error:
                log.warning("registry %s does not admit: %s", line.record.name, error)
            else:
                for one, answer in zip(batch, response.answers, strict=False):
                    if answer.WhichOneof("answer") == "interim":
                        one.admitted = answer.interim.SerializeToString()
            for one in batch:
                one.answered.set()

    def _line(self, member: bytes) -> _Line | None:
        record = self._records().get(member)
        known = self._lines.get(member)
        if record is None:
            return known
        if known is not None and known.record.signed == record.signed:
            return known
        try:
            channel = self._connect(record)
        except BadCertificate as error:
            log.warning("registry %s cannot be called: %s", record.name, error)
            return known
        if known is not None:
            # It moved or renewed its keys: what waits goes to the new place.
            known.record, known.channel = record, channel
            return known
        line = _Line(record, channel)
        self._lines[member] = line
        for _ in range(MAX_CALLS):
            self._nursery.start_soon(self._serve, member, line)
        self._nursery.start_soon(self._serve_announcements, line)
        return line

    async def _serve(self, member: bytes, line: _Line) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            while not line.waiting:
                if line.wake.is_set():
                    line.wake = trio.Event()
                await line.wake.wait()
            batch = [line.waiting.pop(c) for c in tuple(islice(line.waiting, MAX_ITEMS))]
            request = pb.DecideRequest(items=[_item(question) for question in batch])
            try:
                response = await line.channel.unary(
                    f"{SERVICE}/Decide", request, pb.DecideResponse, CALL_TIMEOUT_S
                )
            except RpcError as error:
                # Kept and asked again as soon as it is back: the rows' own pace slows down while
                # nobody answers, and every payment is to end within a second of the healing.
                log.info("registry %s does not answer: %s", line.record.name, error)
                line.waiting = {q[0].commit: q for q in batch} | line.waiting
                await trio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                continue
            pause_s = FIRST_PAUSE_S
            if len(response.answers) != len(batch):
                log.warning("registry %s answers another number of questions", line.record.name)
                continue
            for question, answer in zip(batch, response.answers, strict=True):
                self._take(member, question[0].commit, answer)

    def _take(self, member: bytes, commit: bytes, answer: pb.Answer) -> None:
        said = partial(RegistrySaid, registry=member, commit=commit)
        match answer.WhichOneof("answer"):
            case "final":
                try:
                    final = SignedStatement.from_message(answer.final)
                except WireFault as fault:
                    log.warning("registry answer cannot be read: %s", fault)
                    return
                evidence = answer.commit.evidence
                record = self._records().get(member)
                if record is not None and _signed_by_unknown_key(record, final):
                    self.on_unknown_key(member)
                self._submit(lambda now_us: said(now_us, final=final, evidence=evidence))
            case "refusal":
                log.info("registry refuses: %s", pb.RegistryRefusal.Name(answer.refusal.reason))
            case _:
                self._submit(lambda now_us: said(now_us, interim=InterimKind.PENDING))


async def _until_enough(
    one: _Announcement, asked: Sequence[_Announcement], wanted: int, nursery: trio.Nursery
) -> None:
    await one.answered.wait()
    if sum(bool(other.admitted) for other in asked) >= wanted:
        nursery.cancel_scope.cancel()


def _item(question: Question) -> pb.DecideItem:
    effect, descriptor, evidence, preimage = question
    match effect.ask:
        case Ask.SUBMIT:
            item = pb.DecideItem()
            item.commit.descriptor, item.commit.evidence = descriptor, evidence
            return item
        case Ask.DECLINE:
            item = pb.DecideItem()
            item.decline.descriptor, item.decline.preimage = descriptor, preimage
            return item
        case _:
            return pb.DecideItem(query=pb.Query(descriptor=descriptor))


def _signed_by_unknown_key(record: RegistryRecord, signed: SignedStatement) -> bool:
    """Whether none of its keys is one that the record certifies for statements."""
    known = {certificate.key for certificate in record.statement_keys}
    return known.isdisjoint(proof.key for proof in signed.proofs)
