"""What a node says to each verb, in the form that the commands rely on."""

from base64 import b64encode
from typing import Any, Final

from proto.levels import Level
from proto.modes import mode_of

LINE: Final[dict[str, Any]] = {
    "id": "1f" * 32,
    "peer": "b0" * 32,
    "alias": "Bob",
    "brand": "USD",
    "brand_id": "0d" * 16,
    "phase": "OPEN",
    "granted": 50000,
    "received": 20000,
    "balance": -300,
    "available": 19700,
    "available_in": 50300,
    "pending_out": 40,
    "pending_in": 0,
    "count_out": 2,
    "count_in": 0,
    "connected": True,
}
REQUEST: Final[dict[str, Any]] = {
    "id": "4f" * 16,
    "text": "pledgeway-request:abc",
    "amount": 700,
    "brand": "USD",
    "phase": "OPEN",
    "expires_at_us": 1_800_000_000_000_000,
    "manual": True,
    "description": "One lamp",
    "last_levels": ["ATOMIC"],
    "registries": ["Harbour"],
}
RECEIPT: Final[dict[str, Any]] = {
    "file": b64encode(b"a receipt").decode(),
    "kind": "certified",
    "amount": 700,
    "brand": "USD",
}
HOPS: Final = [
    {"from": "Alice", "to": "Bob", "level": "ATOMIC", "amount": 705},
    {"from": "Bob", "to": "Carol", "level": "ATOMIC", "amount": 700},
]
PAYMENT: Final[dict[str, Any]] = {
    "id": "9a" * 16,
    "request_id": "4f" * 16,
    "payee": "ca" * 32,
    "payee_alias": "Carol",
    "amount": 700,
    "brand": "USD",
    "cost": 705,
    "fee": 5,
    "phase": "COMMITTED",
    "attempt": 1,
    "commit_id": "cc" * 32,
    "uuid": "9a9a9a9a-9a9a-8a9a-9a9a-9a9a9a9a9a9a",
    "because": None,
    "registry": "Harbour",
    "hops": HOPS,
    "modes": {"Bob": "ATOMIC"},
    "created_at_us": 1_795_000_000_000_000,
    "ended_at_us": 1_795_000_001_000_000,
    "waits_for": None,
    "evidence": "commit certificate",
}
PROMISED: Final[dict[str, Any]] = {
    **PAYMENT,
    "phase": "PROMISED",
    "ended_at_us": None,
    "evidence": None,
    "waits_for": {
        "what": "the payee's commit",
        "since_us": 1_795_000_000_500_000,
        "until_us": 1_795_000_010_000_000,
        "evidence": None,
    },
}
ABORTED: Final[dict[str, Any]] = {
    **PAYMENT,
    "phase": "ABORTED",
    "because": {"reason": "NEXT_CREDIT_SHORT", "figure": 350, "text": ""},
    "evidence": "abort certificate",
}
REGISTRY: Final = {"id": "a5" * 32, "name": "Harbour", "accepted": True}
POLICY: Final[dict[str, Any]] = {
    "name": "harbours",
    "members": ["a5" * 32, "b6" * 32, "c7" * 32],
    "registries": ["Harbour", "Lagoon", "Quay"],
    "qc": 2,
    "qa": 2,
    "f": 0,
    "delta_ms": 2000,
    "accepted": True,
    "declines": True,
}
FEES: Final[dict[str, Any]] = {
    "fees": {"ATOMIC": {"rate": "1", "flat": 5}, "SECURED": {"rate": "1.001", "flat": 0}},
    "registry_fees": {
        "Harbour": {"in_rate": "1", "in_flat": 0, "out_rate": "1.0005", "out_flat": 1}
    },
    "pairs": [
        {
            "incoming": incoming.name,
            "outgoing": outgoing.name,
            "mode": mode.name if (mode := mode_of(incoming, outgoing)) is not None else None,
            "rate": "1",
            "flat": 5,
            "offered": mode is not None and mode.name in ("ATOMIC", "SECURED", "BARE"),
            "price_of_100000": 100_005,
        }
        for incoming in Level
        for outgoing in Level
    ],
    "watches_registry": False,
    "hold_max_ms": 60_000,
}
STATUS: Final[dict[str, Any]] = {
    "node": "a1" * 32,
    "alias": "Alice",
    "address": "127.0.0.1:7001",
    "uptime_s": 93_784,
    "peers": [
        {
            "node": "b0" * 32,
            "alias": "Bob",
            "address": "127.0.0.1:7002",
            "connected": True,
            "unacknowledged": 0,
            "lines": 1,
        }
    ],
    "lines": 1,
    "pending_promises": 2,
    "payments": {"live": 0, "committed": 3, "aborted": 1},
    "incidents": 1,
    "clock_error_ms": 50,
    "store": {"path": "/x/node.db", "bytes": 3_670_016},
    "registries": [REGISTRY],
    "graph": {"nodes": 3, "lines": 4},
    "gossip": {
        "known": 8,
        "bytes": 2_840,
        "per_kind": {"nodes": 3, "lines": 4, "records": 1, "lists": 0, "frauds": 0},
        "waiting": 2,
        "applied": 31,
        "refused": 0,
        "untimely": 1,
        "limited": 5,
        "evicted": 0,
        "compared": 1,
    },
}
PLAN: Final[dict[str, Any]] = {
    "found": True,
    "exact": True,
    "cost": 705,
    "fee": 5,
    "amount": 700,
    "brand": "USD",
    "payee": "Carol",
    "registry": "Harbour",
    "hops": HOPS,
    "modes": {"Bob": "ATOMIC"},
    "deadline_s": 10,
}
AUDIT: Final[dict[str, Any]] = {
    "ok": True,
    "problems": [],
    "lines": [
        {
            "id": "1f" * 32,
            "peer": "b0" * 32,
            "brand_id": "0d" * 16,
            "booked_out": 300,
            "sequence_out": 2,
            "booked_in": 0,
            "sequence_in": 0,
            "pending_out": 40,
            "pending_in": 0,
        }
    ],
    "outbox": 3,
}
BALANCE: Final = {
    "brands": [
        {
            "brand": "USD",
            "brand_id": "0d" * 16,
            "balance": -300,
            "owed_to_us": 0,
            "owed_by_us": 300,
            "pending_in": 0,
            "pending_out": 40,
            "can_pay": 19660,
            "can_receive": 50300,
        }
    ]
}
INCIDENT: Final = {
    "kind": "CLAIM_LATE",
    "at_us": 1_795_000_000_000_000,
    "peer": "b0" * 32,
    "amount": 40,
    "detail": "shown 3 s late",
}
EVIDENCE: Final = {"file": b64encode(b"\x0a\x01proof").decode(), "kind": "commit certificate"}

LEARNED: Final[dict[str, Any]] = {
    "from": "Bob",
    "to": "Carol",
    "from_id": "b0" * 32,
    "to_id": "ca" * 32,
    "brand": "USD",
    "refused": 900,
    "at_most": 850,
    "reason": "NEXT_CREDIT_SHORT",
    "figure": 50,
    "certain": False,
    "repeats": 1,
    "refused_at_us": 1_795_000_000_000_000,
    "asked_again_at_us": 1_795_000_060_000_000,
    "forgotten_at_us": 1_795_000_480_000_000,
}
ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "status": STATUS,
    "card": {"node": "a1" * 32, "alias": "Alice", "card": "pledgeway-card:xyz"},
    "stop": {},
    "incidents": {"incidents": [INCIDENT]},
    "audit": AUDIT,
    "balance": BALANCE,
    "peer.add": {"node": "f1" * 32, "alias": "Finder", "address": ""},
    "peer.list": {"peers": STATUS["peers"]},
    "network.learned": {"lines": [LEARNED]},
    "network.forget": {"forgotten": 1},
    "registry.add": REGISTRY,
    "registry.accept": REGISTRY,
    "registry.list": {"registries": [REGISTRY]},
    "policy.add": POLICY,
    "policy.list": {"policies": [POLICY]},
    "policy.drop": POLICY,
    "line.offer": LINE,
    "line.accept": LINE,
    "line.limit": LINE,
    "line.close": LINE,
    "line.list": {"lines": [LINE]},
    "fees.show": FEES,
    "fees.set": FEES,
    "request.create": REQUEST,
    "request.show": REQUEST,
    "request.confirm": REQUEST,
    "request.decline": REQUEST,
    "request.list": {"requests": [REQUEST]},
    "pay.plan": PLAN,
    "payment.show": PAYMENT,
    "payment.list": {"payments": [PAYMENT, ABORTED]},
    "payment.abandon": PAYMENT,
    "payment.evidence": EVIDENCE,
    "payment.receipt": RECEIPT,
    "request.receipt": RECEIPT,
}
