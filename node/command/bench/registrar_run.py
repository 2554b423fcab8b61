"""`pledgeway bench registrar`: legs from offer to refund at one registrar, as fast as they go.

Everything but the network is in it: signatures of both sides, their verification, the decision's
certificate, one transaction a group of batches, and the flush of the disk before an answer.
"""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import trio
from sqlalchemy import insert

from node.command.bench.machine import machine, versions
from node.command.bench.quantile import quantile
from node.command.sim.cast import R1, RECORDS, SINGLE, digest, signing_key
from node.registrar import owner
from node.registrar.books import open_books
from node.registrar.rows import Account, account_id
from node.registrar.running import Registrar, open_registrar
from node.registrar.tables import TABLES
from proto.certificate import CommitCertificate
from proto.commit import Commit, Evidence, evidence_hash, sign_share
from proto.descriptor import Descriptor, commit_id
from proto.envelope import Envelope
from proto.escrow.batch import Asked, BatchReply, OpBatch, OpenAccount, read_reply, sign_asked
from proto.escrow.legs import Leg, RightCarrier
from proto.escrow.ops import Accept, Look, Offer, Op, Prepare, Refund, Settle
from proto.escrow.rights import Right, canonical_json, unique_brand_id
from proto.escrow.terms import plant
from proto.keys import SigningKey
from proto.limits import US
from proto.money import Brand
from proto.statement import DecisionLeaf, DecisionReason, Outcome
from runtime.clock import SystemClock
from runtime.store import IMMEDIATE

Tell = Callable[[str], None]

KEY: Final = signing_key("bench registrar")
COMMITTER: Final = signing_key("bench committer")
SUPPLY: Final = 10**12
FUNDS: Final = 10**6  # of each sender: one unit a leg, so it lasts
FILL_AT_ONCE: Final = 10_000  # accounts inserted at a time
DECISION_US: Final = 30 * US
STEPS: Final = ("enter", "prepare", "settle", "refund", "look")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to measure: so many accounts beside, so many senders at a time, for so long; `flood`:
    strangers beside them who ask for what they may not."""

    accounts: int
    seconds: float
    senders: int
    flood: int


@dataclass(slots=True)
class Measured:
    """Times in seconds, by the kind of batch."""

    took_s: dict[str, list[float]] = field(default_factory=lambda: {s: [] for s in STEPS})
    legs: int = 0
    refused: int = 0
    over: bool = False


async def run(wanted: Wanted, directory: Path, tell: Tell) -> dict[str, Any]:
    """The result as JSON shows it. OSError, StoreUnusable."""
    about = machine(directory)
    place = directory / "registrar.sqlite"
    right = _right()
    _fill(place, right, wanted.accounts, tell)
    clock, measured = SystemClock(0), Measured()
    async with AsyncExitStack() as stack:
        opened = open_registrar(place, KEY, clock, lambda: (RECORDS, {}))
        registrar = await stack.enter_async_context(opened)
        senders = [Sender(registrar, clock, right, i, measured) for i in range(wanted.senders)]
        for sender in senders:
            await sender.begin()
        tell(f"{wanted.accounts} accounts, {wanted.senders} senders")
        began = perf_counter()
        async with trio.open_nursery() as nursery:
            for sender in senders:
                nursery.start_soon(sender.run)
            for i in range(wanted.flood):
                nursery.start_soon(_flood, registrar, clock, i, measured)
            await trio.sleep(wanted.seconds)
            measured.over = True
        took_s = perf_counter() - began
        groups, batches = registrar.desk.groups, registrar.desk.batches
        tell("checking the books")
        examined = await trio.to_thread.run_sync(registrar.reader.examine)
    return {
        "accounts": wanted.accounts,
        "senders": wanted.senders,
        "flood": wanted.flood,
        "seconds": round(took_s, 2),
        "legs": measured.legs,
        "legs_per_s": round(measured.legs / took_s, 1),
        "batches_per_s": round(sum(map(len, measured.took_s.values())) / took_s, 1),
        "batches_per_transaction": round(batches / max(1, groups), 1),
        "refused": measured.refused,
        "ms": {step: _quantiles(took) for step, took in measured.took_s.items() if took},
        "books_ok": not examined.differences,
        "machine": about,
        "versions": versions(),
    }


def _quantiles(took_s: Sequence[float]) -> dict[str, float]:
    ordered = sorted(took_s)
    return {f"p{q}": round(1000 * quantile(ordered, q / 100), 2) for q in (50, 99)}


def _right() -> Right:
    node, attributes = KEY.node_id, canonical_json({"name": "bench"})
    guid = unique_brand_id(node, "bench", attributes)
    return Right(
        brand=Brand(guid, "bench", 1, node),
        registrar=node,
        kind="bench",
        attributes=attributes,
        supply=SUPPLY,
        policies=(SINGLE,),
        longest_lock_us=3600 * US,
    )


def _fill(place: Path, right: Right, count: int, tell: Tell) -> None:
    """Strangers' accounts, empty: what an op costs must not depend on how many there are."""
    table = TABLES[Account]
    with (
        open_books(place) as store,
        store.engine.connect().execution_options(**IMMEDIATE) as connection,
    ):
        for first in range(0, count, FILL_AT_ONCE):
            tell(f"{first} of {count} accounts")
            rows = [
                table.to_columns(
                    Account(account_id(right.brand.guid, node), right.brand.guid, node)
                )
                | {"version": 1}
                for node in (digest(f"stranger {i}") for i in range(first, first + FILL_AT_ONCE))
            ][: count - first]
            with connection.begin():
                connection.execute(insert(table.table), rows)


class Sender:
    """A giver and a taker, one leg after the other."""

    def __init__(
        self, registrar: Registrar, clock: SystemClock, right: Right, no: int, into: Measured
    ) -> None:
        self._registrar = registrar
        self._clock = clock
        self._right = right
        self._name = f"sender {no}"
        self._giver, self._taker = (signing_key(f"{self._name} {who}") for who in ("a", "b"))
        self._into = into
        self._asked = 0

    def _token(self, label: str) -> bytes:
        return digest(f"{self._name} {label}")

    async def begin(self) -> None:
        """Two accounts, one with something in it."""
        guid = self._right.brand.guid
        if not await self._known():
            await self._registrar.desk.act(lambda step: _found(step, self._right))
        for key, label in ((self._giver, "a"), (self._taker, "b")):
            tokens = (self._token(label), self._token(label + " terms"))
            asked = OpenAccount(
                key.node_id, KEY.node_id, self._id(), self._clock.now_us(), guid, *tokens
            )
            await _ask(self._registrar, key, asked)
        account = account_id(guid, self._giver.node_id)
        await self._registrar.desk.act(lambda step: owner.pay_out(step, account, FUNDS))

    async def _known(self) -> bool:
        guid = [self._right.brand.guid]
        return bool(self._registrar.reader.brands(guid, "", "", b"", 1))

    def _id(self) -> bytes:
        self._asked += 1
        return self._token(f"batch {self._asked}")[:16]

    async def _put(self, step: str, key: SigningKey, *ops: Op) -> None:
        asked = OpBatch(key.node_id, KEY.node_id, self._id(), self._clock.now_us(), ops)
        began = perf_counter()
        reply = await _ask(self._registrar, key, asked)
        self._into.took_s[step].append(perf_counter() - began)
        assert reply.refusal is None, (step, reply.refusal)

    async def run(self) -> None:
        """Until it is over; what is begun is finished."""
        number = 0
        while not self._into.over:
            number += 1
            await self._leg(f"leg {number}")
            self._into.legs += 1

    async def _leg(self, label: str) -> None:
        out, into = self._token(label + " out"), self._token(label + " in")
        commit, descriptor, opening = self._deal(label)
        await self._put("enter", self._taker, Accept(self._token("b"), into))
        await self._put("enter", self._giver, Offer(self._token("a"), 1, out))
        prepare = Prepare(self._token("a terms"), out, into, descriptor, opening)
        await self._put("prepare", self._giver, prepare)
        await self._put("settle", self._taker, Settle(commit))
        await self._put("refund", self._taker, Refund(self._token("b"), into))
        await self._put("refund", self._giver, Refund(self._token("a"), out))
        await self._put("look", self._taker, Look(self._token("b")))

    def _deal(self, label: str) -> tuple[CommitCertificate, bytes, Any]:
        guid = self._right.brand.guid
        ends = (account_id(guid, key.node_id) for key in (self._giver, self._taker))
        leg = Leg(1, guid, 1, "giver", "taker", RightCarrier(KEY.node_id, *ends))
        root, openings = plant((leg,), (self._token(label + " salt"),))
        descriptor = Descriptor(
            salt=self._token(label + " descriptor"),
            deadline_us=self._clock.now_us() + DECISION_US,
            policy=SINGLE,
            committers=(COMMITTER.public,),
            threshold=1,
            terms_root=root,
        )
        data = descriptor.encode()
        evidence = Evidence((sign_share(COMMITTER, commit_id(data)),)).encode()
        decision = DecisionLeaf(
            commit_id(data),
            Outcome.COMMITTED,
            DecisionReason.COMMIT,
            descriptor.deadline_us,
            descriptor.deadline_us,
            self._clock.now_us(),
            1000,
            evidence_hash(evidence),
        )
        statement = R1.sign_statement(decision.encode())
        return CommitCertificate(Commit(data, evidence), (statement,)), data, openings[0]


def _found(step: Any, right: Right) -> None:
    owner.create_brand(step, right)


async def _ask(registrar: Registrar, key: SigningKey, asked: Asked) -> BatchReply:
    envelope = Envelope.decode_unverified(sign_asked(key, asked))
    return read_reply(await registrar.desk.answer(envelope, asked), asked)


async def _flood(registrar: Registrar, clock: SystemClock, no: int, into: Measured) -> None:
    """A stranger with capabilities that nobody gave him."""
    key, number = signing_key(f"stranger {no}"), 0
    while not into.over:
        number += 1
        token = digest(f"guess {no} {number}")
        asked = OpBatch(
            key.node_id, KEY.node_id, token[:16], clock.now_us(), (Offer(token, 1, token),)
        )
        await _ask(registrar, key, asked)
        into.refused += 1
