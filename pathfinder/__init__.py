"""The path finder: the cheapest chain of promises that everybody on it will accept.

`core.search.find_route` answers one question over a `core.graph.Graph`, which is fed from a network
file or from signed adverts. `plans` asks for several chains, `explain` says why not, `serving` is
the daemon. All but `serving`, `config` and `files.network_file` is pure: no clock, disk or chance.
"""
