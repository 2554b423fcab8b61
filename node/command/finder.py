"""The path finder in the node's own process: adverts in, routes out."""

from node.routing import RouteFinder
from pathfinder.serving.searching import Searching


class LocalFinder(Searching, RouteFinder):
    """A `node.routing.RouteFinder` over `pathfinder`, fed by the node's own gossip."""
