"""Where letters arrive: cheap checks, then the signature, then the core; the receipt comes last."""

import logging
from contextlib import suppress
from dataclasses import replace
from typing import Final

import grpc

from node.core.escrow.rows import Deal, Seat, SeatPhase
from node.core.rows import Transaction
from node.core.sale.dispatch import is_early as sale_is_early
from node.core.sale.rows import Sale, SalePhase
from node.engine import Engine, StoreUnavailable
from node.escrow.judging import Judge
from node.memory import Memory
from proto.envelope import Envelope
from proto.escrow.letters import (
    LETTER_KIND,
    Body,
    Dossier,
    Give,
    Invite,
    Letter,
    OfSale,
    Receive,
    letter_id,
    read_letter,
)
from proto.escrow.proposal import read_proposal
from proto.escrow.receipts import sign_receipt
from proto.keys import SigningKey
from proto.limits import MAX_LETTER_BYTES, US
from proto.sale.letters import Asked, Offered, decode_words
from proto.sale.stakes import SaleRole
from proto.v1 import types_pb2
from proto.wire import WireFault
from runtime.away import run_away
from runtime.buckets import LOCAL, Buckets, prefix_of
from runtime.clock import Clock
from runtime.rpc import CallContext, RpcRefused, Service, Unary

log = logging.getLogger(__name__)

SERVICE_NAME: Final = "pledgeway.v1.Escrow"
LETTERS_PER_S: Final = 200  # of one network: twenty exchanges a second of one coordinator
LETTERS_BURST: Final = 1000
INVITES_PER_S: Final = 5  # of one network: each is kept until its owner has seen it, or it expires
INVITES_BURST: Final = 200
MAX_INVITED: Final = 4096  # seats whose terms are not fixed: 50 KB each, the largest of them
MAX_OFFERED: Final = 1024  # sales of others to which nobody is bound: 30 KB each, the largest
MAX_DEALS: Final = 4096  # live ones that we look after
COUNTED_FOR_US: Final = US  # all rows are counted so often; in between what comes is added
MAX_LETTER_AGE_US: Final = 30 * 86_400 * US  # escrow section 9: then its effect is long forgotten
MAX_AHEAD_US: Final = 60 * US  # a sender's clock; more would be a letter for another day

INVALID: Final = grpc.StatusCode.INVALID_ARGUMENT
EXHAUSTED: Final = grpc.StatusCode.RESOURCE_EXHAUSTED
UNAVAILABLE: Final = grpc.StatusCode.UNAVAILABLE


class Desk:
    """Handlers run on trio."""

    def __init__(self, engine: Engine, key: SigningKey, judge: Judge, clock: Clock) -> None:
        self._engine = engine
        self._key = key
        self._judge = judge
        self._clock = clock
        self._letters = Buckets(LETTERS_PER_S, LETTERS_BURST)
        self._invites = Buckets(INVITES_PER_S, INVITES_BURST)
        self._room = Room(engine.memory)

    def methods(self) -> Service:
        """The gRPC service."""
        post = Unary(types_pb2.Envelope, types_pb2.Envelope, self.post)
        return Service(SERVICE_NAME, {"Post": post})

    async def post(self, request: types_pb2.Envelope, context: CallContext) -> types_pb2.Envelope:
        """RpcRefused: INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAVAILABLE."""
        caller, now_us = prefix_of(context.peer), self._clock.monotonic_us()
        if not self._letters.take(caller, 1, now_us):
            raise RpcRefused(EXHAUSTED, "too many letters: send it again in a second")
        signed = request.SerializeToString()
        if len(signed) > MAX_LETTER_BYTES or request.type != LETTER_KIND:
            raise RpcRefused(INVALID, f"a letter has at most {MAX_LETTER_BYTES} bytes")
        return types_pb2.Envelope.FromString(await self.take(signed, caller))

    async def take(self, signed: bytes, caller: str = LOCAL) -> bytes:
        """The receipt of a letter whose effect is durable. RpcRefused.

        `caller`: the part of the net that it comes from.
        """
        me = self._engine.memory.settings.node
        try:
            letter = await run_away(read_letter, signed, me)
        except WireFault as fault:
            raise RpcRefused(INVALID, str(fault)) from fault
        now_us = self._clock.now_us()
        if not now_us - MAX_LETTER_AGE_US <= letter.sent_at_us <= now_us + MAX_AHEAD_US:
            raise RpcRefused(INVALID, "the letter is not of these days: set the clock right")
        begins = _beginning(letter.body)
        if begins and not self._invites.take(caller, 1, self._clock.monotonic_us()):
            raise RpcRefused(EXHAUSTED, "too many invitations: send it again in a second")
        if begins and not self._room.take(begins, self._clock.monotonic_us()):
            raise RpcRefused(EXHAUSTED, "too many exchanges wait here: send it again later")
        if self._is_early(letter):
            raise RpcRefused(UNAVAILABLE, "the terms have not come yet: send it again")
        payload = Envelope.decode_unverified(signed).payload
        if isinstance(begins, Invite | Dossier):
            # Its two dozen signatures are verified once, and away from the loop; what follows reads
            # the node's memory, and so stays on it.
            await run_away(_known, begins.proposal)
        try:
            event = self._judge.judged(now_us, letter, payload)
        except WireFault as fault:
            raise RpcRefused(INVALID, str(fault)) from fault
        try:
            await self._engine.ask(lambda at_us: replace(event, now_us=at_us, signed=signed))
        except StoreUnavailable as error:
            raise RpcRefused(UNAVAILABLE, "the store refuses: send it again") from error
        return sign_receipt(self._key, letter.sender, letter_id(payload))

    def _is_early(self, letter: Letter) -> bool:
        """Whether it speaks of terms that no seat of ours has, while some wait for theirs. Letters
        overtake each other: a receipt for this one would lose it, and nobody would say it again."""
        body = letter.body
        if isinstance(body, OfSale):
            with suppress(WireFault):  # it is refused by who reads it next
                words = decode_words(body.words)
                return sale_is_early(self._engine.memory, letter.sender, words)
        if not isinstance(body, Give | Receive):
            return False
        memory = self._engine.memory
        known = memory.row((Transaction.table, body.commit, b""))
        deal = known.owner if isinstance(known, Transaction) else b""  # empty: a hop at most
        return any(
            seat.phase is SeatPhase.JOINED and seat.seat == body.seat and deal in (b"", seat.deal)
            for seat in memory.owned(Seat)
        )


class Room:
    """How many exchanges of others may still begin here. A seat and a deal are counted apart: what
    others give us to coordinate takes no room from what we are invited to.

    A seat that joined by itself counts as one that waits for its owner: until its terms are fixed,
    it costs whoever invited it nothing. So does a sale in which an agent took the case by itself.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._counted_us: int | None = None
        self._seats = self._deals = self._sales = 0

    def take(self, body: Body, now_us: int) -> bool:
        """Whether there is room for one more; then it is taken."""
        if self._counted_us is None or now_us - self._counted_us >= COUNTED_FOR_US:
            self._counted_us = now_us
            self._seats = sum(s.phase < SeatPhase.FIXED for s in self._memory.owned(Seat))
            sales = [s for s in self._memory.owned(Sale) if s.role is not SaleRole.BUYER]
            self._sales = sum(sale.phase < SalePhase.AGREEING for sale in sales)
            self._deals = sum(not deal.phase.final for deal in self._memory.owned(Deal))
        if isinstance(body, Dossier):
            self._deals += 1
            return self._deals <= MAX_DEALS
        if isinstance(body, OfSale):
            self._sales += 1
            return self._sales <= MAX_OFFERED
        self._seats += 1
        return self._seats <= MAX_INVITED


def _beginning(body: Body) -> Body | None:
    """The body of a letter that begins something here, of which there is only so much room."""
    if isinstance(body, Invite | Dossier):
        return body
    if isinstance(body, OfSale):
        with suppress(WireFault):
            return body if isinstance(decode_words(body.words).body, Offered | Asked) else None
    return None


def _known(proposal: bytes) -> None:
    """Reads a proposal, so that reading it again costs nothing; one that does not hold is refused
    by who reads it next."""
    with suppress(WireFault):
        read_proposal(proposal)
