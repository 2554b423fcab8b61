"""A payment while it runs: a page that is sent on as things happen, without any script.

The browser shows what has come so far. It ends with the payment, or after a while with a link to
look again: nobody's connection is held for a payment that waits for a registry all night.
"""

from dataclasses import dataclass, field
from typing import Final

import trio
from markupsafe import escape
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from node.control.goods import keys_of
from node.control.payments import payment_json
from node.control.receipts import payment_of
from node.core.escrow.rows import SeatPhase
from node.core.people.rows import Confirmation, ConfirmationPhase
from node.core.rows import Payment, Promise
from node.page import shown
from node.page.desk import Desk
from node.page.visits import Visit
from node.people.exchanging import Goods
from proto.levels import Level
from runtime.looks.words import plain, second, span

LASTS_S: Final = 60.0  # a payment takes seconds; one that does not is looked at again
MAX_STREAMS: Final = 64  # of all, each a connection and some 10 KB; the guard admits 256 requests
MAX_OF_PERSON: Final = 4  # tabs in which somebody watches
MARK: Final = (
    "\x00"  # where the page is cut in two: no template holds it, and no text that is shown
)
P = ConfirmationPhase


@dataclass(slots=True)
class Places:
    """How many watch at once, in all and of each person. Owned by trio."""

    taken: dict[bytes, int] = field(default_factory=dict)

    def take(self, person: bytes) -> bool:
        """Whether there is room; `leave` gives it back."""
        of_person = self.taken.get(person, 0)
        if of_person >= MAX_OF_PERSON or sum(self.taken.values()) >= MAX_STREAMS:
            return False
        self.taken[person] = of_person + 1
        return True

    def leave(self, person: bytes) -> None:
        left = self.taken[person] - 1
        if left:
            self.taken[person] = left
        else:
            del self.taken[person]


class Progress:
    """Pages of payments that have not ended."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.places = Places()

    def page(self, visit: Visit, row: Confirmation, *, whole: bool = False) -> Response:
        """What has happened and, while there is room and unless `whole`, what happens from now."""
        asked = self._desk.confirmations.request_of(row)
        text = self._desk.frame.text("progress", visit, row=row, asked=asked, mark=MARK)
        head, between, tail = text.split(MARK)
        if whole or not self.places.take(visit.person.id):
            told = Told(self._desk, row.id)
            end = again(row.id, "Other pages are open already.")
            return Response(head + told.news() + between + end + tail, media_type="text/html")
        return Streamed(self._desk, self.places, visit.person.id, row.id, (head, between, tail))


class Told:
    """What was said of one payment so far, so that each thing is said once."""

    def __init__(self, desk: Desk, confirmation: bytes) -> None:
        self._desk = desk
        self._id = confirmation
        self._said: list[str] = []

    def row(self) -> Confirmation:
        row = self._desk.confirmations.find(self._id)
        assert row is not None  # it was there when the page began, and none is forgotten
        return row

    def news(self) -> str:
        """List items of what is new; "" where nothing is."""
        found = [text for text in self._standing() if text not in self._said]
        self._said += found
        return "".join(f"<li>{escape(plain(text))}</li>\n" for text in found)

    def changed(self) -> trio.Event:
        """Set by the next durable change of any of its rows. Take it before reading them."""
        context = self._desk.context
        return context.engine.next_change(*keys_of(context, self.row()))

    def _standing(self) -> list[str]:
        row = self.row()
        payment = payment_of(self._desk.context, row)
        said = [f"{second(row.approved_at_us)}: you approved it."]
        if payment is not None and payment.because is not None and payment.attempt:
            reason = shown.why(payment.because, row.brand.name).text
            said.append(
                f"Try {payment.attempt} has ended without a payment, and nothing of it can be"
                f" redeemed any more. {reason}"
            )
        if row.phase is P.APPROVED and row.seat and payment is None:
            said += self._joining(row)
        elif row.phase is P.APPROVED:
            said.append("Looking for a way to the payee.")
        elif row.phase is P.ABORTED:
            said.append(f"Looking for another way, after try {row.attempt}.")
        elif row.phase is P.EXECUTING and payment is not None:
            said += self._promised(payment)
        return said

    def _joining(self, row: Confirmation) -> list[str]:
        """Before the money of an exchange moves."""
        said = ["Your place in the exchange is taken. Waiting for the others to take theirs."]
        goods = self._desk.confirmations.goods_of(row, row.person)
        if isinstance(goods, Goods) and goods.phase is SeatPhase.FIXED:
            said.append("Everybody has joined. The goods are being locked, and then the money.")
        return said

    def _promised(self, payment: Payment) -> list[str]:
        context = self._desk.context
        firsts = [
            p for p in context.engine.memory.promises_of(payment.commit)
            if isinstance(p, Promise) and p.owner == payment.id
        ]  # fmt: skip
        levels = sorted({Level(p.level) for p in firsts}, key=lambda level: level.safety_rank)
        named = ", ".join(f"{level.name}, {shown.LEVELS[level]}" for level in levels)
        said = [f"Try {payment.attempt}: promised ({named})." if named else "Promised."]
        waits = payment_json(context, payment).get("waits_for")
        if waits:
            text = f"Waiting for {waits['what']}"
            until = waits["until_us"]
            said.append(f"{text}; it is over by {second(until)}." if until else f"{text}.")
        return said


class Streamed(Response):
    """The page, piece by piece, until the payment has ended or LASTS_S have passed."""

    def __init__(
        self,
        desk: Desk,
        places: Places,
        person: bytes,
        confirmation: bytes,
        frame: tuple[str, str, str],
    ) -> None:
        """`places`: one was taken for `person`, and is given back at the end. `frame`: what comes
        before the list, between it and how it ends, and after that."""
        super().__init__(media_type="text/html")
        del self.headers["content-length"]
        # What stands between may collect an answer before it passes it on: proxies heed this.
        self.headers["X-Accel-Buffering"] = "no"
        self._desk = desk
        self._places = places
        self._person = person
        self._id = confirmation
        self._head, self._between, self._tail = frame

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_until_gone, receive, nursery.cancel_scope)
                await self._tell(send)
                nursery.cancel_scope.cancel()
        finally:
            self._places.leave(self._person)

    async def _tell(self, send: Send) -> None:
        status, headers = self.status_code, self.raw_headers
        await send({"type": "http.response.start", "status": status, "headers": headers})
        told = Told(self._desk, self._id)
        await self._piece(send, self._head)
        ends_s = trio.current_time() + LASTS_S
        while True:
            changed = told.changed()
            if text := told.news():
                await self._piece(send, text)
            row = told.row()
            if row.phase.final or trio.current_time() >= ends_s:
                break
            with trio.move_on_at(ends_s):
                await changed.wait()
        if row.phase.final:
            await self._desk.certain()
            row = told.row()
        end = ended(row) if row.phase.final else again(row.id, "It is still under way.")
        await self._piece(send, self._between + end + self._tail)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _piece(self, send: Send, text: str) -> None:
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _until_gone(receive: Receive, scope: trio.CancelScope) -> None:
    """Nobody reads any more: nothing is left to tell."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def ended(row: Confirmation) -> str:
    """Under the list: how it ended, and where that is written down."""
    done = row.phase is P.COMMITTED
    took = span(max(0, row.ended_at_us - row.approved_at_us))
    kind, title = ("yes", "Paid") if done else ("no", "Not paid")
    text = f"It took {took}." if done else f"{shown.why_ended(row)} Nothing is held any more."
    link = f'<a class="button solid" href="/requests/{row.id.hex()}">See the outcome</a>'
    return (
        f'<div class="banner {kind}"><h2>{title}</h2><p>{escape(plain(text.strip()))}</p></div>\n'
        f'<div class="buttons">{link}</div>\n'
    )


def again(confirmation: bytes, text: str) -> str:
    """Under a list that goes on elsewhere."""
    link = f'<a class="button" href="/requests/{confirmation.hex()}">Look again</a>'
    return f'<p class="quiet">{text}</p>\n<div class="buttons">{link}</div>\n'
