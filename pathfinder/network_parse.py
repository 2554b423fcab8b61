"""The strict reader of the JSON form of a network (protocol section 10)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pathfinder.network import DEFAULT_DELTA_US, Line, Network, Node, Policy, name_fault
from pathfinder.network import policy_fault as n3_fault
from proto.fees import Fee, FeeSet, RegistryFee, check_fee_rate
from proto.limits import (
    DEFAULT_HOLD_MAX_US,
    MAX_ADVERT_REGISTRIES,
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
MAX_FIELDS: Final = 16  # no object of fixed keys has more than five
MAX_HOLD_MS: Final = 366 * 24 * 3600 * 1000  # a year: longer is a gift, not a loan
_SHOWN_CHARS: Final = 80  # of a name in an error: more would break the one line it has

T = TypeVar("T")
D = TypeVar("D")


class NetworkFileError(Exception):
    """The file is no network. `place` is a path such as ``nodes.A.fees.ATOMIC.rate``."""

    def __init__(self, place: str, cause: str, file: str = "") -> None:
        super().__init__(place, cause, file)
        self.place, self.cause, self.file = place, cause, file

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.place, self.cause) if part)


def shown(text: str) -> str:
    """A stranger's text, fit for one line of an error."""
    cut = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"
    return cut if cut.isprintable() else ascii(cut)[1:-1]


@dataclass(frozen=True, slots=True)
class At:
    """A value of the file and the place where it stands; `cause` raises for that place."""

    place: str
    value: Any

    def fail(self, cause: str) -> NetworkFileError:
        return NetworkFileError(self.place, cause)

    def down(self, key: str, value: Any) -> "At":
        return At(f"{self.place}.{shown(key)}" if self.place else shown(key), value)

    def entries(self, *, limit: int, what: str) -> list[tuple[str, "At"]]:
        """The entries of an object whose keys are names."""
        if not isinstance(self.value, dict):
            raise self.fail(f"is an object, not {_kind(self.value)}")
        if len(self.value) > limit:
            raise self.fail(f"holds at most {limit} {what}, not {len(self.value)}")
        return [(key, self.down(key, value)) for key, value in self.value.items()]

    def fields(self, *allowed: str, required: tuple[str, ...] = ()) -> dict[str, "At"]:
        """The fields of an object whose keys are known."""
        found = dict(self.entries(limit=MAX_FIELDS, what="keys"))
        for key, at in found.items():
            if key not in allowed:
                raise at.fail("unknown key")
        for key in required:
            if key not in found:
                raise self.down(key, None).fail("is missing")
        return found

    def items(self, *, limit: int, what: str) -> list["At"]:
        """The members of a list."""
        if not isinstance(self.value, list):
            raise self.fail(f"is a list, not {_kind(self.value)}")
        if len(self.value) > limit:
            raise self.fail(f"holds at most {limit} {what}, not {len(self.value)}")
        return [At(f"{self.place}[{i}]", value) for i, value in enumerate(self.value)]

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.fail(f"is a string, not {_kind(self.value)}")
        return self.value

    def name(self) -> str:
        name = self.text()
        if cause := name_fault(name):
            raise self.fail(cause)
        return name

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.fail(f"is true or false, not {_kind(self.value)}")
        return self.value

    def natural(self, limit: int = MAX_AMOUNT) -> int:
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fail(f"is an integer, not {_kind(value)}")
        if not 0 <= value <= limit:
            raise self.fail(f"lies between 0 and {limit}, not {_number(value)}")
        return value

    def fee_rate(self) -> Rate:
        text = self.text()
        try:
            return check_fee_rate(Rate.parse(text))
        except ValueError as error:
            raise self.fail(shown(str(error))) from error


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    kinds |= {int: "an integer", float: "a fraction", type(None): "null"}
    return kinds[type(value)]


def _number(value: int) -> str:
    # An integer of thousands of digits cannot even be printed without a look at its size first.
    return str(value) if abs(value) < 10**30 else "a number beyond all limits"


def parse_network(text: bytes) -> Network:
    """Reads the JSON form. Raises NetworkFileError (without the file's name) for anything else."""
    top = At("", _json(text)).fields(
        "registries", "policies", "nodes", "lines", required=("nodes",)
    )
    registries = _get(top, "registries", _registries, ())
    known = frozenset(registries)
    policies = _get(top, "policies", lambda at: _policies(at, known), ())
    nodes = _nodes(top["nodes"], known)
    names = frozenset(node.name for node in nodes)
    lines = _get(top, "lines", lambda at: _lines(at, names, known), ())
    return Network(registries, policies, nodes, lines)


def _json(text: bytes) -> Any:
    try:
        return json.loads(
            text.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant
        )
    except UnicodeDecodeError as error:
        raise NetworkFileError(f"byte {error.start}", "not UTF-8") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise NetworkFileError(place, f"not JSON: {error.msg}") from error
    except RecursionError as error:
        raise NetworkFileError("", "nested too deeply") from error
    except ValueError as error:  # the language's own bound on the digits of an integer
        raise NetworkFileError("", "holds a number of too many digits") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise NetworkFileError(shown(key), "the same key twice in one object")
        made[key] = value
    return made


def _no_constant(text: str) -> Any:
    raise NetworkFileError("", f"{text} is no number of a network")


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
                    lambda a: _registry_set(a, known, MAX_ADVERT_REGISTRIES),
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
    made: dict[Mode, Fee] = {}
    for name, entry in at.entries(limit=MAX_ALIAS_CHARS, what="modes"):
        if name not in Mode.__members__:
            raise entry.fail(f"no mode of this name; there are {', '.join(Mode.__members__)}")
        fields = entry.fields("rate", "flat")
        made[Mode[name]] = Fee(
            rate=_get(fields, "rate", At.fee_rate, ONE), flat=_get(fields, "flat", At.natural, 0)
        )
    return FeeSet(made)


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


def _lines(at: At, names: frozenset[str], known: frozenset[str]) -> tuple[Line, ...]:
    found = []
    seen: dict[tuple[str, str, str], str] = {}
    for entry in at.items(limit=MAX_LINES, what="lines"):
        fields = entry.fields(
            "from",
            "to",
            "brand",
            "available",
            "fees",
            "registry_fees",
            required=("from", "to", "brand", "available"),
        )
        ends = []
        for key in ("from", "to"):
            if (name := fields[key].name()) not in names:
                raise fields[key].fail(f"no node {shown(name)}")
            ends.append(name)
        if ends[0] == ends[1]:
            raise fields["to"].fail("a line leads to another node")
        line = Line(
            promisor=ends[0],
            promisee=ends[1],
            brand=fields["brand"].name(),
            available=fields["available"].natural(),
            fees=_or_null(fields, "fees", _fees),
            registry_fees=_or_null(fields, "registry_fees", lambda a: _registry_fees(a, known)),
        )
        key3 = (line.promisor, line.promisee, line.brand)
        if key3 in seen:
            raise entry.fail(f"the same from, to and brand as {seen[key3]}")
        seen[key3] = entry.place
        found.append(line)
    return tuple(found)
