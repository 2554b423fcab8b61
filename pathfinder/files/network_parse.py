"""The strict reader of the JSON form of a network (protocol section 10)."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar

from pathfinder.files.json_place import At, read_json, read_text, shown
from pathfinder.network import DEFAULT_DELTA_US, Line, Network, Node, Policy, name_fault
from pathfinder.network import policy_fault as n3_fault
from proto.fees import Fee, FeeSet, RegistryFee
from proto.limits import (
    DEFAULT_HOLD_MAX_US,
    MAX_ALIAS_CHARS,
    MAX_AMOUNT,
    MAX_POLICY_MEMBERS,
)
from proto.modes import Mode
from proto.money import ONE, Rate

MAX_NODES: Final = 100_000  # the largest network that the search was designed for
MAX_LINES: Final = 1_000_000  # ten for each node, as in the credit networks people have published
MAX_REGISTRIES: Final = 1024  # each is a candidate of every search
MAX_POLICIES: Final = 1024  # so is each of these
_ONE_COPY: Final = {"from": ("from", "to", "brand"), "rate": ("rate",)}
_LINE_KEYS: Final = ("from", "to", "brand", "available", "fees", "registry_fees")
_PLAIN_LINE: Final = frozenset(_LINE_KEYS)
MAX_HOLD_MS: Final = 366 * 24 * 3600 * 1000  # a year: longer is a gift, not a loan

FEES_AT_HAND: Final = 4096  # different ones kept: a hundred thousand nodes ask much the same

T = TypeVar("T")
D = TypeVar("D")


def parse_network(text: bytes | str) -> Network:
    """Reads the JSON form. Raises NetworkFileError (without the file's name) for anything else.

    Whoever has much to read gives characters, and keeps no bytes: both would double the memory.
    """
    value = read_json(text if isinstance(text, str) else read_text(text), _ONE_COPY)
    top = At("", value).fields("registries", "policies", "nodes", "lines", required=("nodes",))
    registries = _get(top, "registries", _registries, ())
    known = frozenset(registries)
    policies = _get(top, "policies", lambda at: _policies(at, known), ())
    nodes = _nodes(top["nodes"], known)
    names = {node.name: i for i, node in enumerate(nodes)}
    lines = _get(top, "lines", lambda at: _lines(at, names, known), ())
    return Network(registries, policies, nodes, lines)


def _get(fields: Mapping[str, At], key: str, read: Callable[[At], T], default: D) -> T | D:
    return read(fields[key]) if key in fields else default


def _or_null(fields: Mapping[str, At], key: str, read: Callable[[At], T]) -> T | None:
    at = fields.get(key)
    return None if at is None or at.value is None else read(at)


def _named(name: str, at: At) -> str:
    if cause := name_fault(name):
        raise at.fail(cause)
    return name


def _registries(at: At) -> tuple[str, ...]:
    found = []
    for name, entry in at.entries(limit=MAX_REGISTRIES, what="registries"):
        entry.fields()
        found.append(_named(name, entry))
    return tuple(found)


def _registry(at: At, known: frozenset[str]) -> str:
    name = at.name()
    if name not in known:
        raise at.fail(f"no registry {shown(name)}")
    return name


def _registry_set(at: At, known: frozenset[str], limit: int) -> frozenset[str]:
    found: set[str] = set()
    for item in at.items(limit=limit, what="registries"):
        name = _registry(item, known)
        if name in found:
            raise item.fail(f"{shown(name)} a second time")
        found.add(name)
    return frozenset(found)


def _policies(at: At, known: frozenset[str]) -> tuple[Policy, ...]:
    found = []
    for name, entry in at.entries(limit=MAX_POLICIES, what="policies"):
        if _named(name, entry) in known:
            raise entry.fail("is already the name of a registry")
        fields = entry.fields(
            "members", "qc", "qa", "f", "delta_ms", required=("members", "qc", "qa")
        )
        members = tuple(sorted(_registry_set(fields["members"], known, MAX_POLICY_MEMBERS)))
        policy = Policy(
            name=name,
            members=members,
            qc=fields["qc"].natural(),
            qa=fields["qa"].natural(),
            f=_get(fields, "f", At.natural, 0),
            delta_us=_get(
                fields,
                "delta_ms",
                lambda ms: ms.natural(MAX_HOLD_MS) * 1000,
                0 if len(members) == 1 else DEFAULT_DELTA_US,
            ),
        )
        if fault := n3_fault(policy):
            raise entry.down(fault[0], None).fail(fault[1])
        found.append(policy)
    return tuple(found)


def _nodes(at: At, known: frozenset[str]) -> tuple[Node, ...]:
    found = []
    for name, entry in at.entries(limit=MAX_NODES, what="nodes"):
        fields = entry.fields("accepts", "watches_registry", "hold_max_ms", "fees", "registry_fees")
        found.append(
            Node(
                name=_named(name, entry),
                accepts=_get(
                    fields,
                    "accepts",
                    lambda a: _registry_set(a, known, MAX_REGISTRIES),
                    frozenset(),
                ),
                watches_registry=_get(fields, "watches_registry", At.flag, False),
                hold_max_us=_get(
                    fields,
                    "hold_max_ms",
                    lambda ms: ms.natural(MAX_HOLD_MS) * 1000,
                    DEFAULT_HOLD_MAX_US,
                ),
                fees=_or_null(fields, "fees", _fees) or FeeSet(),
                registry_fees=_or_null(fields, "registry_fees", lambda a: _registry_fees(a, known))
                or {},
            )
        )
    return tuple(found)


def _fees(at: At) -> FeeSet:
    if (plain := _plain_fees(at.value)) is not None:
        return plain
    made: dict[Mode, Fee] = {}
    for name, entry in at.entries(limit=MAX_ALIAS_CHARS, what="modes"):
        if name not in Mode.__members__:
            raise entry.fail(f"no mode of this name; there are {', '.join(Mode.__members__)}")
        fields = entry.fields("rate", "flat")
        made[Mode[name]] = Fee(
            rate=_get(fields, "rate", At.fee_rate, ONE), flat=_get(fields, "flat", At.natural, 0)
        )
    return FeeSet(made)


def _plain_fees(value: Any) -> FeeSet | None:
    """As `_plain_line`: what most nodes say, or None."""
    if type(value) is not dict:
        return None
    made: dict[Mode, Fee] = {}
    for name, one in value.items():
        mode = Mode.__members__.get(name)
        if mode is None or type(one) is not dict or len(one) != 2:
            return None
        rate, flat = one.get("rate"), one.get("flat")
        if type(rate) is not str or type(flat) is not int:
            return None
        try:
            made[mode] = _fee(rate, flat)
        except ValueError:
            return None
    return FeeSet(made)


@lru_cache(FEES_AT_HAND)
def _fee(rate: str, flat: int) -> Fee:
    """ValueError where either is none."""
    return Fee(Rate.parse(rate), flat)


def _registry_fees(at: At, known: frozenset[str]) -> Mapping[str, RegistryFee]:
    made: dict[str, RegistryFee] = {}
    for name, entry in at.entries(limit=MAX_REGISTRIES, what="registries"):
        if name not in known:
            raise entry.fail(f"no registry {shown(name)}")
        fields = entry.fields("in_rate", "in_flat", "out_rate", "out_flat")
        made[name] = RegistryFee(
            in_rate=_get(fields, "in_rate", At.fee_rate, ONE),
            in_flat=_get(fields, "in_flat", At.natural, 0),
            out_rate=_get(fields, "out_rate", At.fee_rate, ONE),
            out_flat=_get(fields, "out_flat", At.natural, 0),
        )
    return made


def _lines(at: At, names: Mapping[str, int], known: frozenset[str]) -> tuple[Line, ...]:
    found: list[Line] = []
    brands: dict[str, int] = {}  # those that were read already
    seen: dict[tuple[int, int, int], int] = {}
    for i, value in enumerate(at.values(limit=MAX_LINES, what="lines")):
        line = _plain_line(value, names, brands) or _line(at.item(i), names, known)
        brand = brands.setdefault(line.brand, len(brands))
        ends = (names[line.promisor], names[line.promisee], brand)
        if (first := seen.setdefault(ends, i)) != i:
            raise at.item(i).fail(f"the same from, to and brand as {at.item(first).place}")
        found.append(line)
    return tuple(found)


def _plain_line(value: Any, names: Mapping[str, int], brands: Mapping[str, int]) -> Line | None:
    """What nearly all of a million lines are, read without a note of each part's place; None where
    anything is missing, wrong or merely unusual: `_line` says what."""
    if type(value) is not dict or not _PLAIN_LINE.issuperset(value):
        return None
    if value.get("fees") is not None or value.get("registry_fees") is not None:
        return None
    promisor, promisee, brand = value.get("from"), value.get("to"), value.get("brand")
    if type(promisor) is not str or type(promisee) is not str or type(brand) is not str:
        return None
    if promisor not in names or promisee not in names or brand not in brands:
        return None
    available = value.get("available")
    if type(available) is not int or not 0 <= available <= MAX_AMOUNT or promisor == promisee:
        return None
    return Line(promisor, promisee, brand, available)


def _line(at: At, names: Mapping[str, int], known: frozenset[str]) -> Line:
    fields = at.fields(*_LINE_KEYS, required=("from", "to", "brand", "available"))
    ends = []
    for key in ("from", "to"):
        if (name := fields[key].name()) not in names:
            raise fields[key].fail(f"no node {shown(name)}")
        ends.append(name)
    if ends[0] == ends[1]:
        raise fields["to"].fail("a line leads to another node")
    return Line(
        promisor=ends[0],
        promisee=ends[1],
        brand=fields["brand"].name(),
        available=fields["available"].natural(),
        fees=_or_null(fields, "fees", _fees),
        registry_fees=_or_null(fields, "registry_fees", lambda a: _registry_fees(a, known)),
    )
