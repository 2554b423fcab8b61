"""The course of an order: ask for the money, look what became of it, hand over once.

Two witnesses have to agree before anything is handed over: the receipt, which anybody can check,
and the shop's own node, which knows what came in. What a browser, a call or the buyer's node says
is a reason to look, and never more.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import trio
from asking import Terms, arguments
from bank import Bank, BankFault, Banks, Brought, read_account
from checking import Checker, Sold
from checking import Order as Wanted
from goods import handed, order_hash, total
from orders import Delivery, Order, Orders
from own_node import NodeFault, OwnNode

from proto.interaction import NONCE_BYTES, interaction_hash, same_hash
from proto.keys import NodeId, SigningKey
from proto.plain_text import from_base64
from proto.request import countersign, from_text, payee_signed, request_hash
from proto.submission import Submission, sign_submission

PAID: Final = "PAID"
COMMITTED: Final = "COMMITTED"
EXPIRED: Final = "EXPIRED"
WITHDRAWN: Final = "WITHDRAWN"
# Between the decision and the booking lie a few messages; what takes longer is found by the sweep.
BOOKED_WITHIN_S: Final = 5.0
AGAIN_S: Final = 0.1
BANK_S: Final = 3.0  # whatever it keeps from us, our own node has as well
SILENT_US: Final = 600_000_000  # a buyer's node that says nothing so long after the end has gone


class Unsold(Exception):
    """One line for the buyer: why nothing was ordered."""


class Selling:
    """Owned by trio. `key`: the requester's; `checker`: what the shop believes."""

    def __init__(
        self,
        terms: Terms,
        orders: Orders,
        node: OwnNode,
        banks: Banks,
        checker: Checker,
        key: SigningKey,
        now_us: Callable[[], int],
    ) -> None:
        self.terms = terms
        self.orders = orders
        self._node = node
        self._banks = banks
        self._checker = checker
        self._key = key
        self._now_us = now_us

    # ------------------------------------------------------------------ asking

    async def order(self, session: str, basket: Mapping[str, int], account: str) -> Order:
        """A new order, brought to the buyer's node. `session`: of the browser. Raises Unsold."""
        try:
            origin, name = read_account(account, plain=self.terms.plain)
            bank = await self._banks.find(origin)
            return await self._asked(session, dict(basket), bank, name, None)
        except (BankFault, NodeFault) as fault:
            raise Unsold(str(fault)) from fault

    async def refill(self, session: str, parent: Order) -> Order:
        """One more of what a standing approval pays. Raises Unsold."""
        try:
            bank = await self._banks.find(_origin(parent))
            return await self._asked(session, parent.things, bank, "", parent)
        except (BankFault, NodeFault) as fault:
            raise Unsold(str(fault)) from fault

    async def again(self, session: str, before: Order) -> Order:
        """The same once more, where it was not paid; `before` itself where it was after all.

        Our node takes the old request back first: nobody pays twice. Raises Unsold, also while it
        is being paid."""
        if await self.look(before) is not None:
            return before
        try:
            await self._withdraw(before)
            bank = await self._banks.find(_origin(before))
            return await self._asked(session, before.things, bank, "", None, before.request_hash)
        except (BankFault, NodeFault) as fault:
            raise Unsold(str(fault)) from fault

    async def _asked(
        self,
        session: str,
        basket: dict[str, int],
        bank: Bank,
        name: str,
        parent: Order | None,
        retry_of: bytes = b"",
    ) -> Order:
        number = secrets.token_hex(16)
        wanted = order_hash(number, basket, self.terms.brand)
        asked = arguments(self.terms, self._key.public, session, basket, wanted, bank.node, parent)
        if retry_of:
            asked["retry_of"] = retry_of.hex()
        made = await self._node.ask("request.create", **asked)
        signed = from_text(made["text"])
        order = Order(
            number=number,
            session=session,
            basket=json.dumps(basket),
            amount=total(basket),
            brand=bytes.fromhex(made["brand_id"]),
            order_hash=wanted,
            request_id=made["id"],
            request_hash=request_hash(payee_signed(signed)[0]),
            state=secrets.token_hex(16),
            nonce=secrets.token_bytes(NONCE_BYTES),
            endpoint=bank.requests,
            keys=json.dumps(bank.keys),
            expires_at_us=made["expires_at_us"],
            created_at_us=self._now_us(),
            parent="" if parent is None else parent.number,
        )
        # On the disk before anybody can pay it: a crash now leaves an order that is looked after.
        self.orders.add(order)
        try:
            brought = await self._bring(order, bank, name, signed)
        except BankFault:
            await self._withdraw(order)
            raise
        order = replace(
            order,
            approval_id=brought.approval_id,
            node_nonce=brought.node_nonce,
            approval_url=brought.approval_url,
            poll=brought.poll,
            called=int(brought.notify),
            expires_at_us=min(brought.expires_at_us, order.expires_at_us),
        )
        self.orders.brought(order)
        return order

    async def _bring(self, order: Order, bank: Bank, name: str, signed: bytes) -> Brought:
        submission = Submission(
            countersign(self._key, signed),
            name,
            order.nonce,
            order.state,
            self._now_us(),
            NodeId(bank.node),
        )
        return await self._banks.bring(bank, sign_submission(self._key, submission))

    async def _withdraw(self, order: Order) -> None:
        """Whoever has it: declined by its payee, nobody can pay it. NodeFault where it is being
        paid, and nothing is changed."""
        await self._node.ask("request.decline", id=order.request_id)
        self.orders.note(order.number, WITHDRAWN)

    # ------------------------------------------------------------------ coming back

    def comes_back(self, session: str, state: str, interaction: str) -> Order | None:
        """The order for which a browser comes back; None where it is not that browser, or not from
        there. It says nothing of money."""
        order = self.orders.find("state", state)
        if order is None or not order.approval_id or order.session != session:
            return None
        expected = interaction_hash(
            order.nonce, order.node_nonce, order.approval_id, order.endpoint
        )
        return order if same_hash(interaction, expected) else None

    # ------------------------------------------------------------------ looking

    async def look(self, order: Order) -> Delivery | None:
        """What was handed over for it, now or before; None where it is not proven to be paid."""
        if (done := self.orders.delivery(order)) is not None:
            return done
        said, note, receipt = await self._told(order)
        try:
            sold, why = await self._proven(order, receipt)
        except NodeFault as fault:
            sold, why = None, str(fault)
        if sold is not None:
            self._hand_over(order, sold)
            why = note = ""
        elif order.said == WITHDRAWN:
            said = WITHDRAWN  # by us, for good: it is not asked for again a second time
        elif note and self._now_us() > order.expires_at_us + SILENT_US:
            said = EXPIRED
        if said != order.said or (why or note) != order.note:
            self.orders.note(order.number, said, why or note)
        return self.orders.delivery(order)

    async def _told(self, order: Order) -> tuple[str, str, bytes]:
        """By the buyer's node: how it stands, what is wrong with that node, a receipt."""
        said, receipt = order.said, b""
        if not order.poll:
            return said, "", receipt
        with trio.move_on_after(BANK_S):
            try:
                said = (await self._banks.standing(order.poll)).phase
                if said == COMMITTED:
                    receipt = await self._banks.receipt(order.poll)
            except BankFault as fault:
                return said, str(fault), receipt
            return said, "", receipt
        return said, "Your node does not answer in time.", receipt

    async def is_due(self, order: Order) -> bool:
        """Whether it has to be looked at without being called: by our own node's word and clock, so
        that no stranger's slow node holds up the others."""
        if self._now_us() > order.expires_at_us:
            return True
        try:
            return await self._is_booked(order, 0)
        except NodeFault:
            return False

    async def _proven(self, order: Order, receipt: bytes) -> tuple[Sold | None, str]:
        """The proof, if there is one, or else why what was shown is none."""
        why = ""
        if receipt:
            result = self._check(order, receipt)
            if isinstance(result, Sold):
                if await self._is_booked(order, BOOKED_WITHIN_S):
                    return result, ""
                return None, "the receipt holds, and the shop's node has not got the money yet"
            why = result
        if not await self._is_booked(order, 0):
            return None, why
        # The money is here, and the buyer's node shows nothing that holds: our own does.
        own = await self._node.ask("request.receipt", id=order.request_id)
        result = self._check(order, from_base64(own["file"]))
        return (result, "") if isinstance(result, Sold) else (None, result)

    def _check(self, order: Order, receipt: bytes) -> Sold | str:
        wanted = Wanted(order.request_hash, order.amount, order.brand, order.order_hash)
        result = self._checker.check(receipt, wanted, self._now_us())
        return result if isinstance(result, Sold) else f"{result.why.name}: {result.text}"

    async def _is_booked(self, order: Order, within_s: float) -> bool:
        """Whether the shop's own node says that exactly this request was paid."""
        until = trio.current_time() + within_s
        while True:
            own = await self._node.ask("request.show", id=order.request_id)
            if own["phase"] == PAID:
                return bool(own["request_hash"] == order.request_hash.hex())
            if trio.current_time() >= until:
                return False
            await trio.sleep(AGAIN_S)

    def _hand_over(self, order: Order, sold: Sold) -> None:
        goods = "; ".join(handed(code, count) for code, count in order.things.items())
        self.orders.deliver(
            Delivery(
                sold.request_hash,
                order.number,
                self._now_us(),
                sold.rests_on.name,
                goods,
                sold.receipt,
            )
        )


def _origin(order: Order) -> str:
    """Of the buyer's node."""
    return "/".join(order.endpoint.split("/", 3)[:3])
