"""What the node asks a path finder, whichever serves it: in this process or another."""

from typing import Protocol

from proto.adverts import Advert
from proto.network_view import KnownNetwork
from proto.route import LineEnds, MostFound, NoRoute, RouteFound, RouteHop, RoutePart, RouteQuery

__all__ = [
    "LineEnds",
    "MostFound",
    "NoRoute",
    "RouteFinder",
    "RouteFound",
    "RouteHop",
    "RoutePart",
    "RouteQuery",
]


class RouteFinder(KnownNetwork, Protocol):
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

    async def sendable(self, query: RouteQuery) -> MostFound:
        """The most that `query.max_parts` chains deliver; the query's amount plays no part.

        KeyError where the payer, the payee or the brand is not known.
        """
        ...

    def recall(self, query: RouteQuery) -> RouteFound | None:
        """What `find` would find, where that is known without a search."""
        ...

    def size(self) -> tuple[int, int]:
        """(nodes, lines) known."""
        ...
