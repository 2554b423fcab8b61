"""Targets: templates of exchanges, and how they are filled in, as strangers propose them."""

import json
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from node.escrow.checks import check_exchange, check_sums
from node.escrow.faults import TemplateFault
from node.escrow.library import NAMES, library, library_bytes
from node.escrow.own_templates import read_own
from node.escrow.plan import bind, compile_plan
from node.escrow.resolving import Bound
from node.escrow.templates import read_template
from proto.escrow.rights import canonical_json
from proto.limits import SHORT_DECISION_US
from tests.fuzz.mutate import Form
from tests.fuzz.target import Broken, Target
from tests.node.escrow.cases import ALL
from tests.node.escrow.rights import by_guid

TEXT: Final = Form.TEXT
FAULT: Final = (TemplateFault,)
CASES: Final = {case.name: case for case in ALL}
FILLED: Final = "deed parcel and tier"  # numbers, texts, and a default
SHOP: Final = "buy object"
OWN: Final = library_bytes(SHOP).replace(b'"buy object"', b'"my sale"')
FOLDER: Final = Path(mkdtemp(prefix="fuzz-templates-"))


def _compiled(data: bytes) -> Any:
    """Whatever a template says: what it comes to is safe by other code."""
    case = CASES[SHOP]
    rights = by_guid(*case.rights)
    plan = compile_plan(data, case.instance, rights)
    unsafe = check_exchange(
        plan.legs,
        {seat.name: seat.node for seat in plan.seats},
        {seat.name: seat.wants for seat in plan.seats},
        [seat.name for seat in plan.seats if seat.commits],
        rights,
        SHORT_DECISION_US,
    ) or check_sums(data, case.instance, plan.legs, rights)
    if unsafe:
        raise Broken(f"compiled, and unsafe: {unsafe.value}")
    return plan


def _own(data: bytes) -> Any:
    path = FOLDER / "own.json"
    path.write_bytes(data)
    return read_own(path)


def _instance_bytes(bound: Bound) -> bytes:
    seats = {seat: node.hex() for seat, node in bound.nodes.items()}
    whole = {"transaction": bound.template, **seats, **bound.values}
    return canonical_json(whole).encode()


def exchanges() -> list[Target]:
    """Templates alone, filled in, and in files of one's own."""
    shipped = tuple(library_bytes(name) for name in NAMES)
    wider = json.dumps(
        {
            **json.loads(library_bytes(SHOP)),
            "seats": ["buyer", "seller"],
            "wants": {"buyer": [{"name": "deliverable", "to": "buyer"}], "seller": ["payment"]},
        }
    ).encode()
    return [
        Target("template", read_template, FAULT, shipped, form=TEXT),
        Target("template, compiled", _compiled, FAULT, (library_bytes(SHOP), wider), form=TEXT),
        Target("instance", lambda d: bind(library()[FILLED], d), FAULT, (CASES[FILLED].instance,),
               _instance_bytes, form=TEXT),
        Target("template of one's own", _own, FAULT, (OWN,), form=TEXT),
    ]  # fmt: skip
