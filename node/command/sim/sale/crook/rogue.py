"""What a dishonest part of a sale does of its own accord: once in a while it tries something.

It has its owner's keys and rows, every letter that it was sent, and the addresses of everybody.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import trio

from node.command.sim.escrow.crook.mischief import CALL_S, PAUSE_S, Rogue
from node.command.sim.sale.crook.contracts import other_contract
from node.command.sim.sale.crook.crook import SaleCrook
from node.command.sim.world.host import ProcessDied
from node.core.sale.reading import (
    contract_of,
    decline_of,
    descriptor_of,
    descriptors_of,
    lock_decline_of,
    others,
    own_shares,
    pool_of,
    role_of,
)
from node.core.sale.rows import Sale, SalePhase
from proto.certificate import AbortCertificate, CommitCertificate
from proto.commit import Commit, Evidence
from proto.descriptor import commit_id, decode_descriptor
from proto.envelope import sign
from proto.escrow.args import ResultOf
from proto.escrow.batch import read_reply
from proto.escrow.letters import Decided, OfSale
from proto.escrow.ops import Offer, Settle
from proto.escrow.terms import Opening
from proto.keys import NodeId
from proto.limits import US
from proto.sale.contract import SIGNERS, may_decline
from proto.sale.letters import (
    Closed,
    SaleBody,
    SaleShare,
    SaleWords,
    Terms,
    encode_words,
    shares_from_bytes,
)
from proto.sale.ops import OpenPool, SealVote, Stake
from proto.sale.reasons import SaleReason
from proto.sale.stakes import STAKERS, Decision, SaleRole
from proto.statement import STATEMENT_KIND, SignedStatement, Statement
from proto.v1 import registry_pb2 as rpb
from runtime.rpc_client import RpcError

if TYPE_CHECKING:
    from node.command.sim.sale.world import SaleHost, SaleWorld

D = Decision
P = SalePhase
ALL_OF_IT: Final = 1000  # units: more than anybody keeps for a stake


async def mischief(world: "SaleWorld", name: str, crook: SaleCrook) -> None:
    """Until cancelled."""
    rogue = SaleRogue(world, world.host_of(name), crook)
    tricks = [t for t in rogue.tricks.items() if not crook.only or t[0] in crook.only]
    while tricks:
        await trio.sleep(crook.random.uniform(*PAUSE_S))
        trick, act = crook.random.choice(tricks)
        if rogue.host.process is None or not crook.tells(trick):
            continue
        with suppress(RpcError, ProcessDied):  # nobody answers, or with a no
            await act()


class SaleRogue(Rogue):
    """Its hands."""

    def __init__(self, world: "SaleWorld", host: "SaleHost", crook: SaleCrook) -> None:
        super().__init__(world, host, crook)
        self.knows = crook
        self.tricks: dict[str, Callable[[], Awaitable[None]]] = {
            "replays": self.replay,
            "signs-unstaked": self.sign_unstaked,
            "overdue-share": self.sign_overdue,
            "signs-both": self.sign_both,
            "signs-early": self.sign_early,
            "submits": self.submit,
            "submits-late": self.submit_late,
            "shows-key": self.show_key,
            "declines": self.decline,
            "closes": self.close,
            "shouts-decided": self.shout,
            "settles-falsely": self.settle,
            "other-contract": self.draw_other,
            "spends-stake": self.spend,
            "seals-twice": self.seal,
            "stakes-again": self.stake_again,
        }

    # ------------------------------------------------------------------ what it knows

    def _sales(self) -> list[Sale]:
        rows = self.host.context.engine.memory.owned(Sale)
        return sorted((row for row in rows if row.contract and row.seed), key=lambda row: row.id)

    def _others(self, sale: Sale) -> list[NodeId]:
        everybody = [host.id for host in self.world.people.values()]
        known = [node for node in everybody if role_of(sale, node) in others(sale)]
        return sorted(known)

    async def _tell(self, to: NodeId, sale: Sale, body: SaleBody) -> None:
        await self.post(to, OfSale(encode_words(SaleWords(sale.id, body))))

    async def _tell_all(self, sale: Sale, body: SaleBody) -> None:
        for to in self._others(sale):
            with suppress(RpcError):
                await self._tell(to, sale, body)

    async def _decide(self, item: rpb.DecideItem, sale: Sale) -> None:
        policy = contract_of(sale).policy
        member = self.world.roads.registries[policy.members[0]]
        caller = self.world.to_registry(self.host.name, member)
        asked = rpb.DecideRequest(items=[item])
        await caller.unary("/x/Decide", asked, rpb.DecideResponse, CALL_S)

    async def _commit(
        self, sale: Sale, decision: Decision, preimages: tuple[bytes, ...] = ()
    ) -> None:
        """With whatever shares it has."""
        data = descriptor_of(sale, decision)
        if not data:
            return
        mine = self._own(sale, decision)
        kept = [
            share
            for at in range(decision * len(SaleRole), (decision + 1) * len(SaleRole))
            for share in shares_from_bytes(sale.shares[at])
        ]
        shares = {share.key: share for share in (*kept, *mine)}
        threshold = decode_descriptor(data).threshold
        item = rpb.DecideItem()
        evidence = Evidence(tuple(shares.values())[:threshold], preimages).encode()
        item.commit.CopyFrom(Commit(data, evidence).to_message())
        await self._decide(item, sale)

    def _own(self, sale: Sale, decision: Decision):  # type: ignore[no-untyped-def]
        data = descriptor_of(sale, decision)
        if not data or sale.role not in SIGNERS[decision][0]:
            return ()
        return own_shares(sale, decision, commit_id(data))

    # ------------------------------------------------------------------ signing

    async def sign_unstaked(self) -> None:
        """T1, whatever lies at the house."""
        for sale in self._sales():
            shares = self._own(sale, D.LOCK)
            if shares and sale.role is not SaleRole.AGENT:
                await self._tell(NodeId(sale.agent), sale, SaleShare(D.LOCK, shares))

    async def sign_overdue(self) -> None:
        """T1, when its time is over and nobody has said so yet."""
        for sale in self._sales():
            if sale.lock and sale.phase is P.LOCKING:
                left_us = decode_descriptor(sale.lock).deadline_us - self.host.clock.now_us()
                if left_us < 0:
                    await self.sign_unstaked()

    async def sign_both(self) -> None:
        """Release and refund, to everybody and to the registry."""
        for sale in self._sales():
            if sale.phase not in (P.LOCKED, P.SPLIT):
                continue
            for decision in (D.RELEASE, D.REFUND):
                if shares := self._own(sale, decision):
                    await self._tell_all(sale, SaleShare(decision, shares))
                    await self._commit(sale, decision)

    async def sign_early(self) -> None:
        """Decisions about a pool in which nothing is."""
        for sale in self._sales():
            decision = self.random.choice((D.RELEASE, D.REFUND, D.SLASH, D.DELIVERED))
            if shares := self._own(sale, decision):
                await self._tell_all(sale, SaleShare(decision, shares))

    async def submit(self) -> None:
        """Anything, with the shares that it has and one missing or not."""
        for sale in self._sales():
            decision = self.random.choice([*descriptors_of(sale)])
            if decision is not D.LOCK:
                await self._commit(sale, decision)

    async def submit_late(self) -> None:
        """T1 with K, at the last moment or behind it."""
        for sale in self._sales():
            if not sale.secret or not self.knows.kept_back.get(commit_id(sale.lock)):
                continue
            left_us = decode_descriptor(sale.lock).deadline_us - self.host.clock.now_us()
            if left_us < CALL_S * US:
                await self._commit(sale, D.LOCK, (sale.secret,))

    async def show_key(self) -> None:
        """T1 with K, before all have signed."""
        for sale in self._sales():
            if sale.secret and sale.lock:
                await self._commit(sale, D.LOCK, (sale.secret,))

    async def decline(self) -> None:
        """What it may end early, whatever it has signed; an agent T1 as well."""
        for sale in self._sales():
            decision, preimage = may_decline(sale.role), decline_of(sale.seed)
            if sale.role is SaleRole.AGENT and sale.lock and self.random.random() < 0.5:
                decision, preimage = D.LOCK, lock_decline_of(sale.seed)
            if decision is not None:
                item = rpb.DecideItem()
                item.decline.descriptor = descriptor_of(sale, decision)
                item.decline.preimage = preimage
                await self._decide(item, sale)

    # ------------------------------------------------------------------ saying

    async def close(self) -> None:
        """Not any more, whenever it likes."""
        for sale in self._sales():
            why = self.random.choice((SaleReason.REFUSED, SaleReason.CREDENTIAL_BAD))
            await self._tell_all(sale, Closed(why))

    async def draw_other(self) -> None:
        """A buyer's other contract, which the house promises to keep: is it signed unread?"""
        for sale in self._sales():
            if sale.role is not SaleRole.BUYER or sale.phase > P.AGREEING:
                continue
            signed, agreement = other_contract(self.crook.identity.key, sale, self.random)
            house = contract_of(sale).house
            promise = await self._promised(house, OpenPool(signed, agreement))
            letters = tuple(letter for letter in sale.joins if letter)
            await self._tell_all(sale, Terms(signed, agreement, promise, letters))

    async def _promised(self, house: NodeId, op: OpenPool) -> bytes:
        asked, answer = await self.batch_answer(house, op)
        reply = read_reply(answer, asked)
        return reply.results[-1].promise if reply.results else b""

    # ------------------------------------------------------------------ at the house

    async def spend(self) -> None:
        """All that it has, into a hold of its own."""
        for own in self._accounts():
            token = self.random.randbytes(32)
            await self.batch(own.registrar, Offer(own.capability, ALL_OF_IT, token))

    async def seal(self) -> None:
        """Another vote than the one that it has sealed, or before it has."""
        for sale in self._sales():
            house = contract_of(sale).house
            await self.batch(house, SealVote(pool_of(sale), self.random.randbytes(32)))

    async def stake_again(self) -> None:
        """Its stake once more, or under a T1 that nobody else knows."""
        for sale in self._sales():
            if not sale.openings or sale.role not in STAKERS:
                continue
            if self.host.process is None:
                return
            (own,) = self._accounts()
            at, token = STAKERS.index(sale.role), self.random.randbytes(32)
            descriptor = decode_descriptor(sale.lock)
            if self.random.random() < 0.5:
                descriptor = replace(descriptor, salt=self.random.randbytes(32))
            openings = tuple(map(Opening.decode, sale.openings))
            amount = contract_of(sale).pool.stake(sale.role)
            data = descriptor.encode()
            offer = Offer(own.capability, amount, token, commit_id(data))
            to_pool = pool_of(sale), data, openings[at], openings[-1]
            await self.batch(own.registrar, offer, Stake(own.terms, ResultOf(0), *to_pool))

    async def settle(self) -> None:
        """Tells the house that something was decided which was not."""
        for sale in self._sales():
            made = self._false(sale)
            with suppress(RpcError):
                await self.batch(contract_of(sale).house, Settle(made.certificate))

    async def shout(self) -> None:
        """The same to everybody."""
        for sale in self._sales():
            made = self._false(sale)
            for to in self._others(sale):
                with suppress(RpcError):
                    await self.post(to, made)

    def _false(self, sale: Sale) -> Decided:
        """A certificate of its own making, or one with the words of another."""
        decision = self.random.choice([*descriptors_of(sale)])
        data = descriptor_of(sale, decision)
        known = [d.certificate.statements for d in self.crook.known.values()]
        statements = self.random.choice(known) if known else self._made(data)
        if self.random.random() < 0.5:
            return Decided(AbortCertificate(data, statements))
        evidence = Evidence(self._own(sale, decision)).encode()
        return Decided(CommitCertificate(Commit(data, evidence), statements))

    def _made(self, data: bytes) -> tuple[SignedStatement, ...]:
        made = []
        for member in decode_descriptor(data).policy.members:
            words = Statement(member, commit_id(data), "example.net/crook", 1).encode()
            proof = sign(self.crook.identity.key, STATEMENT_KIND, words)
            made.append(SignedStatement(words, (proof,)))
        return tuple(made)
