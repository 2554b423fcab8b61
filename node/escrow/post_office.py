"""Says letters and batches until they are answered. The rows are the outbox (escrow section 9).

A letter is signed when it leaves: the signature is the same each time, and a row that was written
before a crash is said by whichever process comes after it.
"""

import logging
from functools import partial
from typing import Final

import trio

from node.core.effects import Deliver
from node.core.escrow.events import LetterTaken, RegistrarSaid
from node.core.escrow.rows import Letter, LetterKind
from node.engine import Engine
from node.escrow.ways import Ways
from proto.card import NodeCard, read_card
from proto.envelope import Envelope
from proto.escrow.batch import BATCH_KIND, read_batch, read_reply
from proto.escrow.letters import is_receipt, letter_id, sign_letter
from proto.keys import SigningKey
from proto.wire import WireFault
from runtime.clock import Clock
from runtime.rpc_client import RpcError

log = logging.getLogger(__name__)

MAX_AT_ONCE: Final = 64  # calls under way; each waits for somebody else's disk


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
        self._room = trio.CapacityLimiter(MAX_AT_ONCE)
        self._under_way: set[bytes] = set()

    def deliver(self, errand: Deliver) -> None:
        """Says the letter of this row, unless it is being said just now."""
        if errand.letter not in self._under_way:
            self._under_way.add(errand.letter)
            self._nursery.start_soon(self._say, errand.letter)

    async def _say(self, letter: bytes) -> None:
        try:
            async with self._room:
                row = self._engine.memory.row((Letter.table, letter, b""))
                if isinstance(row, Letter) and not row.answered:
                    await self._ask(row)
        finally:
            self._under_way.discard(letter)

    async def _ask(self, row: Letter) -> None:
        try:
            card = read_card(row.card, self._clock.now_us())
            if row.kind is LetterKind.LETTER:
                await self._post(row, card)
            else:
                await self._batch(row, card)
        except RpcError as error:
            log.info("%s does not answer: %s", row.receiver.hex()[:8], error)
        except WireFault as fault:
            log.warning("%s answers what nobody can read: %s", row.receiver.hex()[:8], fault)

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
