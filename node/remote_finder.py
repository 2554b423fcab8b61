"""A node that asks path finders of their own instead of searching itself: a light payer.

Several may be named; they are asked one after the other until one gives a route that holds. What
one claims is checked with the adverts that it shows (`node.route_check`).
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.config import ConfigFault
from node.core.view import Settings
from node.route_check import BadRoute, check_route
from node.routing import MostFound, NoRoute, RouteFinder, RouteFound, RouteQuery
from proto.adverts import Advert
from proto.card import PathFinderCard, read_pathfinder_card
from proto.keys import NodeId
from proto.network_view import Known, RouteAsk, Viewpoint
from proto.route_wire import found_from_message, none_from_message, query_to_message
from proto.v1 import pathfinder_pb2 as pb
from proto.viability import NodeFacts
from proto.wire import WireFault
from runtime.bridge import Bridge
from runtime.control import ControlFailure
from runtime.rpc_client import RpcChannel, RpcDeadline, RpcError, RpcFailed, RpcUnavailable
from runtime.tls import BadCertificate, certificate_name, require_leaf

log = logging.getLogger(__name__)

METHOD: Final = "/pledgeway.v1.PathFinder/FindRoute"
CALL_TIMEOUT_S: Final = 10.0  # a search of a path finder ends within five, its queue apart
MAX_TOLD_CHARS: Final = 200  # of what a path finder says about its refusal
MAX_ALIASES: Final = 4096  # of nodes on routes, by which people are told of them
SILENT: Final = "PATHFINDER_SILENT"
REFUSES: Final = "PATHFINDER_REFUSES"
LIES: Final = "PATHFINDER_LIES"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why one path finder's answer is none. `code` is stable."""

    code: str
    text: str

    def reason(self) -> Mapping[str, Any]:
        """The form of the other reasons of a NoRoute."""
        empty: dict[str, Any] = {
            "node": None,
            "line": None,
            "figure": 0,
            "unit": None,
            "registries": [],
        }
        known = {"code": self.code, "rule": self.code, "text": self.text, "next_step": ""}
        return {**empty, **known, "chain": [], "levels": [], "cost": None, "bars": 1}


@dataclass(slots=True)
class _Service:
    card: PathFinderCard
    channel: RpcChannel
    asked: int = 0
    trouble: Trouble | None = None  # of the last answer

    @property
    def name(self) -> str:
        return f"path finder {self.card.node.alias} at {self.card.service}"


class RemoteFinder(RouteFinder):
    """A `node.routing.RouteFinder` that keeps no network. Used from trio."""

    def __init__(
        self, bridge: Bridge, cards: Sequence[PathFinderCard], own: Callable[[], NodeFacts]
    ) -> None:
        """`own`: what the rules ask about this node, as it is now. BadCertificate."""
        self._own = own
        self._aliases: dict[NodeId, str] = {}
        self._services = [
            _Service(card, RpcChannel.to_pinned(bridge, card.service, card.node.tls_certificate))
            for card in cards
        ]

    def observe(self, advert: Advert) -> None:
        """Nothing: the answers bring what is needed."""

    def forget(self, advert: Advert) -> None:
        """Nothing: none was kept."""

    async def find(self, query: RouteQuery) -> RouteFound | NoRoute:
        """A route that holds, of the first path finder that gives one; else why there is none."""
        none: NoRoute | None = None
        troubles: list[Trouble] = []
        for service in list(self._services):
            answer = await self._ask(service, query)
            service.trouble = answer if isinstance(answer, Trouble) else None
            if isinstance(answer, RouteFound):
                self._remember(answer)
                return answer
            if isinstance(answer, Trouble):
                log.warning("%s", answer.text)
                troubles.append(answer)
                # From now on it is asked last.
                self._services.remove(service)
                self._services.append(service)
            elif none is None:
                none = answer
        reasons = tuple(trouble.reason() for trouble in troubles)
        if none is None:
            return NoRoute(False, reasons)
        return NoRoute(none.exact, (*none.reasons, *reasons), none.skipped)

    async def _ask(self, service: _Service, query: RouteQuery) -> RouteFound | NoRoute | Trouble:
        service.asked += 1
        try:
            answer = await _call(service.channel, query_to_message(query))
        except RpcFailed as error:
            said = _told(error.detail)
            return Trouble(REFUSES, f"{service.name} refuses: {error.code.name} {said}")
        except RpcDeadline:
            return Trouble(SILENT, f"{service.name} does not answer in time")
        except RpcError:
            return Trouble(SILENT, f"{service.name} cannot be reached")
        try:
            match answer.WhichOneof("result"):
                case "found":
                    claimed, adverts = found_from_message(answer.found, exact=answer.exact)
                    return check_route(query, claimed, adverts, self._own())
                case "none":
                    return none_from_message(answer.none, exact=answer.exact)
        except (WireFault, BadRoute) as fault:
            return Trouble(LIES, f"{service.name} gives an answer that does not hold: {fault}")
        return Trouble(LIES, f"{service.name} gives an answer that says nothing")

    def _remember(self, found: RouteFound) -> None:
        if len(self._aliases) + len(found.nodes) > MAX_ALIASES:
            self._aliases.clear()
        self._aliases |= {node: advert.alias for node, advert in found.nodes.items()}

    def alias(self, node: NodeId) -> str:
        """What a node on a route calls itself; empty where that is not known."""
        return self._aliases.get(node, "")

    def recall(self, query: RouteQuery) -> RouteFound | None:
        """Never: nothing is kept, and asking takes a while."""
        return None

    def known(self, view: Viewpoint) -> Iterator[Known]:
        """ControlFailure: there is no network here."""
        raise no_network()

    def name_of(self, view: Viewpoint, given: str) -> str:
        """ControlFailure."""
        raise no_network()

    async def ask(self, view: Viewpoint, asked: RouteAsk) -> Mapping[str, Any]:
        """ControlFailure: names are of a network."""
        raise no_network()

    async def sendable(self, query: RouteQuery) -> MostFound:
        """ControlFailure."""
        raise no_network()

    def size(self) -> tuple[int, int]:
        """Nothing is known here."""
        return 0, 0

    def services(self) -> list[dict[str, Any]]:
        """Who is asked, in this order, and how that went; for the owner."""
        return [
            {
                "node": service.card.node.node.hex(),
                "alias": service.card.node.alias,
                "address": service.card.service,
                "asked": service.asked,
                "trouble": None if service.trouble is None else service.trouble.text,
            }
            for service in self._services
        ]


def no_network() -> ControlFailure:
    """What a light node says where it is asked about the network; to be raised."""
    return ControlFailure(
        "LIGHT",
        "this node keeps no network: it asks a path finder",
        "`pledgeway pay REQUEST --dry-run` asks that for a route; its owner sees the network",
    )


async def _call(channel: RpcChannel, message: pb.RouteQuery) -> pb.RouteAnswer:
    """The answer, over a fresh connection where the one that there was is of no use. RpcError."""
    try:
        return await channel.unary(METHOD, message, pb.RouteAnswer, CALL_TIMEOUT_S)
    except RpcUnavailable:
        # A path finder that restarts is back in a second; gRPC would go on waiting before it even
        # looks. Asking twice does no harm.
        await channel.close()
        return await channel.unary(METHOD, message, pb.RouteAnswer, CALL_TIMEOUT_S)


def own_facts(settings: Settings) -> NodeFacts:
    """What the rules ask about this node."""
    return NodeFacts(
        accepts=frozenset(settings.usable),
        knows=frozenset(settings.known),
        watches_registry=settings.watches_registry,
        hold_max_us=settings.hold_max_us,
        fees=settings.fees,
    )


def read_cards(path: Path, texts: Iterable[str], now_us: int) -> tuple[PathFinderCard, ...]:
    """The path finders that config.toml at `path` names. ConfigFault."""
    cards = []
    for number, text in enumerate(texts, 1):
        try:
            card = read_pathfinder_card(text, now_us)
            require_leaf(card.node.tls_certificate)
            certificate_name(card.node.tls_certificate)
        except (WireFault, BadCertificate) as fault:
            raise ConfigFault(path, "pathfinder.cards", f"number {number}: {fault}") from fault
        cards.append(card)
    return tuple(cards)


def _told(text: str) -> str:
    """What a stranger says, fit for one line."""
    return "".join(c if c.isprintable() else " " for c in text[:MAX_TOLD_CHARS])
