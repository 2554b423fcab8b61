"""What a dishonest node does of its own accord: once in a while it tries something.

It has its owner's keys and rows, every letter that it was sent, and the addresses of everybody.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, Final

import trio

from node.command.sim.escrow.crook.crook import Crook
from node.command.sim.escrow.crook.letters import false_certificate, wrapped
from node.command.sim.world.host import ProcessDied
from node.core.escrow.reading import hold_of, party_of, proposal_of, source_of, terms_of
from node.core.escrow.rows import Account, Deal, Seat
from proto.certificate import AbortCertificate, CommitCertificate
from proto.commit import SHARE_KIND, Commit, Evidence
from proto.descriptor import decode_descriptor
from proto.envelope import Envelope, Proof, sign
from proto.escrow.batch import BATCH_KIND, OpBatch, payload_of
from proto.escrow.letters import Body, Decided, Dossier, Withdraw
from proto.escrow.ops import Accept, Cancel, Offer, Op, Prepare, Refund, Settle, Transfer
from proto.escrow.reasons import EscrowReason
from proto.keys import NodeId
from proto.statement import STATEMENT_KIND, SignedStatement, Statement
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2
from runtime.rpc_client import RpcError

if TYPE_CHECKING:
    from node.command.sim.escrow.host import ExchangeHost
    from node.command.sim.escrow.world import ExchangeWorld

PAUSE_S: Final = (0.2, 3.0)
CALL_S: Final = 5.0
ESCROW: Final = "/pledgeway.v1.Escrow/Post"
REGISTRAR: Final = "/pledgeway.v1.Registrar/Batch"


async def mischief(world: "ExchangeWorld", name: str, crook: Crook) -> None:
    """Until cancelled."""
    rogue = Rogue(world, world.people[name], crook)
    able = crook.only or rogue.tricks.keys()
    tricks = [(trick, act) for trick, act in rogue.tricks.items() if trick in able]
    if not tricks:
        return
    while True:
        await trio.sleep(crook.random.uniform(*PAUSE_S))
        trick, act = crook.random.choice(tricks)
        if rogue.host.process is None or not crook.tells(trick):
            continue
        try:
            await act()
        except (RpcError, ProcessDied):
            continue  # nobody answers, or with a no


class Rogue:
    """Its hands."""

    def __init__(self, world: "ExchangeWorld", host: "ExchangeHost", crook: Crook) -> None:
        self.world, self.host, self.crook = world, host, crook
        self.random: Random = crook.random
        self.tricks: dict[str, Callable[[], Awaitable[None]]] = {
            "replays": self.replay,
            "spends-again": self.spend,
            "cancels-leg": self.cancel,
            "refunds-hold": self.refund,
            "submits-early": self.submit,
            "withdraws": self.withdraw,
            "two-coordinators": self.double,
            "shouts-decided": self.shout,
            "settles-falsely": self.settle,
            "takes-hold": self.take,
            "snatches": self.snatch,
        }

    # ------------------------------------------------------------------ saying things

    async def post(self, to: NodeId, body: Body) -> None:
        now_us = self.host.clock.now_us()
        await self._send(to, ESCROW, wrapped(self.crook.identity.key, to, now_us, body))

    async def batch(self, to: NodeId, *ops: Op) -> None:
        await self.batch_answer(to, *ops)

    async def batch_answer(self, to: NodeId, *ops: Op) -> tuple[OpBatch, bytes]:
        """What was asked, and the signed reply."""
        me, now_us = self.crook.identity, self.host.clock.now_us()
        asked = OpBatch(me.node, to, self.random.randbytes(16), now_us, ops)
        said = Envelope.seal(me.key, BATCH_KIND, payload_of(asked)).encode()
        return asked, await self._send(to, REGISTRAR, said)

    async def _send(self, to: NodeId, method: str, said: bytes) -> bytes:
        caller = self.world.caller(self.host, to, honest=True)
        read = types_pb2.Envelope.FromString(said)
        answer = await caller.unary(method, read, types_pb2.Envelope, CALL_S)
        return answer.SerializeToString()

    # ------------------------------------------------------------------ what it knows

    def _seats(self) -> list[Seat]:
        rows = self.host.context.engine.memory.owned(Seat)
        return sorted((s for s in rows if s.commit), key=lambda s: (s.deal, s.at))

    def _deals(self) -> list[Deal]:
        rows = self.host.context.engine.memory.owned(Deal)
        return sorted((d for d in rows if d.commit), key=lambda d: d.id)

    def _accounts(self) -> list[Account]:
        return sorted(self.host.context.engine.memory.owned(Account), key=lambda a: a.slot)

    def _account(self, brand: bytes) -> Account:
        return next(a for a in self._accounts() if a.brand.guid == brand)

    def _everybody(self) -> list[NodeId]:
        return [host.id for host in self.world.people.values() if host is not self.host]

    # ------------------------------------------------------------------ tricks

    async def replay(self) -> None:
        """Somebody's letter again, to whom it was or to somebody else."""
        if self.crook.heard:
            method, said = self.random.choice(self.crook.heard)
            await self._send(self.random.choice(self._everybody()), method, said)

    async def spend(self) -> None:
        """What it is about to give, or has just given, into a hold of its own."""
        if accounts := self._accounts():
            own = self.random.choice(accounts)
            token = self.random.randbytes(32)
            await self.batch(own.registrar, Offer(own.capability, 1, token))

    async def cancel(self) -> None:
        """Fences a leg that it has promised, or will."""
        for seat in self._seats()[-1:]:
            for no, leg in sorted(terms_of(seat).legs.items()):
                if leg.registrar is not None and leg.from_seat == seat.seat:
                    opening, row = terms_of(seat).by_leg[no], self._account(leg.brand)
                    token = self.random.randbytes(32)
                    offer = Offer(row.capability, row.brand.unit, token, seat.commit)
                    cancel = Cancel(token, seat.descriptor, opening)
                    await self.batch(leg.registrar, offer, cancel)

    async def refund(self) -> None:
        """Destroys the hold into which a leg is to come, or takes back what it offered."""
        for seat in self._seats()[-1:]:
            for no, leg in sorted(terms_of(seat).legs.items()):
                if leg.registrar is None or seat.seat not in (leg.from_seat, leg.to_seat):
                    continue
                receives = leg.to_seat == seat.seat
                hold = hold_of(seat.seed, no) if receives else source_of(seat.seed, no)
                row = self._account(leg.brand)
                await self.batch(leg.registrar, Refund(row.capability, hold))

    async def submit(self) -> None:
        """A commit with shares missing, or of its own making."""
        for seat in self._seats()[-1:]:
            descriptor = decode_descriptor(seat.descriptor)
            keys = descriptor.committers
            own = sign(self.crook.identity.key, SHARE_KIND, seat.commit)
            shares = tuple(_under(own, key) for key in keys[: self.random.randint(0, len(keys))])
            item = rpb.DecideItem()
            item.commit.CopyFrom(Commit(seat.descriptor, Evidence(shares).encode()).to_message())
            member = self.world.roads.registries[descriptor.policy.members[0]]
            asked = rpb.DecideRequest(items=[item])
            caller = self.world.to_registry(self.host.name, member)
            await caller.unary("/x/Decide", asked, rpb.DecideResponse, CALL_S)

    async def withdraw(self) -> None:
        """Not any more, although it goes on; or in the name of others."""
        for seat in self._seats()[-1:]:
            proposal = proposal_of(seat)
            name, _ = self.random.choice(proposal.seats)
            words = Withdraw(seat.deal, name, EscrowReason.REFUSED_BY_OWNER)
            for other, _ in proposal.seats:
                party = party_of(proposal, other)
                if party is not None and party != self.host.id:
                    await self.post(party, words)

    async def double(self) -> None:
        """Another one is to coordinate, beside it."""
        for deal in self._deals()[-1:]:
            openings = tuple(terms_of(deal).by_leg.values())
            terms = terms_of(deal)
            assert terms.by_order is not None
            every = (*openings, *terms.by_seat.values(), terms.by_order)
            words = Dossier(deal.proposal, deal.descriptor, every, deal.joins)
            await self.post(self.random.choice(self._everybody()), words)

    async def shout(self) -> None:
        """Tells everybody that something was decided which was not."""
        if (made := self._made_up()) is not None:
            for to in self._everybody():
                with suppress(RpcError):
                    await self.post(to, made)

    async def settle(self) -> None:
        """The same to registrars."""
        if (made := self._made_up()) is not None:
            for host in self.world.people.values():
                if host.titles is not None:
                    with suppress(RpcError):
                        await self.batch(host.id, Settle(made.certificate))

    def _made_up(self) -> Decided | None:
        known = list(self.crook.known.values())
        seats = self._seats()
        if known and (not seats or self.random.random() < 0.5):
            return false_certificate(self.crook, self.random.choice(known))
        if not seats:
            return None
        seat = self.random.choice(seats)
        statements = self._statements(seat)
        if self.random.random() < 0.5:
            return Decided(AbortCertificate(seat.descriptor, statements))
        own = sign(self.crook.identity.key, SHARE_KIND, seat.commit)
        keys = decode_descriptor(seat.descriptor).committers
        evidence = Evidence(tuple(_under(own, key) for key in keys)).encode()
        return Decided(CommitCertificate(Commit(seat.descriptor, evidence), statements))

    def _statements(self, seat: Seat) -> tuple[SignedStatement, ...]:
        """In a registry's name, of its own making."""
        policy = decode_descriptor(seat.descriptor).policy
        made = []
        for member in policy.members:
            statement = Statement(member, seat.commit, "example.net/crook", 1).encode()
            proof = sign(self.crook.identity.key, STATEMENT_KIND, statement)
            made.append(SignedStatement(statement, (proof,)))
        return tuple(made)

    async def take(self) -> None:
        """A hold that somebody has shown it, out of its leg and into one of its own."""
        holds = [accept.hold for accept in self.crook.accepts.values() if accept.hold]
        accounts = [account for account in self._accounts() if account.terms]
        seats = self._seats()
        if not holds or not accounts or not seats:
            return
        hold, own = self.random.choice(holds), self.random.choice(accounts)
        mine = sha256(hold + self.random.randbytes(4)).digest()
        await self.batch(
            own.registrar, Offer(own.capability, 1, mine), Transfer(own.terms, hold, mine)
        )
        seat = self.random.choice(seats)
        for opening in terms_of(seat).by_leg.values():
            ops = (Prepare(own.terms, hold, mine, seat.descriptor, opening),)
            await self.batch(own.registrar, *ops)

    async def snatch(self) -> None:
        """What has arrived in holds that it was shown, before their owner collects it."""
        for own in self._accounts():
            for hold in [a.hold for a in self.crook.accepts.values() if a.hold and own.terms]:
                mine = self.random.randbytes(32)
                accept, transfer = Accept(own.capability, mine), Transfer(own.terms, hold, mine)
                await self.batch(own.registrar, accept, transfer, Refund(own.capability, mine))


def _under(share: Proof, key: bytes) -> Proof:
    """As if another had signed."""
    return replace(share, key=key)
