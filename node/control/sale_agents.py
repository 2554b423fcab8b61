"""Which agents one side of a sale accepts: by name, by their price, by their score."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, Final

from node.control import agents
from node.control.agent_names import find_agent, known_agents
from node.control.contacts import LEAST_DIGITS
from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.sale_view import agent_json
from node.sale.drafting import Accepts
from proto.limits import MAX_AMOUNT
from proto.sale.offer import MAX_RULE_AGENTS, AgentOffer, SaleOffer, read_agent_offer, read_rule

MAX_SCORE: Final = MAX_AMOUNT


@unique
class Unfit(Enum):
    """Why an agent is left out of a rule. A closed list."""

    OTHER_BRAND = "takes no sales in this deposit brand"
    BOND_TOO_LARGE = "stakes no bond of that size"
    EXPIRED = "his offer ends before this one does"
    A_PARTY = "has a part in the sale himself"
    TIP_TOO_HIGH = "asks for a higher tip"
    SCORE_TOO_LOW = "has a lower score"
    NO_SCORE = "his score cannot be had"
    TOO_MANY = "one rule names no more of them; others ask for less"


@dataclass(frozen=True, slots=True)
class Wish:
    """What one side says. `names`: agents by name, empty: all that are known. `highest_tip`: None:
    what the dearest of them asks for. `least_score`: None: scores are not asked for. `all_known`:
    the owner means all of them, whoever they are."""

    names: tuple[str, ...]
    highest_tip: int | None
    least_score: int | None
    all_known: bool


@dataclass(slots=True)
class Looked:
    """One agent, looked at."""

    signed: bytes
    tip: int
    unfit: Unfit | None
    score: int | None = None
    why: str = ""


def read_wish(arguments: Arguments) -> Wish:
    """`agents`, `highest_tip`, `least_score`, `all_known`."""
    return Wish(
        names=tuple(arguments.texts("agents", MAX_RULE_AGENTS) or ()),
        highest_tip=arguments.maybe_number("highest_tip"),
        least_score=arguments.maybe_number("least_score", -MAX_SCORE, MAX_SCORE),
        all_known=arguments.flag("all_known", False),
    )


async def accepted(
    context: Context, offer: SaleOffer, theirs: bytes, wish: Wish
) -> tuple[Accepts, list[dict[str, Any]]]:
    """Whom our side accepts, and every agent who was looked at, with why not. `theirs`: the other
    side's last signed rule, empty for none: an agent in both counts by the offer in theirs."""
    looked = [_looked(offer, signed) for signed in _candidates(context, theirs, wish)]
    highest = wish.highest_tip
    if highest is None:
        highest = max((one.tip for one in looked if one.unfit is None), default=0)
    for one in looked:
        if one.unfit is None and one.tip > highest:
            one.unfit = Unfit.TIP_TOO_HIGH
    if wish.least_score is not None:
        for one in looked:
            if one.unfit is None:
                await _score(context, offer, one, wish.least_score)
    fitting = sorted((o for o in looked if o.unfit is None), key=lambda o: (o.tip, o.signed))
    for one in fitting[MAX_RULE_AGENTS:]:
        one.unfit = Unfit.TOO_MANY
    names = tuple(one.signed for one in fitting[:MAX_RULE_AGENTS])
    shown = [_json(context, offer, one) for one in looked]
    return Accepts(names, highest, wish.least_score or 0), shown


def require_some(wish: Wish, rule: Accepts, looked: Sequence[dict[str, Any]]) -> None:
    """ControlFailure where nobody is left: such a rule could only end the sale. And where agents
    would be taken whom nobody has named or looked at: a house lists whoever asks it to, and the
    lowest tip is that of the other side's accomplice."""
    if not wish.names and wish.least_score is None and not wish.all_known:
        raise bad_argument(
            "agents", "name whom you accept, or say --least-score or --all-known: who judges has"
            " both the thing and your money in his hands"
        )  # fmt: skip
    if rule.agents:
        return
    if not looked:
        raise ControlFailure(
            "NO_AGENT",
            "no agent is known here who could judge it",
            "`pledgeway agent learn LINE` takes the offer of one",
        )
    one = looked[0]
    more = f", and {len(looked) - 1} more do not fit" if len(looked) > 1 else ""
    raise ControlFailure(
        "NO_AGENT",
        f"no agent fits: {one['alias']} {one['unfit_text']}{more}",
        "`pledgeway agent list` shows what they ask for",
    )


def _candidates(context: Context, theirs: bytes, wish: Wish) -> dict[bytes, None]:
    """Signed offers, each agent's once."""
    other = {}
    if theirs:
        other = {read_agent_offer(a).agent: a for a in read_rule(theirs).agents}
    found: dict[bytes, bytes] = {}
    if not wish.names:
        for row in known_agents(context):
            found[row.agent] = row.offer
    for name in wish.names:
        agent, signed = _named(context, name, other)
        found[agent] = signed
    return dict.fromkeys(other.get(read_agent_offer(a).agent, a) for a in found.values())


def _named(context: Context, name: str, other: dict[Any, bytes]) -> tuple[bytes, bytes]:
    """One whom we know; or whom the other side names, by digits of his id alone: names are what
    strangers choose."""
    digits = name.lower()
    listed = [a for a in other if len(name) >= LEAST_DIGITS and a.hex().startswith(digits)]
    try:
        row = find_agent(context, name)
    except ControlFailure:
        if len(listed) == 1:
            return listed[0], other[listed[0]]
        raise
    return row.agent, row.offer


def _looked(offer: SaleOffer, signed: bytes) -> Looked:
    agent, right = read_agent_offer(signed), offer.described
    tip = agent.tip_ceil(offer.stakes.price, right.brand.unit)
    return Looked(signed, tip, _unfit(offer, agent))


def _unfit(offer: SaleOffer, agent: AgentOffer) -> Unfit | None:
    brand = offer.described.brand.guid
    if agent.brands and brand not in agent.brands:
        return Unfit.OTHER_BRAND
    if offer.stakes.bond > agent.bond_max:
        return Unfit.BOND_TOO_LARGE
    if not agent.takes(brand, offer.stakes.bond, offer.expires_at_us):
        return Unfit.EXPIRED
    if agent.agent in (offer.buyer, offer.seller, offer.arbiter, offer.house):
        return Unfit.A_PARTY
    return None


async def _score(context: Context, offer: SaleOffer, one: Looked, least: int) -> None:
    """As this node sees it; an agent whose score cannot be had has none that would do."""
    agent = read_agent_offer(one.signed).agent
    asked = {"agent": agent.hex(), "brand": offer.described.brand.guid.hex()}
    try:
        told = await agents.score(context, Arguments(asked))
    except ControlFailure as failure:
        one.unfit, one.why = Unfit.NO_SCORE, failure.message or failure.code
        return
    one.score = told.get("score")
    if one.score is None:
        one.unfit = Unfit.NO_SCORE
    elif one.score < least:
        one.unfit = Unfit.SCORE_TOO_LOW


def _json(context: Context, offer: SaleOffer, one: Looked) -> dict[str, Any]:
    told = agent_json(context, read_agent_offer(one.signed), offer)
    text = None if one.unfit is None else one.unfit.value
    if one.why:
        text = f"{text}: {one.why}"
    return told | {
        "score": one.score,
        "fits": one.unfit is None,
        "unfit": None if one.unfit is None else one.unfit.name,
        "unfit_text": text,
    }
