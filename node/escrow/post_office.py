"""Says letters and batches until they are answered. The rows are the outbox (escrow section 9).

A letter is signed when it leaves: the signature is the same each time, and a row that was written
before a crash is said by whichever process comes after it.
"""

import logging
from functools import partial

import trio

from node.core.effects import Deliver
from node.core.escrow.events import LetterTaken, RegistrarSaid
from node.core.escrow.reading import proposal_of
from node.core.escrow.rows import Deal, Letter, LetterKind, Seat
from node.core.sale.rows import Sale
from node.engine import Engine
from node.escrow.faults import told
from node.escrow.turns import Turns
from node.escrow.ways import Ways
from proto.card import NodeCard, read_card
from proto.envelope import Envelope
from proto.escrow.batch import BATCH_KIND, read_batch, read_reply
from proto.escrow.letters import letter_id, sign_letter
from proto.escrow.receipts import is_receipt
from proto.keys import SigningKey
from proto.limits import MAX_SEATS
from proto.wire import WireFault
from runtime.clock import Clock
from runtime.rpc_client import RpcError, RpcFailed

log = logging.getLogger(__name__)


class PostOffice:
    """Owned by trio; every call under way is a task in `nursery`."""

    def __init__(
        self, engine: Engine, key: SigningKey, ways: Ways, clock: Clock, nursery: trio.Nursery
    ) -> None:
        self._engine = engine
        self._key = key
        self._ways = ways
        self._clock = clock
        self._nursery = nursery
        self._turns = Turns()

    def deliver(self, errand: Deliver) -> None:
        """Says the letter of this row when it is its turn, unless it waits for it already."""
        row = self._row(errand.letter)
        if row is not None:
            self._turns.add(row.id, row.receiver, self._is_ours(row))
            self._begin()

    def _row(self, letter: bytes) -> Letter | None:
        row = self._engine.memory.row((Letter.table, letter, b""))
        return row if isinstance(row, Letter) and not row.answered else None

    def _is_ours(self, row: Letter) -> bool:
        """Whether it belongs to what we proposed, or to a seat that we have taken."""
        memory = self._engine.memory
        deal = memory.row((Deal.table, row.deal, b""))
        if isinstance(deal, Deal) and proposal_of(deal).initiator == memory.settings.node:
            return True
        sale = memory.row((Sale.table, row.deal, b""))
        if isinstance(sale, Sale) and sale.seed:
            return True
        seats = (memory.row((Seat.table, row.deal, bytes((at,)))) for at in range(MAX_SEATS))
        return any(isinstance(seat, Seat) and bool(seat.seed) for seat in seats)

    def _begin(self) -> None:
        for letter in self._turns.begin():
            self._nursery.start_soon(self._say, letter)

    async def _say(self, letter: bytes) -> None:
        answered = True
        try:
            row = self._row(letter)
            if row is not None:
                answered = await self._ask(row)
        finally:
            self._turns.done(letter, answered=answered)
        self._begin()

    async def _ask(self, row: Letter) -> bool:
        """Whether anything was said to it."""
        try:
            card = read_card(row.card, self._clock.now_us())
        except WireFault as fault:
            log.warning("%s cannot be reached by its card: %s", row.receiver.hex()[:8], fault)
            return False
        try:
            if row.kind is LetterKind.LETTER:
                await self._post(row, card)
            else:
                await self._batch(row, card)
        except RpcError as error:
            log.info("%s does not answer: %s", row.receiver.hex()[:8], told(error))
            return isinstance(error, RpcFailed)
        except WireFault as fault:
            log.warning("%s answers what nobody can read: %s", row.receiver.hex()[:8], fault)
        return True

    async def _post(self, row: Letter, card: NodeCard) -> None:
        signed = sign_letter(self._key, row.payload)
        receipt = await self._ways.post(card, signed)
        if not is_receipt(receipt, row.receiver, self._key.node_id, letter_id(row.payload)):
            raise WireFault("no receipt for this letter")
        self._engine.submit(partial(LetterTaken, letter=row.id))

    async def _batch(self, row: Letter, card: NodeCard) -> None:
        asked = read_batch(row.payload)
        signed = Envelope.seal(self._key, BATCH_KIND, row.payload).encode()
        reply = read_reply(await self._ways.batch(card, signed), asked)
        refusal = reply.refusal
        said = partial(
            RegistrarSaid,
            letter=row.id,
            refused=int(refusal.error) if refusal is not None else 0,
            figure=refusal.figure if refusal is not None else 0,
            promise=reply.results[-1].promise if reply.results else b"",
        )
        self._engine.submit(said)
