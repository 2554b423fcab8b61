"""A flow of whole units that only grows: Dinic's algorithm over capacities that may be raised.

networkx finds maximum flows too, but only from nothing. Sharing credit fairly means to go on from
the flow that there is, again and again (`node.reputation.sharing`).
"""


class Flow:
    """Nodes are numbered from 0 on. Edge e and its way back e ^ 1 lie side by side."""

    def __init__(self, nodes: int) -> None:
        self._out: list[list[int]] = [[] for _ in range(nodes)]
        self._to: list[int] = []
        self._room: list[int] = []

    def edge(self, tail: int, head: int, room: int) -> int:
        """A new edge that carries up to `room` units; its number."""
        number = len(self._to)
        self._to += (head, tail)
        self._room += (room, 0)
        self._out[tail].append(number)
        self._out[head].append(number + 1)
        return number

    def widen(self, edge: int, by: int) -> None:
        """It carries `by` units more from now on."""
        self._room[edge] += by

    def carried(self, edge: int) -> int:
        """Units that flow over it now."""
        return self._room[edge ^ 1]

    def tail(self, edge: int) -> int:
        """Where it begins."""
        return self._to[edge ^ 1]

    def grow(self, source: int, sink: int) -> list[bool]:
        """Makes the flow a maximum one. Says of each node whether more could flow to it still.

        What flows into the sink over any of its edges never becomes less: a path ends at the sink,
        so none leads back over it.
        """
        while (levels := self._levels(source, sink))[sink] >= 0:
            self._block(source, sink, levels)
        return [level >= 0 for level in levels]

    def _levels(self, source: int, sink: int) -> list[int]:
        """Each node's distance from the source in edges with room, -1 for none; beyond the sink
        nobody looks."""
        levels = [-1] * len(self._out)
        levels[source] = 0
        front, room, to, out = [source], self._room, self._to, self._out
        while front and levels[sink] < 0:
            following = []
            for node in front:
                level = levels[node] + 1
                for edge in out[node]:
                    if room[edge] and levels[to[edge]] < 0:
                        levels[to[edge]] = level
                        following.append(to[edge])
            front = following
        return levels

    def _block(self, source: int, sink: int, levels: list[int]) -> None:
        """Fills every shortest path."""
        room, to, out = self._room, self._to, self._out
        at = [0] * len(out)  # which of a node's edges is tried next: those before are of no use
        path: list[int] = []
        node = source
        while True:
            if node == sink:
                units = min(room[edge] for edge in path)
                for edge in path:
                    room[edge] -= units
                    room[edge ^ 1] += units
                # Back to before the first edge that is full now.
                full = next(i for i, edge in enumerate(path) if not room[edge])
                node = to[path[full] ^ 1]
                del path[full:]
            while at[node] < len(out[node]):
                edge = out[node][at[node]]
                if room[edge] > 0 and levels[to[edge]] == levels[node] + 1:
                    path.append(edge)
                    node = to[edge]
                    break
                at[node] += 1
            else:
                if not path:
                    return
                node = to[path.pop() ^ 1]
                at[node] += 1
