"""Word to those who asked: what a notice says, which keys sign it, and what a try has come to.

A notice is a hint and no proof: it leads to the receipt. Its row says when it is said again
(node/core/people/notices.py); a crash between a delivery and the row's change says it once more
under the same id, which its receiver passes over.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Final

import trio

from node.control.context import Context
from node.core.people.events import NoticeSaid
from node.core.people.rows import Confirmation, ConfirmationPhase, Notice
from node.page_config import PageConfig
from node.people.delivering import Delivering, Outcome, Outgoing
from node.people.waiting import Waiting
from proto.keys import SigningKey
from proto.webhook import webhook_key
from runtime.faults import StoreFailed
from runtime.web_client import WebClient

TYPES: Final = {
    ConfirmationPhase.COMMITTED: "payment.committed",
    ConfirmationPhase.DENIED: "payment.denied",
    ConfirmationPhase.EXPIRED: "payment.expired",
}


def signing_keys(seed: bytes, number: int) -> tuple[SigningKey, ...]:
    """The keys that sign webhooks now, the newest first; `seed`: of the node's identity.

    The one before signs too, so that receivers may learn the new one at any time until the next.
    """
    return tuple(webhook_key(seed, n) for n in (number, number - 1) if n >= 0)


def receipt_url(origin: str, waiting: Waiting, confirmation: bytes) -> str:
    """Where a requester fetches the receipt; nobody else can know the place."""
    return f"{origin}/back/requests/{waiting.marks.poll_of(confirmation).hex()}/receipt"


def notice_body(notice: Notice, request_id: bytes, receipt: str) -> bytes:
    """Thin on purpose: what it says is believed once the receipt has said it.

    `receipt`: its URL; a denied or expired request has none, and says null.
    """
    paid = notice.phase is ConfirmationPhase.COMMITTED
    told = {
        "type": TYPES[notice.phase],
        "request_id": request_id.hex(),
        "receipt_url": receipt if paid else None,
    }
    return json.dumps(told, separators=(",", ":")).encode()


class Notifying:
    """Says notices as the core asks for it. Owned by trio; `run` ends when it is cancelled."""

    def __init__(self, context: Context, page: PageConfig, client: WebClient) -> None:
        self._context = context
        self._origin = page.origin
        self._keys = signing_keys(context.identity.key.seed, page.webhook_key)
        self._delivering = Delivering(client, self._signing, context.clock, self._told)

    def _signing(self) -> Sequence[SigningKey]:
        return self._keys

    @property
    def under_way(self) -> int:
        """How many tries are being made, or wait for their turn."""
        return self._delivering.under_way

    async def run(self) -> None:
        """Makes the tries."""
        await self._delivering.run()

    def say(self, notice: bytes) -> None:
        """A notice's row is due. One that is under way, or for which there is no room, is left:
        its row comes back to it."""
        waiting = self._context.confirmations
        row = self._context.engine.memory.row((Notice.table, notice, b""))
        if not isinstance(row, Notice) or row.ended_at_us:
            return
        try:
            confirmation = waiting.find(row.confirmation)
        except StoreFailed:
            return  # the disk may answer when it is next due
        assert isinstance(confirmation, Confirmation), row.confirmation.hex()
        request_id = waiting.request_of(confirmation).request_id
        body = notice_body(row, request_id, receipt_url(self._origin, waiting, confirmation.id))
        self._delivering.offer(Outgoing(row.id.hex(), row.url, body))

    async def _told(self, outgoing: Outgoing, outcome: Outcome) -> None:
        await trio.lowlevel.checkpoint()
        if outcome is Outcome.FAILED:
            return  # its row knows when it is due again
        said = partial(
            NoticeSaid,
            notice=bytes.fromhex(outgoing.notice_id),
            ended=True,
            delivered=outcome is Outcome.DELIVERED,
        )
        self._context.engine.submit(said)
