"""How a request ended, the evidence of it to take along, and the way back to whoever asked."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.control.evidence_file import certificate_file, evidence_kind
from node.control.failure import ControlFailure
from node.control.receipts import confirmation_receipt, payment_of, receipt_json
from node.core.people.notices import WAY_BACK, allowed_url
from node.core.people.rows import Confirmation, ConfirmationPhase
from node.core.rows import Transaction
from node.page import shown
from node.page.back_channel import PLACE
from node.page.desk import Desk
from node.page.frame import see_other
from node.page.visits import Visit
from node.people.exchanging import Goods
from proto.interaction import NONCE_BYTES, interaction_hash, way_back
from proto.plain_text import from_base64
from proto.wire import WireFault


class Outcome:
    """/requests/ID of what is over, and its files."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._context = desk.context

    def routes(self) -> list[BaseRoute]:
        personal = self._desk.frame.personal
        return [
            Route("/requests/{id}/return", personal(self._return), methods=["GET"]),
            Route("/requests/{id}/receipt", personal(self._receipt), methods=["GET"]),
            Route("/requests/{id}/certificate", personal(self._certificate), methods=["GET"]),
        ]

    async def page(self, visit: Visit, row: Confirmation) -> Response:
        """Of a confirmation that is final."""
        await self._desk.certain()
        asked = self._desk.confirmations.request_of(row)
        paid, missing = self._paid(row)
        transaction = self._transaction(row)
        return self._desk.frame.page(
            "outcome",
            visit,
            row=row,
            asked=asked,
            shown=shown,
            purse=self._desk.purse(visit, row.brand),
            is_paid=row.phase is ConfirmationPhase.COMMITTED,
            why=shown.why_ended(row),
            rests_on=shown.RESTS_ON.get(str(paid.get("kind")), ""),
            missing=missing,
            commit=str(paid.get("commit_id") or ""),
            certificate=_has_certificate(transaction),
            back=bool(self._way_back(row)),
            goods=self._goods(row),
            requester=asked.requester.name if asked.requester else asked.payee_alias,
        )

    def _goods(self, row: Confirmation) -> Goods | None:
        """What was to come in return, while the exchange is kept."""
        if not row.seat:
            return None
        found = self._desk.confirmations.goods_of(row, row.person)
        return found if isinstance(found, Goods) else None

    def _paid(self, row: Confirmation) -> tuple[dict[str, Any], str]:
        """(what the receipt proves, "") or ({}, why there is none)."""
        if row.phase is not ConfirmationPhase.COMMITTED:
            return {}, ""
        try:
            return receipt_json(self._context, confirmation_receipt(self._context, row)), ""
        except ControlFailure as failure:
            return {}, failure.message[:1].upper() + failure.message[1:] + "."

    # ------------------------------------------------------------------ files

    async def _receipt(self, request: Request, visit: Visit) -> Response:
        row = await self._ended(request, visit)
        made = receipt_json(self._context, confirmation_receipt(self._context, row))
        return attached(from_base64(made["file"]), f"{row.id.hex()[:8]}.receipt")

    async def _certificate(self, request: Request, visit: Visit) -> Response:
        row = await self._ended(request, visit)
        transaction = self._transaction(row)
        if transaction is None or not _has_certificate(transaction):
            raise HTTPException(404)
        file = certificate_file(self._context, transaction)
        return attached(file, f"{row.id.hex()[:8]}.certificate")

    async def _ended(self, request: Request, visit: Visit) -> Confirmation:
        row = await self._desk.own(request, visit)
        if not row.phase.final:
            raise HTTPException(404)
        await self._desk.certain()
        return row

    def _transaction(self, row: Confirmation) -> Transaction | None:
        if not row.approved or row.settlement:
            return None
        payment = payment_of(self._context, row)
        return None if payment is None else self._context.settled.transaction(payment.commit)

    # ------------------------------------------------------------------ the way back

    async def _return(self, request: Request, visit: Visit) -> Response:
        row = await self._ended(request, visit)
        where = self._way_back(row)
        if not where:
            raise HTTPException(404)
        return see_other(where)

    def _way_back(self, row: Confirmation) -> str:
        """The registered URL of whoever brought it, with its own state and the hash over the place
        where it was brought; "" where none is registered, as one of the request's alone would be
        a stranger's."""
        asked = self._desk.confirmations.request_of(row)
        url = allowed_url(self._context.engine.memory, row, asked, WAY_BACK)
        if not url or len(row.nonce) != NONCE_BYTES:
            return ""
        nonce = self._desk.confirmations.marks.nonce_of(row.id)
        endpoint = self._desk.frame.config.origin + PLACE
        try:
            return way_back(url, row.state, interaction_hash(row.nonce, nonce, row.id, endpoint))
        except WireFault:
            return ""


def _has_certificate(transaction: Transaction | None) -> bool:
    return evidence_kind(transaction) not in (None, "commit")


def attached(data: bytes, name: str, media: str = "application/octet-stream") -> Response:
    """A file to be kept, never shown: `name` is ours."""
    disposition = f'attachment; filename="{name}"'
    return Response(data, 200, {"Content-Disposition": disposition}, media)
