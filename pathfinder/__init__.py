"""The path finder: the cheapest chain of promises that everybody on it will accept.

`search.find_route` answers one question over a `graph.Graph`, which is fed from a network file or
from signed adverts. Everything here but `network_file` is pure: no clock, no disk, no randomness.
"""
