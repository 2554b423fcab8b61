"""What the node asks a path finder, whichever serves it: in this process or another."""

from collections.abc import Mapping
from typing import Any, Protocol

from proto.adverts import Advert
from proto.route import LineEnds, NoRoute, RouteFound, RouteHop, RoutePart, RouteQuery

__all__ = [
    "LineEnds",
    "NoRoute",
    "RouteFinder",
    "RouteFound",
    "RouteHop",
    "RoutePart",
    "RouteQuery",
]


class RouteFinder(Protocol):
    """A path finder as a node uses it."""

    def observe(self, advert: Advert) -> None:
        """A verified advert. The newest sequence wins; called on trio."""
        ...

    def forget(self, advert: Advert) -> None:
        """An advert that was observed has expired, or there is no room for it. Called on trio."""
        ...

    async def find(self, query: RouteQuery) -> RouteFound | NoRoute:
        """The cheapest viable route of what has been observed so far."""
        ...

    def recall(self, query: RouteQuery) -> RouteFound | None:
        """What `find` would find, where that is known without a search."""
        ...

    def export(self, now_us: int) -> Mapping[str, Any]:
        """The network as a network file (protocol section 10)."""
        ...

    def size(self) -> tuple[int, int]:
        """(nodes, lines) known."""
        ...
