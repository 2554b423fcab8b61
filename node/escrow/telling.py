"""A template in words for people: what moves, and who gives, gets, wants and signs what."""

from collections.abc import Mapping
from dataclasses import dataclass

from node.escrow.resolving import Bound
from node.escrow.templates import ANY_RIGHT, MONEY, Flow, Gathered, SeatShape, Template
from node.escrow.wildcards import ANY_REGISTRAR, BOUNDED, Fill, Kind, Slot, Wildcard

NOTHING = "-"


@dataclass(frozen=True, slots=True)
class SeatTold:
    """A row of the table of seats; legs as "parcel (2)". `needs`: wants of what goes to others."""

    name: str
    gives: str
    gets: str
    needs: str
    signs: bool


def thing(gathered: Gathered, amount: Slot | None, bound: Bound) -> str:
    """What moves: "40 USD", "parcel (region Ahern, parcel_id 17)"; <name> where nothing is said."""
    slot = gathered.amount if amount is None else amount
    count = _text(slot, bound)
    if gathered.kind == MONEY:
        return f"{count} {_text(gathered.brand, bound)}"
    facts = [f"{key} {_text(slot, bound)}" for key, slot in gathered.attributes]
    if gathered.brand is not None:
        facts.append(f"brand {_text(gathered.brand, bound)}")
    if gathered.registrar is not None:
        keeper = _text(gathered.registrar, bound)
        facts.append(f"kept by {'any registrar' if keeper == ANY_REGISTRAR else keeper}")
    kind = "of a right" if gathered.kind == ANY_RIGHT else gathered.kind
    what = f"{kind} ({', '.join(facts)})" if facts else kind
    return what if slot is None else f"{count} {what}"


def _text(slot: Slot | None, bound: Bound) -> str:
    if not isinstance(slot, Fill):
        return str(slot)
    value = bound.values.get(slot.name)
    if value is None:
        return f"<{slot.name}>" if slot.times == 1 else f"{slot.times} x <{slot.name}>"
    return str(value * slot.times) if isinstance(value, int) else value


def amount_of(flow: Flow, bound: Bound) -> int | None:
    """How much a leg moves; None where that is not said yet, or is one lot of the right."""
    slot = flow.gathered.amount if flow.amount is None else flow.amount
    value = bound.values.get(slot.name) if isinstance(slot, Fill) else slot
    times = slot.times if isinstance(slot, Fill) else 1
    return value * times if isinstance(value, int) else None


def arrows(template: Template, bound: Bound) -> list[str]:
    """One line for each leg: from → to, and what moves."""
    ends = [(f.gathered.giver, f.to) for f in template.flows]
    left = max(len(giver) for giver, _ in ends)
    right = max(len(to) for _, to in ends)
    return [
        f"{f.no:>2}  {giver:<{left}} ──▶ {to:<{right}}  {thing(f.gathered, f.amount, bound)}"
        for f, (giver, to) in zip(template.flows, ends, strict=True)
    ]


def seats_told(template: Template) -> list[SeatTold]:
    """Each seat in the order of the template."""
    flows = {f.no: f for f in template.flows}
    return [_seat(seat, flows) for seat in template.seats]


def _seat(seat: SeatShape, flows: Mapping[int, Flow]) -> SeatTold:
    def named(numbers: tuple[int, ...]) -> str:
        return ", ".join(f"{flows[no].gathered.name} ({no})" for no in numbers) or NOTHING

    others = [flows[no] for no in seat.wants if no not in seat.receives]
    needs = ", ".join(f"{f.gathered.name} ({f.no}) reaches {f.to}" for f in others) or NOTHING
    return SeatTold(seat.name, named(seat.gives), named(seat.receives), needs, seat.commits)


def bounds_told(wildcard: Wildcard) -> str:
    """Its bounds and default in words; "" where there are none."""
    said = []
    least, most = wildcard.least, wildcard.most
    if wildcard.kind is Kind.AMOUNT:
        least = max(1, least or 1)
    if least is not None and most is not None and wildcard.kind in BOUNDED:
        said.append(f"{least} to {most}")
    elif least is not None:
        said.append(f"at least {least}")
    elif most is not None:
        said.append(f"at most {most}")
    if wildcard.one_of:
        said.append(f"one of {', '.join(map(str, wildcard.one_of))}")
    if wildcard.default is not None:
        said.append(f"{wildcard.default} where nothing is said")
    return "; ".join(said)


def holds_money(template: Template) -> bool:
    """Whether credit is part of it: then it has to be decided within a minute."""
    return any(g.kind == MONEY for g in template.gathered)
