"""What an exchange means for one seat: what it gives, gets, wants and signs, and what it risks."""

from typing import Any

from node.control.context import Context
from node.escrow.judging import plan_of
from node.escrow.plan import Plan, PlannedSeat
from proto.card import read_card
from proto.escrow.legs import Leg
from proto.escrow.proposal import Proposal
from proto.limits import US


def plan_json(context: Context, proposal: Proposal, plan: Plan) -> list[dict[str, Any]]:
    """Each seat of it. Of ours also what it means, in words."""
    own = context.identity.node
    return [
        {
            "seat": seat.name,
            "ours": seat.node == own,
            "gives": list(seat.gives),
            "receives": list(seat.receives),
            "wants": list(seat.wants),
            "signs": seat.commits,
            "fees_at_most": _fees(context, proposal, seat),
            "risk": risk_of(context, proposal, seat) if seat.node == own else None,
        }
        for seat in plan.seats
    ]


def compiled(context: Context, proposal: Proposal) -> list[dict[str, Any]] | None:
    """As `plan_json`, by compiling it anew; None where it is not safe, or not what it says."""
    plan = plan_of(proposal)
    return None if plan is None else plan_json(context, proposal, plan)


def _fees(context: Context, proposal: Proposal, seat: PlannedSeat) -> list[dict[str, Any]]:
    """What registrars keep at most of what it receives."""
    legs = [leg for leg in proposal.legs if leg.no in seat.receives and leg.fee_max]
    return [{"leg": leg.no, "amount": leg.fee_max} for leg in legs]


def risk_of(context: Context, proposal: Proposal, seat: PlannedSeat) -> str:
    """One or two sentences: what can happen to whoever sits there."""
    gives = [leg for leg in proposal.legs if leg.no in seat.gives]
    said = [_outcome(seat)]
    if gives:
        said.append(
            f"What you give is locked for {_span(proposal.within_us // US)} at most after everybody"
            " has joined, longer only while the registry does not answer."
        )
    said.append(_trust(context, proposal, [leg for leg in proposal.legs if _concerns(leg, seat)]))
    return " ".join(said)


def _span(seconds: int) -> str:
    """In the largest unit that leaves at least two of it: 90 s, 30 min, 48 h, 7 d."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _concerns(leg: Leg, seat: PlannedSeat) -> bool:
    return leg.no in (*seat.gives, *seat.receives, *seat.wants)


def _outcome(seat: PlannedSeat) -> str:
    if not seat.gives:
        return "You give nothing, and get it all or nothing."
    if seat.commits:
        return (
            "Nothing of yours moves before all that you get and want is promised and your node has"
            " signed; you end with all of that, or with what you gave."
        )
    return (
        "You get nothing and sign nothing: by accepting you agree that it is given as soon as"
        " everybody who receives has signed; else it returns."
    )


def _trust(context: Context, proposal: Proposal, legs: list[Leg]) -> str:
    cards = [read_card(text, proposal.created_at_us) for text in proposal.registrars]
    concerned = {leg.registrar for leg in legs}
    keepers = [card.alias for card in cards if card.node in concerned]
    names = [context.policy_name(policy) for policy in proposal.policies]
    deciders = " or ".join(names)
    kept = f" {', '.join(keepers)} for the rights kept there, and" if keepers else ""
    return f"You rely on{kept} {deciders} for deciding once; on nobody else."
