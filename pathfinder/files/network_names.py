"""What people call the nodes, registries and brands of a network in which anybody may call himself
anything (pure).

Two nodes of one alias, an alias that looks like somebody's id, a registry that took another's name:
each would make two into one in a file, or send a question to the wrong place. So a name is used
where it has one bearer; where it has several, by the one whom the viewer has met; and an id for all
others.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pathfinder.files.json_place import shown
from pathfinder.network import name_fault
from proto.adverts import LineAdvert, NodeAdvert, RecordAdvert
from proto.money import Brand, common_brand
from proto.network_view import BadAsk, Viewpoint

LEAST_DIGITS: Final = 8  # of an id that is not given whole; an alias that could be one is not used
MAX_LISTED: Final = 3  # candidates that an error names
_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Names:
    """By id in hex: what each is called. No two of a kind are called the same."""

    nodes: Mapping[str, str]
    registries: Mapping[str, str]
    brands: Mapping[str, str]

    def node(self, given: str, argument: str, aliases: Mapping[str, str]) -> str:
        """The id of the node that somebody means; `aliases` are what they call themselves. BadAsk.

        An id given whole is always that node: no alias stands in its way.
        """
        if given in self.nodes:
            return given
        lower = given.lower()
        found = {n for n, name in self.nodes.items() if name == given}
        found = found or {n for n, alias in aliases.items() if alias == given}
        if _begins_an_id(lower):
            found |= {n for n in self.nodes if n.startswith(lower)}
        return _one(found, given, argument, "node")

    def registry(self, given: str, argument: str) -> str:
        """As `node`, for a registry."""
        if given in self.registries:
            return given
        found = {r for r, name in self.registries.items() if name == given}
        if _begins_an_id(given.lower()):
            found |= {r for r in self.registries if r.startswith(given.lower())}
        return _one(found, given, argument, "registry")

    def brand(self, given: str, argument: str) -> str:
        """As `node`, for a brand; its id is the guid."""
        if given in self.brands:
            return given
        found = {b for b, name in self.brands.items() if name == given}
        if _begins_an_id(given.lower()):
            found |= {b for b in self.brands if b.startswith(given.lower())}
        return _one(found, given, argument, "brand")


def names_of(
    view: Viewpoint,
    nodes: Iterable[NodeAdvert],
    records: Iterable[RecordAdvert],
    lines: Iterable[LineAdvert],
) -> Names:
    """Of everything that is known."""
    met = {node.hex() for node in view.met}
    aliases = {advert.node.hex(): advert.alias for advert in nodes}
    registries = {r.record.registry.hex(): r.record.name for r in records}
    return Names(
        _unique(aliases, met),
        # In a network file a policy and a registry never have the same name.
        _unique(registries, (), taken=view.policies),
        _brands(view, lines),
    )


def _unique(
    called: Mapping[str, str], met: Collection[str], taken: Collection[str] = ()
) -> dict[str, str]:
    """By id: the name, where it means this one alone; else the id."""
    everywhere = Counter(called.values())
    among_met = Counter(called[i] for i in met if i in called)

    def fits(identity: str, name: str) -> bool:
        if name in taken or name_fault(name) or _begins_an_id(name.lower()):
            return False
        return everywhere[name] == 1 or (identity in met and among_met[name] == 1)

    return {i: name if fits(i, name) else i for i, name in called.items()}


def _begins_an_id(name: str) -> bool:
    return len(name) >= LEAST_DIGITS and _HEX.issuperset(name)


def _brands(view: Viewpoint, lines: Iterable[LineAdvert]) -> dict[str, str]:
    """A brand's name is what its lines say, and they may lie. First comes what the viewer's own
    lines say, then a name that the guid itself proves, then what most lines say."""
    said: dict[bytes, Counter[Brand]] = {}
    for line in lines:
        said.setdefault(line.brand.guid, Counter())[line.brand] += 1
    ranked = []
    for guid, brands in said.items():
        proven = [b for b in brands if not b.issuer and b == common_brand(b.name, b.unit)]
        most = max(brands, key=lambda b: (brands[b], b.name))
        brand = proven[0] if proven else most
        own = view.brands.get(guid)
        name = brand.name if own is None else own
        ranked.append((own is None, not proven, brand.unit, guid.hex(), name))
    named: dict[str, str] = {}
    taken: set[str] = set()
    for *_, guid_hex, name in sorted(ranked):
        if name in taken or name_fault(name) or _begins_an_id(name.lower()):
            name = guid_hex
        taken.add(name)
        named[guid_hex] = name
    return named


def _one(found: Collection[str], given: str, argument: str, what: str) -> str:
    if not found:
        raise BadAsk(argument, f"no {what} {shown(given)} is known here")
    if len(found) > 1:
        first = ", ".join(f"{i[: 2 * LEAST_DIGITS]}…" for i in sorted(found)[:MAX_LISTED])
        more = f" and {len(found) - MAX_LISTED} more" if len(found) > MAX_LISTED else ""
        cause = f"{len(found)} {what}s match {shown(given)}: {first}{more}; give more of an id"
        raise BadAsk(argument, cause)
    (one,) = found
    return one
