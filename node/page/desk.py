"""What the pages about money share: one's own request by its id, and reading the disk for it."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from node.control.context import store
from node.control.failure import ControlFailure, refuse
from node.control.settled import answering
from node.core.people.rows import Confirmation, ConfirmationPhase, Purse
from node.page.frame import Frame
from node.page.visits import Visit
from node.people.confirmations import Confirmations
from proto.money import Brand

ID_DIGITS: Final = 32
MAX_DIGITS: Final = 19  # of the largest amount
BY_CODE: Final = (
    "This session was opened by a recovery code, which lets you look and add a passkey, and"
    " nothing that speaks for you."
)

RESTING: Final = (
    "The passkey that opened this session came by a recovery code. For a while it lets you look,"
    " and nothing that speaks for you: Account says until when."
)


class Desk:
    """Finds what belongs to a visitor. Owned by trio."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.context = frame.context

    @property
    def confirmations(self) -> Confirmations:
        return self.context.confirmations

    async def own(self, request: Request, visit: Visit) -> Confirmation:
        """The confirmation that the path names. Whoever opens one that nobody has is its person.

        What is another's, what is unknown and what is no id are one answer: nothing is there.
        """
        row = self._find(request, visit)
        if not row.person or row.phase is ConfirmationPhase.RECEIVED:
            refusal = await store(self.confirmations.present(row.id, visit.person.id))
            if refusal is not None and refusal.reason.name == "CONFIRMATION_UNKNOWN":
                raise HTTPException(404)  # somebody else was there first
            refuse(refusal)
            row = self._find(request, visit)
        return row

    def _find(self, request: Request, visit: Visit) -> Confirmation:
        with answering():
            row = self.confirmations.find_of(path_id(request), visit.person.id)
        if row is None:
            raise HTTPException(404)
        return row

    async def certain(self) -> None:
        """Returns once what memory shows is on the disk: nobody is told what a crash takes back."""
        if self.context.engine.is_ahead:
            await store(self.context.engine.durable())

    def purse(self, visit: Visit, brand: Brand) -> Purse:
        """The visitor's account in a brand; an empty one where there is none."""
        row = self.context.engine.memory.row((Purse.table, visit.person.id, brand.guid))
        return row if isinstance(row, Purse) else Purse(visit.person.id, brand.guid, brand)

    def purses(self, visit: Visit) -> list[Purse]:
        """All of the visitor's accounts, by name."""
        rows = self.context.engine.memory.of_person(visit.person.id)
        return sorted(
            (r for r in rows if isinstance(r, Purse)), key=lambda p: (p.brand.name, p.guid)
        )


def path_id(request: Request) -> bytes:
    """The 16 bytes that the path names; 404 for everything that is no id."""
    text = str(request.path_params["id"])
    if len(text) != ID_DIGITS or not set(text) <= set("0123456789abcdef"):
        raise HTTPException(404)
    return bytes.fromhex(text)


def require_passkey(visit: Visit, what: str) -> None:
    """Refuses a session that a recovery code has opened. `what`: half a sentence."""
    if visit.by_code:
        raise ControlFailure(
            "SESSION_BY_CODE",
            f"{BY_CODE} {what}",
            "Add a passkey under Account, then log in with it.",
        )


def require_rested(visit: Visit, what: str) -> None:
    """As `require_passkey`; and refuses one whose passkey came by a recovery code and rests."""
    require_passkey(visit, what)
    if visit.rests_until_us:
        raise ControlFailure("SESSION_RESTS", RESTING, "Log in with another passkey, or wait.")


def whole(name: str, text: str) -> int:
    """A natural number as people write one: spaces may group it. ControlFailure."""
    plain = "".join(text.split())
    if not plain.isascii() or not plain.isdigit() or len(plain) > MAX_DIGITS:
        cause = f"{name} must be a whole number of smallest units, not {text[:40]!r}"
        raise ControlFailure("BAD_ARGUMENT", cause, "Go back and correct it.")
    return int(plain)
