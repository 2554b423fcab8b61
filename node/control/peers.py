"""Verbs about neighbours without a line: path finders, which only listen."""

from typing import Any

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from proto.card import NodeCard, read_peer_card
from proto.wire import WireFault
from runtime.tls import BadCertificate
from runtime.transport import MAX_PEERS


def card_of(context: Context, text: str) -> NodeCard:
    """The card of a node or a path finder that is not this one. BAD_ARGUMENT."""
    try:
        card = read_peer_card(text, context.clock.now_us())
    except WireFault as fault:
        raise bad_argument("card", str(fault)) from fault
    if card.node == context.identity.key.node_id:
        raise bad_argument("card", "this is the node's own card")
    return card


async def meet(context: Context, card: NodeCard) -> None:
    """From now on it is a neighbour, durably; a newer card replaces its address and keys."""
    neighbours = context.engine.links.neighbours
    if card.node not in neighbours and len(neighbours) >= MAX_PEERS:
        raise ControlFailure("PEERS_FULL", f"a node has at most {MAX_PEERS} neighbours")
    try:
        await context.durable(context.add_peer(card))
    except BadCertificate as error:
        raise bad_argument("card", str(error)) from error


def peers_json(context: Context) -> list[dict[str, Any]]:
    """Every neighbour, by alias."""
    memory = context.engine.memory
    return [
        {
            "node": n.node.hex(),
            "alias": n.alias,
            "address": n.address,
            "connected": memory.connected(n.node),
            "unacknowledged": len(n.outbox),
            "lines": len(list(memory.lines_with(n.node))),
        }
        for n in sorted(context.engine.links.neighbours.values(), key=lambda n: n.alias)
    ]


async def add(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Lets the node or path finder of a card link with this node, without any line."""
    card = card_of(context, arguments.text("card"))
    arguments.done()
    await meet(context, card)
    return {"node": card.node.hex(), "alias": card.alias, "address": card.address}


async def list_peers(context: Context, arguments: Arguments) -> dict[str, Any]:
    arguments.done()
    return {"peers": peers_json(context)}
