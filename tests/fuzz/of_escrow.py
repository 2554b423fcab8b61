"""Targets: templates of exchanges, and how they are filled in, as strangers propose them."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any, Final

from node.core.escrow.reading import read_terms
from node.escrow.checks import check_exchange, check_sums
from node.escrow.faults import TemplateFault
from node.escrow.judging import Judge
from node.escrow.library import NAMES, library, library_bytes
from node.escrow.own_templates import read_own
from node.escrow.plan import bind, compile_plan
from node.escrow.resolving import Bound
from node.escrow.standing import Rule, RuleInvalid
from node.escrow.templates import read_template
from node.registrar.legs import read_leg
from node.registrar.step import Refused
from proto.card import sign_card
from proto.envelope import Envelope
from proto.escrow.legs import Leg, MoneyCarrier
from proto.escrow.letters import Fix, Letter, decode_letter, encode_letter
from proto.escrow.proposal import PROPOSAL_KIND
from proto.escrow.rights import canonical_json
from proto.escrow.terms import MAX_TERMS, Opening
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose
from proto.limits import SHORT_DECISION_US
from proto.merkle import leaf_hash, root_from_path
from proto.money import common_brand
from tests.fuzz import values as v
from tests.fuzz.mutate import Form
from tests.fuzz.of_letters import CARD, HERE, OPENINGS, PROPOSAL, ROOT, THERE, WIRE
from tests.fuzz.target import Broken, Target
from tests.node.escrow.cases import ALL
from tests.node.escrow.rights import by_guid
from tests.proto.build import DESCRIPTOR

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


def _judged(payload: bytes) -> Any:
    """A proposal whose initiator signs whatever he likes: no other plan than its template's."""
    signed = Envelope.seal(v.NODE, PROPOSAL_KIND, payload).encode()
    judge: Any = None  # it reads nothing else than the letter
    read = Judge._read(judge, signed)
    if read is not None:
        proposal, plan = read
        assert proposal.legs == plan.legs
    return read


def _leg(data: bytes) -> Any:
    """An opening that a registrar is shown, under terms whose root fits."""
    opening = Opening.decode(data)
    hashed = leaf_hash(opening.salt + opening.leaf)
    root = root_from_path(hashed, opening.index, opening.size, opening.path, MAX_TERMS)
    descriptor = replace(DESCRIPTOR, terms_root=root or bytes(32)).encode()
    step: Any = SimpleNamespace(house=SimpleNamespace(node=v.NODE.node_id))
    return read_leg(step, descriptor, opening)


def _terms(data: bytes) -> Any:
    """What a coordinator opens to a seat."""
    body = decode_letter(data).body
    if not isinstance(body, Fix):
        return None
    return read_terms(body.openings, ROOT)


def _proposal() -> bytes:
    """A gift, as its giver proposes it."""
    case = CASES["gift"]
    people = {"giver": v.NODE.node_id.hex(), "receiver": THERE.hex()}
    filled = json.loads(case.instance) | people
    leg = Leg(1, common_brand("USD").guid, 40, "giver", "receiver", MoneyCarrier(HERE, THERE))
    keys = {KeyPurpose.TLS: v.CARD.tls_certificate, KeyPurpose.SEAL: v.SEAL.public}
    tls, seal = (
        certify_key(v.PEER, KeyCertificate(THERE, purpose, key, 0, 2**62)).SerializeToString()
        for purpose, key in keys.items()
    )
    peer = replace(v.CARD, node=THERE, tls=tls, seal=seal)
    seats = (("giver", CARD), ("receiver", sign_card(v.PEER, peer)))
    return replace(
        PROPOSAL,
        template=library_bytes("gift"),
        instance=canonical_json(filled).encode(),
        rights=(),
        seats=seats,
        legs=(leg,),
        registrars=(),
    ).encode()


def exchanges() -> list[Target]:
    """Templates alone, filled in, in files of one's own, in proposals; and what is opened of it."""
    shipped = tuple(library_bytes(name) for name in NAMES)
    wider = json.dumps(
        {
            **json.loads(library_bytes(SHOP)),
            "seats": ["buyer", "seller"],
            "wants": {"buyer": [{"name": "deliverable", "to": "buyer"}], "seller": ["payment"]},
        }
    ).encode()
    fixed = Letter(HERE, THERE, 1, Fix(b"p" * 16, "buyer", b"", OPENINGS, CARD))
    rule = Rule(library()[SHOP].hash.hex(), "seller", {"amount": {"min": 40}}, 9, 1, (HERE.hex(),))
    return [
        Target("template", read_template, FAULT, shipped, form=TEXT),
        Target("template, compiled", _compiled, FAULT, (library_bytes(SHOP), wider), form=TEXT),
        Target("instance", lambda d: bind(library()[FILLED], d), FAULT, (CASES[FILLED].instance,),
               _instance_bytes, form=TEXT),
        Target("template of one's own", _own, FAULT, (OWN,), form=TEXT),
        Target("proposal, judged", _judged, (), (_proposal(),), cost=8),
        Target("leg shown to a registrar", _leg, (Refused, *WIRE), (OPENINGS[1].encode(),)),
        Target("terms opened to a seat", _terms, WIRE, (encode_letter(fixed),)),
        Target("standing offer", lambda d: Rule.from_json(d.decode("utf-8", "replace")),
               (RuleInvalid,), (rule.to_json().encode(),), lambda r: r.to_json().encode(),
               form=TEXT),
    ]  # fmt: skip
