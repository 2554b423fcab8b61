"""Which agent, and which deposit brand, the owner means."""

from typing import Final

from node.control.contacts import LEAST_DIGITS
from node.control.context import Context
from node.control.failure import ControlFailure, bad_argument
from node.core.escrow.rows import KnownRight
from node.core.sale.rows import KnownAgent
from proto.card import read_card
from proto.escrow.rights import read_right
from proto.keys import NodeId, node_id
from proto.sale.offer import AGENT_PREFIX, AgentOffer, from_agent_line, read_agent_offer
from proto.wire import WireFault

ID_DIGITS: Final = 64  # of a node id in full: who is named so need not be known


def known_agents(context: Context) -> list[KnownAgent]:
    """Those whose offers this node has, in the order of their ids."""
    return sorted(context.engine.memory.owned(KnownAgent), key=lambda row: row.agent)


def alias_in(offer: AgentOffer) -> str:
    """What the agent calls himself."""
    return read_card(offer.card, offer.created_at_us).alias


def find_agent(context: Context, named: str) -> KnownAgent:
    """By what he calls himself, how we call him, or the beginning of his id. ControlFailure."""
    found = [row for row in known_agents(context) if _is_called(context, row, named)]
    if not found:
        raise ControlFailure(
            "NOT_FOUND",
            f"no agent is called {named!r} here",
            "`pledgeway agent learn LINE` takes his offer; `pledgeway agent list` shows all",
        )
    if len(found) > 1:
        raise ControlFailure(
            "AMBIGUOUS", f"{len(found)} agents are called {named!r}", "give more digits of his id"
        )
    return found[0]


def _is_called(context: Context, row: KnownAgent, named: str) -> bool:
    if len(named) >= LEAST_DIGITS and row.agent.hex().startswith(named.lower()):
        return True
    return named in (alias_in(read_agent_offer(row.offer)), context.alias_of(row.agent))


def whom_named(context: Context, named: str) -> tuple[NodeId, AgentOffer | None]:
    """An agent whose score is asked: of a known one his offer as well; also one who is named by his
    line, or by all digits of his id. ControlFailure."""
    if named.startswith(AGENT_PREFIX):
        offer = read_agent_offer(signed_in(named))
        return offer.agent, offer
    try:
        row = find_agent(context, named)
    except ControlFailure as failure:
        if failure.code != "NOT_FOUND" or len(named) != ID_DIGITS:
            raise
        try:
            return node_id(bytes.fromhex(named)), None
        except ValueError:
            raise failure from None
    return NodeId(row.agent), read_agent_offer(row.offer)


def signed_in(line: str) -> bytes:
    """The signed offer in a line that somebody typed. ControlFailure."""
    try:
        return from_agent_line(line.strip())
    except WireFault as fault:
        raise bad_argument("line", str(fault)) from fault


def deposit_right(context: Context, named: str | None, offer: AgentOffer | None) -> KnownRight:
    """The deposit brand, which names the house: by the id or the name of a right that this node has
    learned; where nothing is named, the only one that the agent takes. ControlFailure."""
    rights = sorted(context.engine.memory.owned(KnownRight), key=lambda row: row.brand)
    if named is None:
        takes = set(offer.brands) if offer is not None else set()
        found = [row for row in rights if row.brand in takes]
        if len(found) != 1:
            raise bad_argument("brand", "missing: scores are per deposit brand, so say which")
        return found[0]
    found = [row for row in rights if named in (row.brand.hex(), read_right(row.right).brand.name)]
    if not found:
        raise ControlFailure(
            "NOT_FOUND",
            f"no right is called {named!r} here",
            "`pledgeway rights learn CARD` asks its house for the description",
        )
    if len(found) > 1:
        cause = f"{len(found)} rights are called {named!r}"
        raise ControlFailure("AMBIGUOUS", cause, "give the id of its brand")
    return found[0]
