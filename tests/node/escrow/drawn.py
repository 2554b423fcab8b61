"""Templates, rights and instances drawn at random, such that they are good."""

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from proto.escrow.rights import Right, canonical_json
from tests.node.escrow.rights import by_guid, node, right

KINDS = ("parcel", "coin", "pass")


@dataclass(frozen=True)
class Drawn:
    """A template (as JSON), its instance (as JSON) and the rights in it."""

    template: dict[str, Any]
    instance: dict[str, Any]
    rights: dict[bytes, Right]

    @property
    def bytes(self) -> tuple[bytes, bytes]:
        return json.dumps(self.template).encode(), canonical_json(self.instance).encode()


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    """Two to five seats, each idle nowhere; up to five things, some split, some by wildcard."""
    seats = [f"s{i}" for i in range(draw(st.integers(2, 5)))]
    instance: dict[str, Any] = {"transaction": "drawn"}
    instance |= {seat: node(seat).hex() for seat in seats}
    gather: list[dict[str, Any]] = []
    distribute: list[dict[str, Any]] = []
    rights: list[Right] = []

    def maybe(name: str, value: str | int) -> Any:
        """The value itself, or a wildcard that is filled in with it, or has it by default."""
        way = draw(st.integers(0, 2))
        if way == 0:
            return value
        if way == 1:
            instance[name] = value
            return {"?": name}
        return {"?": name, "default": value}

    for i in range(draw(st.integers(1, 5))):
        giver = draw(st.sampled_from(seats))
        others = [seat for seat in seats if seat != giver]
        to = draw(st.lists(st.sampled_from(others), min_size=1, max_size=3, unique=True))
        lot = draw(st.sampled_from((1, 7)))
        parts = [lot * draw(st.integers(1, 50)) for _ in to]
        thing: dict[str, Any]
        if draw(st.booleans()):
            thing = {"type": "money", "brand": maybe(f"brand{i}", draw(st.sampled_from("UE")))}
        else:
            fee = draw(st.sampled_from(("1", "1.1")))
            kept = right(draw(st.sampled_from(KINDS)), {"n": i}, supply=2000, lot=lot, fee=fee)
            if min(parts) == 1:
                kept = right(kept.kind, {"n": i}, supply=2000, lot=lot)
            rights.append(kept)
            if draw(st.booleans()):
                thing = {"type": kept.kind, "n": maybe(f"n{i}", i)}
            else:
                thing = {"type": "right", "brand": maybe(f"b{i}", kept.brand.guid.hex())}
        thing["amount"] = maybe(f"amount{i}", sum(parts))
        gather.append({"name": f"t{i}", "from": giver, "is": thing})
        for j, (seat, part) in enumerate(zip(to, parts, strict=True)):
            entry: dict[str, Any] = {"name": f"t{i}", "to": seat}
            if len(to) > 1 or draw(st.booleans()):
                entry["amount"] = maybe(f"part{i}_{j}", part)
            distribute.append(entry)
    used = {g["from"] for g in gather} | {d["to"] for d in distribute}
    seats = [seat for seat in seats if seat in used]
    instance = {k: v for k, v in instance.items() if k not in _unused(used)}
    template = {
        "template": "drawn",
        "version": 1,
        "seats": seats,
        "gather": gather,
        "distribute": distribute,
    }
    return Drawn(template, instance, by_guid(*rights))


def _unused(used: set[str]) -> set[str]:
    return {f"s{i}" for i in range(5)} - used
