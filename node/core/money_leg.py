"""What a money leg of an exchange is to its payee: a request that others decide about."""

from types import MappingProxyType
from typing import Final

from node.core.rows import Request, RequestPhase, replace
from node.core.total import whole_of
from node.core.view import Step

LEG_TRANSITIONS: Final = MappingProxyType(
    {
        # Of a bound request the decision is the registry's, whether or not its seat has signed.
        RequestPhase.OPEN: frozenset(
            {RequestPhase.SIGNED, RequestPhase.PAID, RequestPhase.DECLINED}
        ),
        RequestPhase.SIGNED: frozenset({RequestPhase.PAID, RequestPhase.DECLINED}),
        RequestPhase.PAID: frozenset[RequestPhase](),
        # Where the registry signed both ways, and the promisor has booked its debt.
        RequestPhase.DECLINED: frozenset({RequestPhase.PAID}),
    }
)


def covers(step: Step, request: Request) -> bool:
    """Whether the promises that are pending for a request are its whole amount."""
    return whole_of(request) == sum(p.amount for p in step.promises_for(request) if p.pending)


def sign_leg(step: Step, request: Request) -> None:
    """The seat of a bound request signs its share: nothing that is promised for it is given up
    from now on, whatever its payer asks for, until the registry has decided."""
    assert request.bound and covers(step, request)
    step.put(replace(request, phase=RequestPhase.SIGNED))


def end_leg(step: Step, request: Request) -> None:
    """The exchange was aborted: nobody pays this bound request any more."""
    if request.phase in (RequestPhase.OPEN, RequestPhase.SIGNED):
        step.put(replace(request, phase=RequestPhase.DECLINED, ended_at_us=step.now_us))
