"""Word to requesters that something has ended: rows that are said until they are taken."""

from hashlib import blake2b
from typing import Final, Protocol

from node.core.effects import Answer, Notify
from node.core.keyed import Key, replace
from node.core.people.events import NoticeAgain, NoticeSaid
from node.core.people.rows import Confirmation, KnownRequester, Notice
from node.core.rows import Row
from node.core.view import Step
from proto.limits import US
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest

# Standard Webhooks: at once, then after these, and for some days.
RETRIES_S: Final = (
    *(5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000),
    *(86_400, 86_400, 86_400),
)
JITTER: Final = 10  # up to a tenth more, so that many do not come back at one moment
NOTICE: Final = "notify"
WAY_BACK: Final = "return"


def urls_of(requester: KnownRequester, use: str) -> frozenset[str]:
    """The URLs that the operator has entered for this key and use."""
    lines = (line.partition(" ") for line in requester.urls.split("\n"))
    return frozenset(url for named, _, url in lines if named == use)


class Rows(Protocol):
    """Where rows are looked up: a step of the core, or what memory shows."""

    def row(self, key: Key, /) -> Row | None:
        """The row of this key, if there is one."""
        ...


def is_registered(rows: Rows, requester: bytes) -> bool:
    """Whether the operator has entered this key."""
    known = rows.row((KnownRequester.table, requester, b""))
    return isinstance(known, KnownRequester) and not known.ended_at_us


def allowed_url(rows: Rows, confirmation: Confirmation, request: PaymentRequest, use: str) -> str:
    """The one that the request names, if it is registered for the key that brought it; or ""."""
    known = rows.row((KnownRequester.table, confirmation.requester, b""))
    if not isinstance(known, KnownRequester) or known.ended_at_us or request.requester is None:
        return ""
    named = request.requester.notify_url if use == NOTICE else request.requester.return_url
    return named if named and named in urls_of(known, use) else ""


def tell_requester(step: Step, confirmation: Confirmation, request: PaymentRequest) -> None:
    """A notice row, where it can be told. A crash after this change says it when it starts."""
    url = allowed_url(step, confirmation, request, NOTICE)
    if not url:
        return
    made = blake2b(confirmation.id, digest_size=16, person=b"notice").digest()
    notice = Notice(
        id=made,
        confirmation=confirmation.id,
        phase=confirmation.phase,
        url=url,
        created_at_us=step.now_us,
        next_at_us=step.now_us + _pause_us(made, 0),
    )
    step.put(notice)
    step.effects.append(Notify(made))


def _pause_us(notice: bytes, tries: int) -> int:
    pause_us = RETRIES_S[min(tries, len(RETRIES_S) - 1)] * US
    spread = int.from_bytes(blake2b(notice + bytes((tries,)), digest_size=2).digest(), "big")
    return pause_us + pause_us * spread // (JITTER << 16)


def notice_due_us(notice: Notice) -> int | None:
    return None if notice.ended_at_us else notice.next_at_us


def say_again(step: Step, notice: Notice) -> None:
    """Due and not taken yet: once more, or never again."""
    if notice.ended_at_us or notice.next_at_us > step.now_us:
        return
    tries = notice.tries + 1
    if tries > len(RETRIES_S):
        step.put(replace(notice, tries=tries, ended_at_us=step.now_us))
        return
    next_at_us = step.now_us + _pause_us(notice.id, tries)
    step.put(replace(notice, tries=tries, next_at_us=next_at_us))
    step.effects.append(Notify(notice.id))


def notice_said(step: Step, event: NoticeSaid) -> None:
    row = step.row((Notice.table, event.notice, b""))
    if isinstance(row, Notice) and event.ended and not row.ended_at_us:
        step.put(replace(row, ended_at_us=step.now_us, delivered=event.delivered))


def notice_again(step: Step, event: NoticeAgain) -> Answer:
    """From the first try on, with the id that it always had: who has it already passes it over."""
    row = step.row((Notice.table, event.notice, b""))
    if not isinstance(row, Notice):
        return Answer(Refusal(Reason.CONFIRMATION_UNKNOWN))
    next_at_us = step.now_us + _pause_us(row.id, 0)
    step.put(replace(row, tries=0, next_at_us=next_at_us, ended_at_us=0, delivered=False))
    step.effects.append(Notify(row.id))
    return Answer()
