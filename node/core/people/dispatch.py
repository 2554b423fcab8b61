"""One table of what can happen to the accounts of people, and who sees to it."""

from typing import assert_never

from node.core.effects import Answer
from node.core.people.approving import approve_request
from node.core.people.confirming import (
    bring_request,
    deny_request,
    expire_confirmation,
    present_request,
)
from node.core.people.events import (
    ApproveRequest,
    BringRequest,
    DenyRequest,
    EndInvitation,
    EndPerson,
    EndSessions,
    JoinPerson,
    NoticeAgain,
    NoticeSaid,
    PeopleEvent,
    PresentRequest,
    RevokeMandate,
    SetPurseLimit,
    Transfer,
    UseCode,
)
from node.core.people.joining import (
    end_invitation,
    end_person,
    end_sessions,
    join_person,
    set_purse_limit,
    transfer,
    use_code,
)
from node.core.people.mandates import revoke_mandate
from node.core.people.notices import notice_again, notice_due_us, notice_said, say_again
from node.core.people.rows import Confirmation, Notice
from node.core.view import Step


def on_people_event(step: Step, event: PeopleEvent) -> Answer | None:
    """A refused or repeated one changes nothing."""
    match event:
        case BringRequest():
            return bring_request(step, event)
        case PresentRequest():
            return present_request(step, event)
        case DenyRequest():
            return deny_request(step, event)
        case ApproveRequest():
            return approve_request(step, event)
        case RevokeMandate():
            return revoke_mandate(step, event)
        case JoinPerson():
            return join_person(step, event)
        case UseCode():
            return use_code(step, event)
        case EndInvitation():
            return end_invitation(step, event)
        case EndSessions():
            return end_sessions(step, event)
        case EndPerson():
            return end_person(step, event)
        case SetPurseLimit():
            return set_purse_limit(step, event)
        case Transfer():
            return transfer(step, event)
        case NoticeSaid():
            notice_said(step, event)
        case NoticeAgain():
            return notice_again(step, event)
        case _:
            assert_never(event)
    return None


def people_due_us(row: Confirmation | Notice) -> int | None:
    """When this row is to be looked at again (absolute µs); None = it waits for no clock."""
    if isinstance(row, Notice):
        return notice_due_us(row)
    return row.expires_at_us + 1 if row.phase.waiting else None


def on_people_due(step: Step, row: Confirmation | Notice) -> None:
    """The time has come; what happened meanwhile decides whether it still matters."""
    if isinstance(row, Notice):
        say_again(step, row)
    else:
        expire_confirmation(step, row)
