"""What a node says about exchanges, rights and accounts, in the form that commands rely on."""

from typing import Any, Final

from proto.escrow.reasons import EscrowReason
from tests.node.command.answers import ANSWERS

AT: Final = 1_795_000_000_000_000
ALICE: Final[dict[str, Any]] = {
    "node": "a1" * 32,
    "alias": "Alice",
    "known": "you",
    "ours": True,
}
BOB: Final[dict[str, Any]] = {
    "node": "b0" * 32,
    "alias": "Bob",
    "known": "",
    "ours": False,
}
LAND: Final[dict[str, Any]] = {
    "node": "1a" * 32,
    "alias": "Land",
    "known": "card",
    "ours": False,
}
MONEY: Final[dict[str, Any]] = {
    "no": 1,
    "brand": "0d" * 16,
    "name": "USD",
    "type": "money",
    "attributes": "{}",
    "amount": 900,
    "from": "buyer",
    "to": "seller",
    "carrier": "money",
    "registrar": None,
    "fee_max": 0,
    "state": "being paid",
    "payment": "9a" * 16,
}
PARCEL: Final[dict[str, Any]] = {
    "no": 2,
    "brand": "f8" * 16,
    "name": "Ahern 7",
    "type": "parcel",
    "attributes": '{"parcel_id":7,"region":"Ahern"}',
    "amount": 10,
    "from": "seller",
    "to": "buyer",
    "carrier": "right",
    "registrar": "1a" * 32,
    "fee_max": 1,
    "state": "promised by its registrar",
    "payment": None,
}
PLAN: Final[list[dict[str, Any]]] = [
    {
        "seat": "buyer",
        "ours": True,
        "gives": [1],
        "receives": [2],
        "wants": [2],
        "signs": True,
        "fees_at_most": [{"leg": 2, "amount": 1}],
        "risk": "All or nothing.",
    },
    {
        "seat": "seller",
        "ours": False,
        "gives": [2],
        "receives": [1],
        "wants": [1],
        "signs": True,
        "fees_at_most": [],
        "risk": None,
    },
]
SEAT: Final[dict[str, Any]] = {
    "seat": "buyer",
    "phase": "SIGNED",
    "because": None,
    "given": [1],
    "accepted": [2],
    "promised": [2],
    "signed": True,
    "emptying_holds": 0,
    "max_cost": 910,
    "invited_at_us": AT,
    "ended_at_us": 0,
}
DEAL: Final[dict[str, Any]] = {
    "phase": "DECIDING",
    "because": None,
    "blamed": "",
    "waits_for": "the registry",
    "until_us": AT + 30_000_000,
    "joined": [True, False],
    "accepted": [True, True],
    "promised": [False, True],
    "signed": [True, True],
    "unanswered_letters": 0,
    "ended_at_us": 0,
}
PROPOSED: Final[dict[str, Any]] = {
    "id": "4f" * 16,
    "transaction": "buy parcel",
    "template": "5a" * 32,
    "ships": True,
    "initiator": ALICE,
    "note": "as agreed",
    "within_us": 30_000_000,
    "created_at_us": AT,
    "expires_at_us": AT + 300_000_000,
    "registries": ["Harbour"],
    "coordinators": [ALICE],
    "registrars": [LAND],
    "seats": [{"seat": "buyer", **ALICE}, {"seat": "seller", **BOB}],
    "legs": [MONEY, PARCEL],
    "plan": PLAN,
}
EXCHANGE: Final[dict[str, Any]] = {
    **PROPOSED,
    "deal": DEAL,
    "seats_of_ours": [SEAT],
    "commit_id": "cc" * 32,
    "uuid": "9a9a9a9a-9a9a-8a9a-9a9a-9a9a9a9a9a9a",
    "deadline_us": AT + 30_000_000,
    "final_by_us": AT + 31_500_000,
    "outcome": None,
    "evidence": "commit",
    "state": "DECIDING",
    "next": {
        "who": "Harbour",
        "what": "to decide",
        "since_us": AT,
        "until_us": AT + 31_500_000,
        "otherwise": "what is locked stays locked",
        "evidence": "a commit certificate or an abort certificate of the registry",
    },
}
COMMITTED: Final[dict[str, Any]] = {
    **EXCHANGE,
    "deal": {**DEAL, "phase": "CLOSED"},
    "seats_of_ours": [{**SEAT, "phase": "DELIVERED"}],
    "outcome": "COMMITTED",
    "evidence": "commit certificate",
    "state": "COMMITTED",
    "next": None,
}
INVITED: Final[dict[str, Any]] = {
    **EXCHANGE,
    "deal": None,
    "seats_of_ours": [{**SEAT, "phase": "INVITED"}],
    "uuid": None,
    "state": "INVITED",
    "next": {
        **EXCHANGE["next"],
        "who": "you",
        "what": "to accept or decline the seat of buyer",
        "until_us": AT + 300_000_000,
    },
}


def failed(why: EscrowReason, blamed: str = "seller") -> dict[str, Any]:
    """One that did not come about."""
    deal = {**DEAL, "phase": "FAILED", "because": why.name, "blamed": blamed}
    return {**EXCHANGE, "deal": deal, "state": "FAILED", "next": None, "evidence": None}


DRY: Final[dict[str, Any]] = {
    **PROPOSED,
    "proposed": False,
    "serves": True,
    "checks": [
        {"leg": 1, "gives": True, "ok": True, "cost": 905, "says": "costs 905"},
        {"leg": 2, "gives": False, "ok": None, "cost": None, "says": "nobody can say"},
    ],
}
RIGHT: Final[dict[str, Any]] = {
    "brand": "f8" * 16,
    "name": "Ahern 7",
    "type": "parcel",
    "attributes": '{"parcel_id":7,"region":"Ahern"}',
    "lot": 1,
    "supply": 1,
    "registrar": "1a" * 32,
    "registrar_alias": "Land",
    "fee_rate": "1",
    "fee_flat": 0,
    "vetting": "ANYONE",
    "registries": ["Harbour"],
    "longest_lock_us": 3_600_000_000,
}
ACCOUNT: Final[dict[str, Any]] = {
    **RIGHT,
    "account": "7d" * 16,
    "label": "",
    "may_transfer": True,
    "opened_at_us": AT,
}
STANDING: Final[dict[str, Any]] = {
    "id": "c1" * 16,
    "transaction": "buy object",
    "rule": {
        "template": "5a" * 32,
        "seat": "seller",
        "values": {
            "amount": {"min": 40, "max": 90},
            "brand": "USD",
            "task_id": [5, 6],
            "simulator": ["any", None],
        },
        "until_us": AT + 7,
        "after_us": 0,
        "only": [],
        "proposal": "",
        "options": {},
        "anything": ["region"],
        "at_once": 5,
        "of_one": 2,
        "per_hour": 120,
        "per_day": 1000,
        "within_s": 60,
    },
    "created_at_us": AT,
    "ended": False,
    "used": {"at_once": 1, "per_hour": 17, "per_day": 230},
}
ENTRY: Final[dict[str, Any]] = {
    "id": "7c" * 32 + "06",
    "kind": "UNDECIDED",
    "what": "an exchange has no final answer long after its deadline",
    "step": "contact the registry's operator",
    "at_us": AT,
    "age_s": 93_784,
    "peer": "b0" * 32,
    "alias": "Bob",
    "amount": 0,
    "brand": None,
    "detail": "no final answer",
    "exchange": "4f" * 16,
    "commit_id": "7c" * 32,
    "uuid": "9a9a9a9a-9a9a-8a9a-9a9a-9a9a9a9a9a9a",
    "has_evidence": True,
    "settled": False,
}
ESCROW_ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "escrow.propose": {**EXCHANGE, "proposed": True},
    "escrow.list": {"exchanges": [EXCHANGE, COMMITTED, failed(EscrowReason.EXPIRED)]},
    "escrow.show": EXCHANGE,
    "escrow.follow": COMMITTED,
    "escrow.accept": EXCHANGE,
    "escrow.leave": EXCHANGE,
    "escrow.evidence": {**ANSWERS["payment.evidence"], "id": "4f" * 16},
    "escrow.stand": STANDING,
    "escrow.standing": {"standing": [STANDING]},
    "escrow.unstand": {**STANDING, "ended": True},
    "escrow.inbox": {"inbox": [ENTRY]},
    "escrow.bundle": {"id": ENTRY["id"], "bundle": '{"format": "x"}'},
    "rights.learn": {"rights": [RIGHT], "more": False},
    "rights.list": {"rights": [RIGHT]},
    "rights.forget": RIGHT,
    "account.open": ACCOUNT,
    "account.import": ACCOUNT,
    "account.list": {
        "accounts": [
            {**ACCOUNT, "balance": 1},
            {**ACCOUNT, "label": "two", "balance": None, "why": "Land does not answer"},
        ]
    },
    "account.show": {**ACCOUNT, "balance": 1},
}
