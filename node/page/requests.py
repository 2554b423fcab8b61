"""One request at its payer's node: looked at, approved by a passkey, denied (escrow section 10).

What is approved is what stands on the page: the words that the passkey signs are made with the page
and come back with its form, and nothing is looked up again between the two.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Final
from weakref import WeakValueDictionary

import trio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.choosing_amount import NotChosen, choose, range_text
from node.control.context import store
from node.control.failure import ControlFailure, refuse
from node.control.reasons import named_reason
from node.core.people.rows import Confirmation, KnownRequester
from node.page import shown
from node.page.desk import Desk, require_passkey, whole
from node.page.frame import Frame, NoForm, see_other
from node.page.outcome import Outcome
from node.page.progress import Progress
from node.page.visits import Visit
from node.pay_options import PayOptions
from node.people.preparing import Care, Prepared
from proto.approval import MAX_APPROVAL_BYTES, Approved
from proto.reason import Reason
from proto.request import PaymentRequest
from proto.wire import WireFault

MAX_REASONS: Final = 6  # of why no way was found: what people read of such a list
LOUD: Final = frozenset({Care.NAME_OF_ANOTHER, Care.NAME_CHANGED, Care.DOMAIN_CHANGED})


class Requests:
    """/requests/ID and what is done there."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._desk = Desk(frame)
        self._progress = Progress(self._desk)
        self._outcome = Outcome(self._desk)
        # One form of a request after the other: of those sent at once the first approves, and the
        # others see that it has. None is kept longer than somebody waits for it.
        self._approving: WeakValueDictionary[bytes, trio.Lock] = WeakValueDictionary()

    def routes(self) -> list[BaseRoute]:
        personal = self._frame.personal
        return [
            Route("/requests/{id}", personal(self._show), methods=["GET"]),
            Route("/requests/{id}/approve", personal(self._approve), methods=["POST"]),
            Route("/requests/{id}/deny", personal(self._deny), methods=["POST"]),
            *self._outcome.routes(),
        ]

    async def _show(self, request: Request, visit: Visit) -> Response:
        row = await self._desk.own(request, visit)
        if row.phase.final:
            return await self._outcome.page(visit, row)
        if not row.phase.waiting:
            return self._progress.page(visit, row, whole=request.method == "HEAD")
        return await self._ask(visit, row, request.query_params.get("amount", ""))

    # ------------------------------------------------------------------ what is asked

    async def _ask(self, visit: Visit, row: Confirmation, given: str) -> Response:
        asked = self._desk.confirmations.request_of(row)
        fault, amount = "", None
        try:
            amount = await self._amount(asked, given)
        except ControlFailure as failure:
            fault = failure.message
        except NotChosen as failure:
            fault = str(failure)
        prepared = await self._desk.confirmations.prepare(row, visit.person.id, amount)
        chooses = shown.is_choice(asked) and amount is None
        approval = b"" if not prepared.payable or visit.by_code else self._words(visit, prepared)
        return self._frame.page(
            "request",
            visit,
            row=row,
            asked=asked,
            prepared=prepared,
            shown=shown,
            purse=self._desk.purse(visit, asked.brand),
            requester=self._requester(asked),
            proven=shown.is_proven(asked, prepared),
            loud=LOUD,
            chooses=chooses,
            given=given,
            fault=fault,
            range_text=range_text(asked),
            why=None if chooses or prepared.because is None else self._why(prepared),
            reasons=self._reasons(prepared),
            approval=b64encode(approval).decode(),
            options=self._options(visit, approval),
        )

    async def _amount(self, asked: PaymentRequest, given: str) -> int | None:
        """What the payer has chosen; None: the request leaves no choice, or nothing is chosen yet.

        Raises ControlFailure, NotChosen for a number that the request does not take.
        """
        if asked.fees_by_payee:
            if asked.payee == self._frame.context.identity.key.node_id:
                return asked.amount  # booked here, where nobody takes a fee
            choice = await choose(self._frame.context.payer.plan, asked, PayOptions())
            return choice.amount
        if not asked.amount_min or not given:
            return None
        amount = whole("amount", given)
        if not asked.takes_amount(amount):
            cause = f"It takes {range_text(asked)}, not {amount}."
            raise ControlFailure("BAD_ARGUMENT", cause)
        return amount

    def _words(self, visit: Visit, prepared: Prepared) -> bytes:
        return prepared.approval(visit.person.id, self._frame.config.rp_id).encode()

    def _options(self, visit: Visit, approval: bytes) -> str:
        return self._frame.proving.approval_options(visit, approval) if approval else ""

    def _requester(self, asked: PaymentRequest) -> KnownRequester | None:
        """Whoever asks in the payee's name, if this node's operator knows the key."""
        if asked.requester is None:
            return None
        memory = self._frame.context.engine.memory
        row = memory.row((KnownRequester.table, asked.requester.key, b""))
        return row if isinstance(row, KnownRequester) and not row.ended_at_us else None

    def _why(self, prepared: Prepared) -> shown.Why:
        assert prepared.because is not None
        return shown.why(prepared.because, prepared.request.brand.name)

    def _reasons(self, prepared: Prepared) -> list[str]:
        """What the path finder says, for those who want to know."""
        if prepared.no is None:
            return []
        context, brand = self._frame.context, prepared.request.brand
        found = [named_reason(context, r, brand)["text"] for r in prepared.no.reasons]
        return found[:MAX_REASONS]

    # ------------------------------------------------------------------ what is answered

    async def _approve(self, request: Request, visit: Visit) -> Response:
        fields = await self._frame.form(request, visit)
        row = await self._desk.own(request, visit)
        require_passkey(visit, "Approving takes a passkey.")
        approval = _approval(fields.get("approval", ""))
        async with self._approving.setdefault(row.id, trio.Lock()):
            row = await self._desk.own(request, visit)
            if row.phase.waiting:
                await self._give(visit, row, approval, fields.get("assertion", ""))
        return see_other(f"/requests/{row.id.hex()}")  # which shows how it is

    async def _give(self, visit: Visit, row: Confirmation, approval: bytes, assertion: str) -> None:
        """Durable when it returns, or the request is over. Raises NoForm, ControlFailure."""
        proof = await self._frame.proving.approved(visit, approval, assertion)
        try:
            answer = self._desk.confirmations.approve(
                row.id, visit.person.id, Approved(approval, proof)
            )
            refusal = await store(answer)
        except WireFault as fault:
            raise NoForm("It holds no approval.") from fault
        # Answered meanwhile, at another process, or over: the page shows how.
        if refusal is not None and refusal.reason is not Reason.CONFIRMATION_ENDED:
            said = shown.why(refusal, row.brand.name)
            raise ControlFailure(
                refusal.reason.name, f"{said.text} {shown.NOTHING_HELD}", said.step, refusal.figure
            )

    async def _deny(self, request: Request, visit: Visit) -> Response:
        await self._frame.form(request, visit)
        row = await self._desk.own(request, visit)
        refusal = await store(self._desk.confirmations.deny(row.id, visit.person.id))
        # Answered or over already: the page shows how.
        if refusal is not None and refusal.reason is not Reason.CONFIRMATION_ENDED:
            refuse(refusal)
        return see_other(f"/requests/{row.id.hex()}")


def _approval(text: str) -> bytes:
    if len(text) > 2 * MAX_APPROVAL_BYTES:
        raise NoForm("It is too long.")
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise NoForm("It holds no approval.") from error
