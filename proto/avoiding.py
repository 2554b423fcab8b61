"""What a payer keeps clear of, as people write it: a node, or a line as "A→B", "A->B" or "A-B".

Names may hold arrows and hyphens themselves. So a text is read in every way in which all its names
are known; it counts where exactly one way is left. Pure.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Name = TypeVar("Name", str, bytes)

ARROWS: Final = (("→", False), ("->", False), ("-", True))  # True: the line in both directions
MAX_AVOID_CHARS: Final = 512  # two names of the longest kind and an arrow; each hyphen is looked at
MAX_AVOIDED: Final = 64  # wishes in one question


class CannotAvoid(Exception):
    """The text names nothing, or more than one thing. The argument is one line that says so."""


@dataclass(frozen=True, slots=True)
class Avoided(Generic[Name]):
    """Nodes, as intermediaries, and lines, as (promisor, promisee)."""

    nodes: frozenset[Name] = frozenset()
    lines: frozenset[tuple[Name, Name]] = frozenset()

    def __or__(self, other: "Avoided[Name]") -> "Avoided[Name]":
        return Avoided(self.nodes | other.nodes, self.lines | other.lines)


def read_avoided(text: str, find: Callable[[str], Collection[Name]]) -> Avoided[Name]:
    """`find`: the nodes that somebody may mean by a name. Raises CannotAvoid."""
    if len(text) > MAX_AVOID_CHARS:
        raise CannotAvoid(f"a name or a line of more than {MAX_AVOID_CHARS} characters")
    readings = [Avoided(nodes=frozenset({name})) for name in find(text)]
    for arrow, both in ARROWS:
        at = text.find(arrow)
        while at >= 0:
            left, right = text[:at].strip(), text[at + len(arrow) :].strip()
            for promisor in find(left) if left and right else ():
                for promisee in find(right):
                    if promisor != promisee:
                        ends = {(promisor, promisee)} | ({(promisee, promisor)} if both else set())
                        readings.append(Avoided(lines=frozenset(ends)))
            at = text.find(arrow, at + 1)
    if not readings:
        raise CannotAvoid(f"no node {_said(text)}, nor two nodes with an arrow between them")
    if any(other != readings[0] for other in readings):
        raise CannotAvoid(f"{_said(text)} may mean several things")
    return readings[0]


def read_line(
    promisor: str, promisee: str, find: Callable[[str], Collection[Name]]
) -> Avoided[Name]:
    """A line whose ends are named each for itself. `find` as above. Raises CannotAvoid."""
    ends = []
    for name in (promisor, promisee):
        if len(name) > MAX_AVOID_CHARS:
            raise CannotAvoid(f"a name of more than {MAX_AVOID_CHARS} characters")
        found = list(find(name))
        if len(found) != 1:
            said = _said(name)
            raise CannotAvoid(f"{said} may mean several nodes" if found else f"no node {said}")
        ends += found
    return Avoided(lines=frozenset({(ends[0], ends[1])}))


def _said(text: str) -> str:
    """What was asked for, on the one line that says what is wrong with it."""
    return text if text.isprintable() else ascii(text)
