"""What a graph keeps of one node or line, and which news of it is none."""

from typing import NamedTuple

from pathfinder.network import Line, Node


class NodeEntry(NamedTuple):
    """What is known of a node: the view that networkx keeps under its name."""

    node: Node
    sequence: int
    expires_at_us: int


class LineEntry(NamedTuple):
    """What is known of a line: the view that networkx keeps on its edge."""

    line: Line
    sequence: int
    expires_at_us: int
    closed: bool


def is_stale(known: int, sequence: int, same: bool) -> bool:
    """Whether news of this number changes nothing. `same`: it says what is known.

    One signer may say two things under one number. Which of them counts is the same everywhere,
    and gossip knows; whoever feeds a graph says the right one last.
    """
    return sequence < known or (sequence == known and same)
