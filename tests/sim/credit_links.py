"""Small credit networks as files of credit links."""

from pathlib import Path
from random import Random

from pathfinder.synthetic import synthetic_network


def chain_file(path: Path, nodes: int, available: int) -> Path:
    """n0 - n1 - … in one row, each of which can promise to the next one alone."""
    rows = [f"n{i} n{i + 1} -{available} 0 {available}" for i in range(nodes - 1)]
    path.write_text("\n".join(rows))
    return path


def links_file(path: Path, nodes: int, lines: int, seed: int) -> Path:
    """Scale-free, with credit both ways."""
    rooms: dict[tuple[str, str], dict[str, int]] = {}
    for line in synthetic_network(nodes, lines, Random(seed)).lines:
        one, other = sorted((line.promisor, line.promisee))
        rooms.setdefault((one, other), {})[line.promisor] = line.available
    rows = [f"{a} {b} -{room.get(b, 0)} 0 {room.get(a, 0)}" for (a, b), room in rooms.items()]
    path.write_text("\n".join(rows))
    return path
