"""Templates of exchanges (escrow section 6): who gives what, and who receives it. Read strictly.

No loops, no conditions: what comes out otherwise than yes or no is a chain of transactions. All
that can be refused without knowing how a template is filled in is refused here, the rest in plan.py
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from node.escrow.faults import FaultCode, TemplateFault, shown
from node.escrow.strict_json import read_json
from node.escrow.wildcards import MAX_WILDCARDS, NAME, Kind, Slot, Slots, Wildcard
from proto.limits import MAX_LEGS, MAX_SEATS, MAX_TEMPLATE_BYTES, MAX_TYPE_CHARS

MONEY: Final = "money"
ANY_RIGHT: Final = "right"  # of whatever type: named by its GUID alone
TRANSACTION: Final = "transaction"  # the key of an instance that names its template
MAX_ABOUT_CHARS: Final = 160
MAX_NAME_CHARS: Final = 48
MAX_VERSION: Final = 2**31 - 1
MAX_ATTRIBUTES: Final = 16
MAX_KEY_CHARS: Final = 64
# Lower-case ASCII: no two names look alike, and a hyphen or underscore on a command line is a space
TEMPLATE_NAME: Final = re.compile(r"[a-z0-9]+( [a-z0-9]+)*")
KEYS: Final = ("template", "version", "seats", "gather", "distribute")
MORE_KEYS: Final = ("about", "wants")


@dataclass(frozen=True, slots=True)
class Gathered:
    """What seat `giver` gives. `amount` None: one lot. `registrar`: a seat's name, or a slot.

    `kind`: the right's type, "money" (`brand` is set), or "right" for any (`brand` is set).
    `attributes` are pairs of a key and a slot; they and `brand` tell the right from others.
    """

    name: str
    giver: str
    kind: str
    brand: Slot | None = None
    amount: Slot | None = None
    registrar: Slot | None = None
    attributes: tuple[tuple[str, Slot], ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """One leg as the template has it. `amount` None: all that is gathered under the name."""

    no: int
    gathered: Gathered
    to: str
    amount: Slot | None = None


@dataclass(frozen=True, slots=True)
class SeatShape:
    """Numbers of the legs that a seat gives, receives and wants; `commits`: its key must sign."""

    name: str
    gives: tuple[int, ...]
    receives: tuple[int, ...]
    wants: tuple[int, ...]

    @property
    def commits(self) -> bool:
        """Rule 4: who receives or wants."""
        return bool(self.receives or self.wants)


@dataclass(frozen=True, slots=True)
class Template:
    """A template that keeps to rules 1, 3 and 4. `hash` is the SHA-256 of its exact bytes."""

    name: str
    version: int
    hash: bytes
    about: str
    seats: tuple[SeatShape, ...]
    gathered: tuple[Gathered, ...]
    flows: tuple[Flow, ...]
    wildcards: tuple[Wildcard, ...]


def read_template(data: bytes) -> Template:
    """Reads and examines a template. Raises TemplateFault, which names the place."""
    raw = read_json(data, "template", MAX_TEMPLATE_BYTES)
    name = raw.get("template")
    if not isinstance(name, str) or len(name) > MAX_NAME_CHARS or not TEMPLATE_NAME.fullmatch(name):
        cause = f"{shown(name)}: a name is lower-case words of a-z and 0-9, one space between two"
        raise TemplateFault(FaultCode.BAD_NAME, "template", cause)
    _check_keys(raw, name, KEYS, MORE_KEYS)
    version, about = raw["version"], raw.get("about", "")
    if not isinstance(version, int) or isinstance(version, bool) or not 1 <= version <= MAX_VERSION:
        raise TemplateFault(FaultCode.SHAPE, f"{name}: version", "is not a whole number from 1 on")
    if not isinstance(about, str) or len(about) > MAX_ABOUT_CHARS or not about.isprintable():
        cause = f"is not a printable text of at most {MAX_ABOUT_CHARS} characters"
        raise TemplateFault(FaultCode.SHAPE, f"{name}: about", cause)
    seats = _seats(raw["seats"], f"{name}: seats")
    slots = Slots()
    gathered = _gathered(raw["gather"], seats, slots, f"{name}: gather")
    flows = _flows(raw["distribute"], seats, gathered, slots, f"{name}: distribute")
    wanted = _wanted(raw.get("wants", {}), seats, flows, f"{name}: wants")
    shapes = _shapes(seats, flows, wanted, name)
    for wildcard in slots.wildcards:
        if wildcard.name in (*seats, TRANSACTION):
            cause = f"{wildcard.name} is a seat's name, or the key {TRANSACTION!r}"
            raise TemplateFault(FaultCode.REPEATED, f"{name}: wildcards", cause)
    if len(slots.wildcards) > MAX_WILDCARDS:
        cause = f"there are more than {MAX_WILDCARDS}"
        raise TemplateFault(FaultCode.TOO_MANY, f"{name}: wildcards", cause)
    hashed = sha256(data).digest()
    return Template(name, version, hashed, about, shapes, gathered, flows, slots.wildcards)


def _check_keys(
    raw: object, place: str, must: tuple[str, ...], may: tuple[str, ...]
) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise TemplateFault(FaultCode.SHAPE, place, f"is not an object but {shown(raw)}")
    for key in must:
        if key not in raw:
            raise TemplateFault(FaultCode.SHAPE, place, f"lacks {key!r}")
    for key in raw:
        if key not in (*must, *may):
            raise TemplateFault(FaultCode.SHAPE, place, f"has an unknown key {shown(key)}")
    return raw


def _name(raw: object, place: str) -> str:
    """A seat's or a gathered thing's name: ASCII, so that no two look alike."""
    if not isinstance(raw, str) or not NAME.fullmatch(raw):
        cause = f"{shown(raw)} is no name of at most 32 letters, digits and _, a letter first"
        raise TemplateFault(FaultCode.BAD_NAME, place, cause)
    return raw


def _list(raw: object, place: str, at_most: int) -> list[Any]:
    if not isinstance(raw, list) or not raw:
        raise TemplateFault(FaultCode.SHAPE, place, "is not a list with something in it")
    if len(raw) > at_most:
        raise TemplateFault(FaultCode.TOO_MANY, place, f"has more than {at_most} entries")
    return raw


def _seats(raw: object, place: str) -> tuple[str, ...]:
    seats = tuple(_name(x, f"{place}[{i}]") for i, x in enumerate(_list(raw, place, MAX_SEATS)))
    for i, seat in enumerate(seats):
        if seat in seats[:i]:
            raise TemplateFault(FaultCode.REPEATED, f"{place}[{i}]", f"{seat} is named twice")
        if seat == TRANSACTION:
            cause = f"{TRANSACTION!r} is the key that names the template"
            raise TemplateFault(FaultCode.BAD_NAME, f"{place}[{i}]", cause)
    return seats


def _seat(raw: object, seats: tuple[str, ...], place: str) -> str:
    if not isinstance(raw, str) or raw not in seats:
        cause = f"{shown(raw)} is no seat: there are {', '.join(seats)}"
        raise TemplateFault(FaultCode.UNKNOWN_SEAT, place, cause)
    return raw


# ---------------------------------------------------------------- gather and distribute


def _gathered(
    raw: object, seats: tuple[str, ...], slots: Slots, place: str
) -> tuple[Gathered, ...]:
    found: list[Gathered] = []
    for i, entry in enumerate(_list(raw, place, MAX_LEGS)):
        here = f"{place}[{i}]"
        entry = _check_keys(entry, here, ("name", "from", "is"), ())
        name = _name(entry["name"], f"{here}.name")
        if any(name == other.name for other in found):
            raise TemplateFault(FaultCode.REPEATED, f"{here}.name", f"{name} is gathered twice")
        giver = _seat(entry["from"], seats, f"{here}.from")
        found.append(_thing(name, giver, entry["is"], seats, slots, f"{here}.is"))
    return tuple(found)


def _thing(
    name: str, giver: str, raw: object, seats: tuple[str, ...], slots: Slots, place: str
) -> Gathered:
    if not isinstance(raw, dict):
        raise TemplateFault(FaultCode.SHAPE, place, f"is not an object but {shown(raw)}")
    kind = raw.get("type")
    if not isinstance(kind, str) or not kind.isprintable() or not 1 <= len(kind) <= MAX_TYPE_CHARS:
        cause = f"is not a printable text of at most {MAX_TYPE_CHARS} characters"
        raise TemplateFault(FaultCode.SHAPE, f"{place}.type", cause)
    more = {k: v for k, v in raw.items() if k not in ("type", "brand", "amount", "registrar")}
    if kind == MONEY:
        _check_keys(raw, place, ("type", "brand", "amount"), ())
    if kind == ANY_RIGHT:
        _check_keys(raw, place, ("type", "brand"), ("amount", "registrar"))
    if len(more) > MAX_ATTRIBUTES or any(len(k) > MAX_KEY_CHARS for k in more):
        cause = f"has more than {MAX_ATTRIBUTES} attributes, or too long a name of one"
        raise TemplateFault(FaultCode.TOO_MANY, place, cause)

    def slot(key: str, of: Kind) -> Slot | None:
        return slots.read(raw[key], of, f"{place}.{key}") if key in raw else None

    registrar: Slot | None
    if isinstance(raw.get("registrar"), str) and raw["registrar"] in seats:
        registrar = raw["registrar"]
    else:
        registrar = slot("registrar", Kind.REGISTRAR)
    attributes = []
    for key, value in more.items():
        if not key.isprintable():
            cause = f"has an attribute that cannot be shown: {shown(key)}"
            raise TemplateFault(FaultCode.SHAPE, place, cause)
        attributes.append((key, slots.read(value, Kind.EITHER, f"{place}.{key}")))
    brand = slot("brand", Kind.MONEY_BRAND if kind == MONEY else Kind.RIGHT_BRAND)
    amount = slot("amount", Kind.AMOUNT)
    return Gathered(name, giver, kind, brand, amount, registrar, tuple(attributes))


def _flows(
    raw: object,
    seats: tuple[str, ...],
    gathered: tuple[Gathered, ...],
    slots: Slots,
    place: str,
) -> tuple[Flow, ...]:
    names = {g.name: g for g in gathered}
    parts: dict[str, list[tuple[str, Slot | None]]] = {g.name: [] for g in gathered}
    for i, entry in enumerate(_list(raw, place, MAX_LEGS)):
        here = f"{place}[{i}]"
        entry = _check_keys(entry, here, ("name", "to"), ("amount",))
        name = entry["name"]
        if not isinstance(name, str) or name not in names:
            cause = f"{shown(name)} is given by nobody: gathered are {', '.join(names)}"
            raise TemplateFault(FaultCode.NOT_GATHERED, f"{here}.name", cause)
        to = _seat(entry["to"], seats, f"{here}.to")
        if to == names[name].giver:
            cause = f"{name} would go back to {to}, who gives it"
            raise TemplateFault(FaultCode.TO_ITSELF, f"{here}.to", cause)
        if any(to == other for other, _ in parts[name]):
            cause = f"{name} goes to {to} twice: say it once"
            raise TemplateFault(FaultCode.REPEATED, f"{here}.to", cause)
        amount = None
        if "amount" in entry:
            amount = slots.read(entry["amount"], Kind.AMOUNT, f"{here}.amount")
        parts[name].append((to, amount))
    for name, found in parts.items():
        if not found:
            cause = f"{name} is gathered and handed to nobody"
            raise TemplateFault(FaultCode.NOT_DISTRIBUTED, place, cause)
        if len(found) > 1 and any(amount is None for _, amount in found):
            cause = f'{name} goes to several seats: each needs its "amount"'
            raise TemplateFault(FaultCode.NOT_DISTRIBUTED, place, cause)
    legs = [(names[name], to, amount) for name in names for to, amount in parts[name]]
    return tuple(Flow(no, g, to, amount) for no, (g, to, amount) in enumerate(legs, 1))


# ---------------------------------------------------------------- who wants what, who signs


def _wanted(
    raw: object, seats: tuple[str, ...], flows: tuple[Flow, ...], place: str
) -> dict[str, tuple[int, ...]]:
    """What "wants" says: by seat, the numbers of legs."""
    if not isinstance(raw, dict):
        raise TemplateFault(FaultCode.SHAPE, place, f"is not an object but {shown(raw)}")
    found: dict[str, tuple[int, ...]] = {}
    for seat, entries in raw.items():
        here = f"{place}.{_seat(seat, seats, place)}"
        numbers: set[int] = set()
        for i, entry in enumerate(_list(entries, here, MAX_LEGS) if entries != [] else ()):
            at = f"{here}[{i}]"
            legs = _receipts(entry, flows, at)
            if any(flow.gathered.giver == seat for flow in legs):
                cause = f"{seat} gives that itself: it wants what others give"
                raise TemplateFault(FaultCode.WANTS_OWN, at, cause)
            numbers |= {flow.no for flow in legs}
        found[seat] = tuple(sorted(numbers))
    return found


def _receipts(entry: object, flows: tuple[Flow, ...], place: str) -> list[Flow]:
    """A gathered name: wherever it goes; or {"name", "to"}: one seat's receipt of it."""
    to = None
    name = entry
    if isinstance(entry, dict):
        _check_keys(entry, place, ("name", "to"), ())
        name, to = entry["name"], entry["to"]
    found = [f for f in flows if f.gathered.name == name and to in (None, f.to)]
    if not found:
        cause = f"{shown(name)}{'' if to is None else f' to {shown(to)}'} is not distributed"
        raise TemplateFault(FaultCode.UNKNOWN_NAME, place, cause)
    return found


def _shapes(
    seats: tuple[str, ...], flows: tuple[Flow, ...], wanted: dict[str, tuple[int, ...]], name: str
) -> tuple[SeatShape, ...]:
    exchange = len({f.gathered.giver for f in flows}) > 1
    found = []
    for seat in seats:
        gives = tuple(f.no for f in flows if f.gathered.giver == seat)
        receives = tuple(f.no for f in flows if f.to == seat)
        wants = wanted.get(seat, ())
        if exchange and gives and not receives and seat not in wanted:
            # As whoever buys for somebody else does: it wants that the others keep their word.
            wants = tuple(f.no for f in flows if f.gathered.giver != seat)
        # Nobody signs without what he is to receive, whatever else he wants.
        wants = tuple(sorted({*wants, *receives}))
        if exchange and gives and not wants:
            cause = f"{seat} gives in an exchange, and would neither receive nor want anything"
            raise TemplateFault(FaultCode.GIVER_WITHOUT_RETURN, f"{name}: wants", cause)
        shape = SeatShape(seat, gives, receives, wants)
        if not gives and not shape.commits:
            cause = f"{seat} neither gives nor receives nor wants anything"
            raise TemplateFault(FaultCode.IDLE_SEAT, f"{name}: seats", cause)
        found.append(shape)
    return tuple(found)
