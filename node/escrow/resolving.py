"""Which right a template means, once it is filled in: THE one of its type and attributes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.escrow.faults import FaultCode, TemplateFault, shown
from node.escrow.templates import ANY_RIGHT, Gathered
from node.escrow.wildcards import Fill, Slot, Value, node_in_hex
from proto.escrow.rights import Right, canonical_json
from proto.keys import NodeId

NAMED: Final = 8  # keys of what was looked for that a fault names


@dataclass(frozen=True, slots=True)
class Bound:
    """What seats (node ids) and wildcards of `template` (its name) stand for."""

    template: str
    nodes: Mapping[str, NodeId]
    values: Mapping[str, Value]

    def value(self, slot: Slot | None) -> Value | None:
        """A literal itself, or what the wildcard stands for; None for a slot that is not there."""
        return self.values[slot.name] if isinstance(slot, Fill) else slot


def find_right(
    gathered: Gathered, bound: Bound, rights: Mapping[bytes, Right], place: str
) -> Right:
    """The one right that has this type and exactly these attributes; where "brand" is given, the
    one of this GUID, and it must not contradict. Raises TemplateFault, naming what was looked for.
    """
    attributes = {key: bound.value(slot) for key, slot in gathered.attributes}
    exactly = canonical_json(attributes)
    brand = bound.value(gathered.brand)
    registrar = _registrar(gathered, bound)
    known = {right.brand.guid: right for right in rights.values()}
    found = [
        right
        for _, right in sorted(known.items())
        if gathered.kind in (ANY_RIGHT, right.kind)
        and registrar in (None, right.registrar)
        and (right.attributes == exactly if brand is None else _is(right, brand, attributes))
    ]
    if len(found) == 1:
        return found[0]
    wanted = attributes | ({} if brand is None else {"brand": brand})
    if registrar is not None:
        wanted["registrar"] = registrar.hex()
    said = ", ".join(f"{shown(k)}: {shown(v)}" for k, v in list(wanted.items())[:NAMED])
    looked = f"{gathered.kind} {{{said}}}"
    if not found:
        cause = f"no registrar's description says {looked}"
        raise TemplateFault(FaultCode.RIGHT_UNKNOWN, place, cause)
    cause = f"{len(found)} rights are {looked}: name the registrar or the brand"
    raise TemplateFault(FaultCode.RIGHT_AMBIGUOUS, place, cause)


def _registrar(gathered: Gathered, bound: Bound) -> NodeId | None:
    value = bound.value(gathered.registrar)
    if value is None:
        return None
    if isinstance(gathered.registrar, str) and value in bound.nodes:
        return bound.nodes[str(value)]
    return node_in_hex(value)


def _is(right: Right, brand: Value, attributes: Mapping[str, Value | None]) -> bool:
    """Whether it is the right of this GUID, and nothing that is said of it is wrong."""
    if right.brand.guid.hex() != brand:
        return False
    own: dict[str, Any] = json.loads(right.attributes)  # checked by read_right
    return all(own.get(key) == value for key, value in attributes.items())
