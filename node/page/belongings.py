"""What a visitor owns beside money: its accounts at registrars, and what each says is in them."""

from dataclasses import dataclass
from typing import Final

import trio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.control.failure import ControlFailure
from node.core.escrow.rows import Account
from node.page import shown
from node.page.desk import Desk
from node.page.frame import Frame
from node.page.visits import Visit
from proto.card import read_card
from proto.escrow.rights import Right, read_right

MAX_SHOWN: Final = 50  # registrars that are asked for one page
# A page does not wait for a registrar that is slow: the rest of what one owns is there at once.
PATIENCE_S: Final = 3.0


@dataclass(slots=True)
class Belonging:
    """One account. `amount`: what its registrar says now; None where it does not, and `why`."""

    account: Account
    right: Right
    keeper: str
    amount: int | None = None
    why: str = "its registrar does not answer just now"


class Belongings:
    """/belongings."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._desk = Desk(frame)

    def routes(self) -> list[BaseRoute]:
        return [Route("/belongings", self._frame.personal(self._list), methods=["GET"])]

    async def _list(self, request: Request, visit: Visit) -> Response:
        exchanging = self._desk.confirmations.exchanging
        rows = exchanging.belongings(visit.person.id) if exchanging is not None else []
        found = [self._told(row) for row in rows[:MAX_SHOWN]]
        with trio.move_on_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                for one in found:
                    nursery.start_soon(self._ask, one)
        more = len(rows) > MAX_SHOWN
        return self._frame.page("belongings", visit, things=found, more=more, shown=shown)

    def _told(self, row: Account) -> Belonging:
        keeper = read_card(row.card, self._frame.context.clock.now_us()).alias
        return Belonging(row, read_right(row.right), keeper)

    async def _ask(self, one: Belonging) -> None:
        exchanging = self._desk.confirmations.exchanging
        assert exchanging is not None
        try:
            one.amount = await exchanging.balance(one.account)
        except ControlFailure as failure:
            one.why = failure.message or failure.code
