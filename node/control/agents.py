"""Verbs about agents who judge sales: one's own offer, others' offers, and their scores."""

from functools import partial
from typing import Any, Final

from node.control.agent_names import (
    alias_in,
    deposit_right,
    find_agent,
    known_agents,
    signed_in,
    whom_named,
)
from node.control.contacts import card_of, exchange_of, find_card
from node.control.context import Context, store
from node.control.escrow_propose import require_service
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.own_accounts import asked_of
from node.control.ratings import Weighing, counted_json, credit_brand, rate, rated_json
from node.core.escrow.rows import KnownRight
from node.core.sale.events import KeepAgent
from node.core.sale.rows import KnownAgent
from node.escrow.account_keeper import called
from node.escrow.sweeping import forget_rows
from node.reputation.ratings import Subject
from node.reputation.score import HALF_LIFE_US, Exchange
from proto.card import NodeCard, read_card
from proto.envelope import Envelope
from proto.escrow.batch import BATCH_ID_BYTES, OpBatch
from proto.escrow.rights import read_right
from proto.keys import NodeId
from proto.limits import MAX_AMOUNT, MAX_DESCRIPTION_CHARS, US
from proto.sale.offer import (
    MAX_AGENT_BRANDS,
    MAX_AGENT_LIFE_US,
    AgentOffer,
    agent_line,
    read_agent_offer,
    sign_agent_offer,
)
from proto.sale.ops import Advertise
from proto.sale.stakes import PERMILLE
from proto.v1 import escrow_pb2 as pb
from proto.wire import WireFault

DAY_US: Final = 86_400 * US
MAX_DAYS: Final = MAX_AGENT_LIFE_US // DAY_US
MAX_TIP: Final = MAX_AMOUNT // 16  # as an offer may ask at most (proto.sale.offer)
MAX_LEARNED: Final = 1000  # offers taken from one house in one call
MAX_KNOWN: Final = 5000  # agents remembered, a kilobyte each: houses list whoever advertises
MAX_SHOWN: Final = 200  # agents in one answer: each may take 3 KB of a message's megabyte
MAX_SCORED: Final = 64  # of them, those whose scores are asked for: the first ones
MAX_WORTH: Final = 10**9  # units of credit for a unit of the deposit, or the other way round
FORGET_TRIES: Final = 3
UNREACHABLE: Final = "UNREACHABLE"


async def offer(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Makes this node's own offer to judge sales, in place of the one before, and shows its line;
    with `house` that house lists it as well."""
    exchange, now_us = exchange_of(context), context.clock.now_us()
    named = arguments.texts("brands", MAX_AGENT_BRANDS) or []
    judges = arguments.text("judges", "", MAX_DESCRIPTION_CHARS)
    house = arguments.maybe_text("house")
    made = AgentOffer(
        agent=context.identity.node,
        card=exchange.card,
        brands=tuple(dict.fromkeys(deposit_right(context, b, None).brand for b in named)),
        tip_flat=arguments.number("tip", 0, most=MAX_TIP),
        tip_permille=arguments.number("tip_permille", 0, most=PERMILLE),
        bond_max=arguments.number("bond_max", most=MAX_TIP),
        judges=judges,
        created_at_us=now_us,
        expires_at_us=now_us + arguments.number("days", 30, 1, MAX_DAYS) * DAY_US,
    )
    arguments.done()
    require_service(context)
    card = None if house is None else card_of(context, find_card(context, house, "house"), "house")
    signed = sign_agent_offer(context.identity.key, made)
    try:
        read_agent_offer(signed)
    except WireFault as fault:
        raise bad_argument("judges", str(fault)) from fault
    old = context.engine.memory.row((KnownAgent.table, made.agent, b""))
    rule = old.rule if isinstance(old, KnownAgent) and old.own else "{}"
    row = KnownAgent(made.agent, signed, now_us, own=True, rule=rule)
    await context.do(partial(KeepAgent, row=row))
    if card is not None:
        await _advertise(context, card, signed)
    return agent_json(context, row) | {
        "line": agent_line(signed),
        "listed_by": None if card is None else card.alias,
    }


async def _advertise(context: Context, card: NodeCard, signed: bytes) -> None:
    """The offer is kept here already, so that it can be said again if the house does not answer."""
    asked = OpBatch(
        context.identity.node,
        card.node,
        context.entropy(BATCH_ID_BYTES),
        context.clock.now_us(),
        (Advertise(signed),),
    )
    await asked_of(context, card, asked)


def agent_json(context: Context, row: KnownAgent) -> dict[str, Any]:
    """An agent as every answer shows him. Amounts are units of the deposit brand."""
    offer, now_us = read_agent_offer(row.offer), context.clock.now_us()
    return {
        "agent": offer.agent.hex(),
        "alias": alias_in(offer),
        "own": row.own,
        "judges": offer.judges,
        "tip": offer.tip_flat,
        "tip_permille": offer.tip_permille,
        "bond_max": offer.bond_max,
        "brands": [brand.hex() for brand in offer.brands],
        "created_at_us": offer.created_at_us,
        "expires_at_us": offer.expires_at_us,
        "open": offer.created_at_us <= now_us <= offer.expires_at_us,
        "learned_at_us": row.learned_at_us,
    }


async def learn(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Takes one offer in a line, or those that a house lists for a deposit brand. "refused": how
    many of them were not as they should be."""
    line, house = arguments.maybe_text("line"), arguments.maybe_text("house")
    brand = arguments.maybe_text("brand")
    arguments.done()
    if (line is None) == (house is None):
        raise bad_argument("line", "say one of them: an agent's line, or --house with --brand")
    if line is not None:
        row = await _learn(context, signed_in(line))
        return {"agents": [agent_json(context, row)], "learned": 1, "refused": 0, "more": False}
    assert house is not None
    card = card_of(context, find_card(context, house, "house"), "house")
    right = deposit_right(context, brand, None)
    rows, refused, more = list[KnownAgent](), 0, True
    asked = pb.AgentsRequest(brand=right.brand)
    while more and len(rows) + refused < MAX_LEARNED:
        reply = await called(card, exchange_of(context).ways.agents(card, asked))
        signed = [envelope.SerializeToString() for envelope in reply.offers]
        for one in signed:
            try:
                rows.append(await _learn(context, one, right.brand))
            except (WireFault, ControlFailure):
                refused += 1
        last = _signer(signed[-1]) if signed else b""
        more = reply.more and last > asked.after  # else it would go round in a circle
        asked.after = last
    shown = [agent_json(context, row) for row in rows[:MAX_SHOWN]]
    return {"agents": shown, "learned": len(rows), "refused": refused, "more": more}


def _signer(signed: bytes) -> bytes:
    """Who signed it, if anybody did: the page goes on behind him."""
    try:
        return Envelope.decode_unverified(signed).signer
    except WireFault:
        return b""


async def _learn(context: Context, signed: bytes, brand: bytes | None = None) -> KnownAgent:
    """The row that is known now: a newer offer of his stays. WireFault, ControlFailure."""
    offer, now_us = read_agent_offer(signed), context.clock.now_us()
    if brand is not None and offer.brands and brand not in offer.brands:
        raise WireFault("an offer for other brands")
    if offer.expires_at_us < now_us:
        raise ControlFailure(
            "EXPIRED", f"the offer of {alias_in(offer)} has expired", "ask him for a new one"
        )
    known = context.engine.memory.row((KnownAgent.table, offer.agent, b""))
    if isinstance(known, KnownAgent):
        if read_agent_offer(known.offer).created_at_us >= offer.created_at_us:
            return known
    elif len(context.engine.memory.owned(KnownAgent)) >= MAX_KNOWN:
        raise ControlFailure(
            "TOO_MANY", f"{MAX_KNOWN} agents are known here", "`pledgeway agent forget` some"
        )
    if offer.agent == context.identity.node:
        raise bad_argument("line", "an offer of this node itself: `agent offer` makes it")
    row = KnownAgent(offer.agent, signed, now_us)
    await context.do(partial(KeepAgent, row=row))
    return row


async def list_agents(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Agents that this node knows, its own offer first and then the cheapest; "more": how many are
    not shown. `price`: with the tip for it; `brand`: those who take it, with their scores in it,
    where `scores`. An agent whose score cannot be had shows why."""
    price, brand = arguments.maybe_number("price", 1, MAX_TIP), arguments.maybe_text("brand")
    scores = arguments.flag("scores", True)
    weighing = _weighing(context, arguments)
    arguments.done()
    now_us = context.clock.now_us()
    right = None if brand is None else deposit_right(context, brand, None)
    lot = 1 if right is None else read_right(right.right).brand.unit
    known = [(row, read_agent_offer(row.offer)) for row in known_agents(context)]
    found = [
        (not row.own, offer.expires_at_us < now_us, offer.tip_ceil(price or 1, lot), row, offer)
        for row, offer in known
        if right is None or not offer.brands or right.brand in offer.brands
    ]
    found.sort(key=lambda one: one[:3])
    shown, silent = list[dict[str, Any]](), dict[str, ControlFailure]()
    for _, _, tip, row, offer in found[:MAX_SHOWN]:
        told = agent_json(context, row)
        if price is not None:
            told["tip_for_price"] = tip
        if scores and len(shown) < MAX_SCORED:
            told |= await _score_in_list(context, offer, right, weighing, silent)
        shown.append(told)
    return {
        "agents": shown,
        "more": len(found) - len(shown),
        "price": price,
        "brand": None if right is None else right.brand.hex(),
    }


async def _score_in_list(
    context: Context,
    offer: AgentOffer,
    right: KnownRight | None,
    weighing: Weighing,
    silent: dict[str, ControlFailure],
) -> dict[str, Any]:
    """`silent`: houses, by card, that did not answer: they are not waited for again."""
    try:
        where = right if right is not None else deposit_right(context, None, offer)
        if where.card in silent:
            raise silent[where.card]
        return await _rated(context, offer.agent, where, weighing)
    except ControlFailure as failure:
        if failure.code == UNREACHABLE:
            silent[where.card] = failure
        return {"score": None, "why": failure.message or failure.code}


async def _rated(
    context: Context, agent: NodeId, right: KnownRight, weighing: Weighing
) -> dict[str, Any]:
    house = read_right(right.right).registrar
    subject = Subject(house, right.brand, agent)
    rated = await rate(context, subject, right.card, weighing, "brand")
    return rated_json(context, rated, weighing)


def _weighing(context: Context, arguments: Arguments) -> Weighing:
    """From `credit`, `half_life_days` and `worth` ([units of credit, units of the deposit])."""
    credit = credit_brand(context, arguments.maybe_text("credit"))
    days = arguments.maybe_number("half_life_days", 1, 100 * 366)
    more = arguments.number("worth_credit", 1, 1, MAX_WORTH)
    less = arguments.number("worth_deposit", 1, 1, MAX_WORTH)
    half_life_us = HALF_LIFE_US if days is None else days * DAY_US
    return Weighing(credit, half_life_us, Exchange(more, less))


async def score(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The score of one agent in one deposit brand, as this node sees it; `explain`: with what
    counted. The house is asked now."""
    named, brand = arguments.text("agent"), arguments.maybe_text("brand")
    explain = arguments.flag("explain", False)
    weighing = _weighing(context, arguments)
    arguments.done()
    agent, offer = whom_named(context, named)
    right = deposit_right(context, brand, offer)
    described = read_right(right.right)
    subject = Subject(described.registrar, right.brand, agent)
    now_us = context.clock.now_us()
    rated = await rate(context, subject, right.card, weighing, "brand")
    answer = {
        "agent": agent.hex(),
        "alias": context.alias_of(agent) if offer is None else alias_in(offer),
        "brand": right.brand.hex(),
        "name": described.brand.name,
        "house": described.registrar.hex(),
        "house_alias": read_card(right.card, now_us).alias,
    } | rated_json(context, rated, weighing)
    return answer | ({"votes": counted_json(context, rated, now_us)} if explain else {})


async def forget(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Lets go of an agent's offer, or of one's own. What was seen of houses' lists stays."""
    named = arguments.text("agent")
    arguments.done()
    row = find_agent(context, named)
    engine = context.engine
    for _ in range(FORGET_TRIES):
        gone = engine.memory.row(row.key)
        if gone is None:
            break
        # One that was learned again in this very moment is written first, and forgotten then.
        await store(engine.work(partial(forget_rows, engine.memory, [gone])))
    else:
        raise ControlFailure("BUSY", "it is being learned again", "try again once that is over")
    return agent_json(context, row)


VERBS: Final = {
    "agent.offer": offer,
    "agent.learn": learn,
    "agent.list": list_agents,
    "agent.score": score,
    "agent.forget": forget,
}
"""By name, for the table of all."""
