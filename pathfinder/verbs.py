"""What the owner of a running path finder may ask it over its control socket."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pathfinder.config import PathFinderConfig
from pathfinder.searching import Searching
from pathfinder.service import FindingService
from proto.card import NodeCard
from proto.keys import NodeId
from runtime.clock import Clock
from runtime.control import Arguments

Verbs = Mapping[str, Callable[[Arguments], Awaitable[Mapping[str, Any]]]]


@dataclass(frozen=True, slots=True)
class Owner:
    """The daemon as its verbs see it. `reload` gives a line for each card that is of no use."""

    config: PathFinderConfig
    node: NodeId
    card: str
    clock: Clock
    searching: Searching
    service: FindingService
    peers: Callable[[], Sequence[NodeCard]]
    connected: Callable[[NodeId], bool]
    reload: Callable[[], Sequence[str]]
    stop: Callable[[], None]


def verbs_of(owner: Owner) -> Verbs:
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
        """What gossip has told it, as a network file."""
        arguments.done()
        return owner.searching.export(owner.clock.now_us())

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
        "peer.reload": peer_reload,
        "stop": stop,
    }


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
