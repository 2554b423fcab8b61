"""What the owner of a running path finder may ask it over its control socket."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pathfinder.config import PathFinderConfig
from pathfinder.serving.searching import Searching
from pathfinder.serving.service import FindingService
from proto.card import NodeCard
from proto.keys import NodeId
from proto.network_view import Viewpoint
from runtime.clock import Clock
from runtime.control import Arguments, ControlFailure, Tale, Verb
from runtime.network_ask import answered, read_route_ask
from runtime.network_tale import (
    MAX_PAGE,
    Tell,
    tell_adverts,
    tell_entries,
    tell_rows,
    whole_file,
)


@dataclass(frozen=True, slots=True)
class Owner:
    """The daemon as its verbs see it. `reload` gives a line for each card that is of no use,
    `exported` all adverts as they were signed."""

    config: PathFinderConfig
    node: NodeId
    card: str
    clock: Clock
    searching: Searching
    service: FindingService
    peers: Callable[[], Sequence[NodeCard]]
    connected: Callable[[NodeId], bool]
    reload: Callable[[], Sequence[str]]
    exported: Callable[[], Sequence[bytes]]
    stop: Callable[[], None]

    def view(self) -> Viewpoint:
        """The network as it looks from here: the nodes that it links with are met."""
        met = frozenset(card.node for card in self.peers())
        return Viewpoint(self.clock.now_us(), met=met)


def verbs_of(owner: Owner) -> Mapping[str, Verb]:
    """By name; each takes its arguments and gives a JSON object."""
    began_us = owner.clock.now_us()

    async def status(arguments: Arguments) -> Mapping[str, Any]:
        arguments.done()
        nodes, lines = owner.searching.size()
        return {
            "node": owner.node.hex(),
            "alias": owner.config.alias,
            "address": owner.config.service,
            "peer_address": owner.config.peer_service,
            "uptime_s": (owner.clock.now_us() - began_us) // 1_000_000,
            "peers": _peers(owner),
            "graph": {"nodes": nodes, "lines": lines},
            "answered": owner.service.answered,
            "refused": owner.service.refused,
            "waiting": owner.searching.waiting,
            "searches": owner.searching.searches,
            "remembered": owner.searching.remembered,
        }

    async def card(arguments: Arguments) -> Mapping[str, Any]:
        arguments.done()
        return {"node": owner.node.hex(), "alias": owner.config.alias, "card": owner.card}

    async def network(arguments: Arguments) -> Mapping[str, Any]:
        """What gossip has told it, as a network file; a large one only streams."""
        arguments.done()
        file = await whole_file(owner.searching, owner.view())
        if file is None:
            step = "take it with `pledgeway network export`"
            raise ControlFailure("TOO_LARGE", "the network is too large for one answer", step)
        return file

    async def route(arguments: Arguments) -> Mapping[str, Any]:
        """The cheapest chain by what it knows; nobody is its own payer, so `from` must be said."""
        ask = read_route_ask(arguments)
        return await answered(owner.searching.ask(owner.view(), ask))

    async def peer_reload(arguments: Arguments) -> Mapping[str, Any]:
        """The cards in the directory have changed."""
        arguments.done()
        return {"faults": list(owner.reload()), "peers": _peers(owner)}

    async def stop(arguments: Arguments) -> Mapping[str, Any]:
        arguments.done()
        owner.stop()
        return {}

    return {
        "status": status,
        "card": card,
        "network": network,
        "route": route,
        "peer.reload": peer_reload,
        "stop": stop,
    }


def tales_of(owner: Owner) -> Mapping[str, Tale]:
    """Those that answer several times."""

    async def export(arguments: Arguments, tell: Tell) -> None:
        arguments.done()
        await tell_entries(owner.searching, owner.view(), tell)

    async def adverts(arguments: Arguments, tell: Tell) -> None:
        arguments.done()
        await tell_adverts(owner.exported(), tell)

    async def show(arguments: Arguments, tell: Tell) -> None:
        skip = arguments.number("skip", 0)
        limit = arguments.number("limit", MAX_PAGE, 1, MAX_PAGE)
        node = arguments.maybe_text("node")
        arguments.done()
        await answered(tell_rows(owner.searching, owner.view(), skip, limit, node, tell))

    return {"network.export": export, "network.adverts": adverts, "network.show": show}


def _peers(owner: Owner) -> list[dict[str, Any]]:
    return [
        {
            "node": card.node.hex(),
            "alias": card.alias,
            "address": card.address,
            "connected": owner.connected(card.node),
        }
        for card in owner.peers()
    ]
