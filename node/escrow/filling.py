"""What people type to fill in a template, as values; and the canonical instance made of them."""

from collections.abc import Mapping
from typing import Final

from node.escrow.faults import FaultCode, TemplateFault, shown
from node.escrow.plan import INSTANCE
from node.escrow.templates import TRANSACTION, Template
from node.escrow.wildcards import NUMBERS, Kind, Value
from proto.escrow.rights import canonical_json
from proto.limits import MAX_INSTANCE_BYTES

MAX_DIGITS: Final = 19  # of 2^63 - 1


def typed_values(template: Template, typed: Mapping[str, str]) -> dict[str, Value]:
    """Texts by name of seat or wildcard, as values of the wildcard's kind. Raises TemplateFault.

    Where a text or a number may stand, digits alone are a number; in double quotes they are a text.
    """
    kinds = {w.name: w.kind for w in template.wildcards}
    known = [*(seat.name for seat in template.seats), *kinds]
    values: dict[str, Value] = {}
    for name, text in typed.items():
        if name not in known:
            cause = f"is not to be filled in; what is: {', '.join(known)}"
            raise TemplateFault(FaultCode.UNKNOWN_WILDCARD, f"{INSTANCE}: {shown(name)}", cause)
        values[name] = _value(name, kinds.get(name, Kind.REGISTRAR), text)
    return values


def _value(name: str, kind: Kind, text: str) -> Value:
    if kind in NUMBERS:
        if not _is_number(text):
            cause = f"{shown(text)} is no whole number"
            raise TemplateFault(FaultCode.OUT_OF_BOUNDS, f"{INSTANCE}: {name}", cause)
        return int(text)
    if kind is Kind.EITHER:
        if _is_number(text):
            return int(text)
        if len(text) > 1 and text[0] == text[-1] == '"':
            return text[1:-1]
    return text


def _is_number(text: str) -> bool:
    """Plain digits: what `int` would also take ("1_0", "٣") is more likely an accident."""
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS


def instance_bytes(template: Template, values: Mapping[str, Value]) -> bytes:
    """The canonical bytes that a proposal carries. Raises TemplateFault where they are too long.

    Whether they fill the template in is for plan.bind to say.
    """
    made = canonical_json({TRANSACTION: template.name, **values}).encode()
    if len(made) > MAX_INSTANCE_BYTES:
        cause = f"has more than {MAX_INSTANCE_BYTES} bytes"
        raise TemplateFault(FaultCode.TOO_LONG, INSTANCE, cause)
    return made
