"""A few rows of a network, and the size of all of it (pure): what `network show` prints.

Fed with the entries one by one, so that nobody has to hold a large network twice.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from proto.network_view import Known

MAX_BRANDS: Final = 50  # counted one by one; anybody may make as many as he likes
ABOUT: Final = (
    "id",
    "alias",
    "address",
    "said_us",
    "expires_at_us",
)  # of a node, None where not known
ABOUT_LINE: Final = ("from_id", "to_id", "brand_id", "said_us", "expires_at_us")


class Page:
    """Rows `skip` to `skip` + `limit` of nodes and of lines; of one node and its lines alone where
    `node` names it. `take` gets registries, policies, nodes, lines, in this order, each sorted."""

    def __init__(self, skip: int, limit: int, node: str | None = None) -> None:
        self._skip, self._limit, self._node = skip, limit, node
        self._sizes: Counter[str] = Counter()
        self._brands: Counter[str] = Counter()
        self._nodes: dict[str, dict[str, Any]] = {}
        self._lines: list[dict[str, Any]] = []
        self._own_lines = 0

    def take(self, one: Known) -> None:
        """One more entry."""
        number = self._sizes[one.section]
        self._sizes[one.section] += 1
        if one.section == "nodes":
            if one.name == self._node or (self._node is None and self._on_page(number)):
                row = dict.fromkeys(ABOUT) | dict(one.about())
                self._nodes[one.name] = {
                    "name": one.name, **row, **one.entry(), "lines_out": 0, "lines_in": 0
                }  # fmt: skip
        elif one.ends is not None:
            self._take_line(one, one.ends, number)

    def _take_line(self, one: Known, ends: tuple[str, str, str], number: int) -> None:
        promisor, promisee, brand = ends
        self._brands[brand] += 1
        for name, column in ((promisor, "lines_out"), (promisee, "lines_in")):
            if name in self._nodes:
                self._nodes[name][column] += 1
        if self._node is not None:
            if self._node not in (promisor, promisee):
                return
            number = self._own_lines
            self._own_lines += 1
        if self._on_page(number):
            own = {"fees": None, "registry_fees": None}
            row = dict.fromkeys(ABOUT_LINE) | dict(one.about())
            self._lines.append({**row, **own, **one.entry()})

    def _on_page(self, number: int) -> bool:
        return self._skip <= number < self._skip + self._limit

    @property
    def sizes(self) -> Mapping[str, Any]:
        """How much there is of everything. `own_lines`: of the one node that was asked for."""
        known = ("registries", "policies", "nodes", "lines")
        brands = dict(self._brands.most_common(MAX_BRANDS))
        own = {} if self._node is None else {"own_lines": self._own_lines}
        return (
            {section: self._sizes[section] for section in known}
            | {"brands": brands, "more_brands": len(self._brands) - len(brands)}
            | own
        )

    @property
    def nodes(self) -> list[dict[str, Any]]:
        return list(self._nodes.values())

    @property
    def lines(self) -> list[dict[str, Any]]:
        return self._lines
