"""A standing offer is sound when it is made, not when a stranger's proposal meets it."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.command.sim.cast import NOW_US
from node.core.escrow.rows import Seat, SeatPhase, Standing
from node.core.view import Settings
from node.escrow.judging import ON_ITS_WAY_US, Judge
from node.escrow.library import library, library_bytes
from node.escrow.standing import (
    AT_ONCE,
    DAY_US,
    HOUR_US,
    JOINED_BY_US,
    LIMITS,
    MAX_RULE_BYTES,
    MOST_USES,
    Rule,
    RuleInvalid,
    open_ends,
    uses,
)
from node.escrow.templates import read_template
from node.memory import Memory
from proto.envelope import Envelope
from proto.escrow.proposal import PROPOSAL_KIND, Proposal, read_proposal
from proto.escrow.reasons import EscrowReason
from proto.fees import FeeSet
from proto.limits import US
from tests.fuzz import values as v
from tests.fuzz.of_escrow import _proposal as gift_payload
from tests.fuzz.of_letters import HERE, THERE

GOOD = {"template": "ab" * 32, "seat": "seller"}


def test_what_is_written_is_read() -> None:
    rule = Rule("", "seller", {"amount": {"min": 40}, "region": ["A", "B"], "n": 3}, 9, 1, ("ab",))
    assert Rule.from_json(rule.to_json()) == rule
    assert Rule.from_json(json.dumps(GOOD)) == Rule("ab" * 32, "seller")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 8000,
        " " * (MAX_RULE_BYTES + 1),
        '{"seat": "a"}',
        '{"template": "a"}',
        *(
            json.dumps(GOOD | more)
            for more in (
                {"price": 1},
                {"only": 5},
                {"only": "abc"},
                {"only": [1]},
                {"values": []},
                {"values": {"amount": {"min": "40"}}},
                {"values": {"amount": {"least": 40}}},
                {"values": {"amount": {"max": True}}},
                {"values": {"amount": None}},
                {"values": {"amount": 1.5}},
                {"values": {"amount": [[40]]}},
                {"until_us": -1},
                {"until_us": True},
                {"options": 1},
                {"anything": "amount"},
                {"anything": [1]},
                {"within_s": 0},
                {"within_s": "60"},
                *({name: bad} for name in LIMITS for bad in (0, -1, True, "5", MOST_USES + 1)),
            )
        ),
    ],
)
def test_what_is_no_offer_is_refused(text: str) -> None:
    with pytest.raises(RuleInvalid) as caught:
        Rule.from_json(text)
    assert str(caught.value).isprintable()


def proposal(**said: object) -> Proposal:
    """As much of one as a standing offer looks at."""
    instance = json.dumps(said).encode()
    short = {"within_us": 1, "expires_at_us": 1, "initiator": THERE}
    return cast(Proposal, SimpleNamespace(id=b"\x01" * 16, instance=instance, **short))


def test_null_in_a_list_stands_for_what_is_left_out() -> None:
    rule = Rule.from_json(json.dumps(GOOD | {"values": {"simulator": ["any", None], "n": 3}}))
    template = bytes.fromhex(GOOD["template"])
    taken: list[dict[str, object]] = [{"n": 3}, {"n": 3, "simulator": "any"}]
    for said in taken:
        assert rule.covers(proposal(**said), template, "seller", {}, 5)
    left: list[dict[str, object]] = [{"n": 3, "simulator": "x"}, {"simulator": "any"}, {"n": 4}]
    for said in left:
        assert not rule.covers(proposal(**said), template, "seller", {}, 5)


def test_one_that_cannot_be_read_does_not_stop_the_others() -> None:
    good = Rule.from_json(json.dumps(GOOD))
    kept = [
        Standing(b"1", "{}", 1),
        Standing(b"2", "no JSON", 1),
        Standing(b"3", good.to_json(), 1),
    ]
    memory: Any = SimpleNamespace(owned=lambda kind: kept if kind is Standing else [])
    judge = Judge(memory, cast(Any, None), "Bob", lambda size: bytes(size))
    plan: Any = SimpleNamespace(template_hash=bytes.fromhex(GOOD["template"]), seats=())
    assert judge._rule(proposal(), plan, "seller", 5) is not None


# ---------------------------------------------------------------- what is left open

SHOP: dict[str, Any] = {
    "brand": "USD",
    "amount": {"min": 40},
    "region": "Ahern",
    "task_id": 1234,
    "simulator": "ab" * 32,
}


def _ends(template: str, seat: str, values: dict[str, Any], **more: Any) -> list[str]:
    return open_ends(library()[template], Rule("", seat, values, **more))


@pytest.mark.parametrize("name", SHOP)
def test_each_wildcard_is_said_or_said_to_be_anything(name: str) -> None:
    left = {key: value for key, value in SHOP.items() if key != name}
    assert _ends("buy object", "seller", SHOP) == []
    assert _ends("buy object", "seller", left) == [name]
    assert _ends("buy object", "seller", left, anything=(name,)) == []


def test_a_price_needs_a_least_one_from_who_receives_it() -> None:
    """Below 40 is no offer of a seller: 1 is below 40. To a buyer it is what he wants to say."""
    below: dict[str, Any] = SHOP | {"amount": {"max": 40}}
    assert _ends("buy object", "seller", below) == ["amount"]
    assert _ends("buy object", "seller", below, anything=("amount",)) == []
    assert _ends("buy object", "buyer", below) == []
    for exact in (40, [40, 50], {"min": 1, "max": 40}):
        assert _ends("buy object", "seller", SHOP | {"amount": exact}) == []


def test_what_is_received_is_kept_by_somebody_in_particular() -> None:
    for anybody in ("any", ["ab" * 32, "any"]):
        values: dict[str, Any] = SHOP | {"simulator": anybody}
        assert _ends("buy object", "buyer", values) == ["simulator"]
        assert _ends("buy object", "buyer", values, anything=("simulator",)) == []
        assert _ends("buy object", "seller", values) == []  # what we give is our own


def test_a_keeper_that_no_wildcard_names_is_named_all_the_same() -> None:
    """Whoever sits as the house issues the deposit: it is worth what the house is worth."""
    filled: dict[str, Any] = {"brand": "USD", "amount": 40}
    assert _ends("deposit", "owner", filled) == ["deposit.registrar"]
    assert _ends("deposit", "owner", filled | {"deposit.registrar": "ab" * 32}) == []
    assert _ends("deposit", "owner", filled, anything=("deposit.registrar",)) == []
    assert _ends("deposit", "owner", filled, only=("ab" * 32,)) == []
    assert _ends("deposit", "house", filled) == []
    bare = library_bytes("buy object").replace(
        b'"registrar": {"?": "simulator", "default": "any"},', b""
    )
    left = {key: value for key, value in SHOP.items() if key != "simulator"}
    assert open_ends(read_template(bare), Rule("", "buyer", left)) == ["deliverable.registrar"]


# ---------------------------------------------------------------- how often

RULE_ID = b"r" * 16


def _seat(number: int, at_us: int, phase: SeatPhase, by: str = "aa", rule: bytes = RULE_ID) -> Seat:
    options = json.dumps({"pay": {}, "standing": rule.hex(), "by": by})
    return Seat(number.to_bytes(16, "big"), 0, "seller", phase, b"", at_us, options=options)


def test_uses_are_counted_by_rule_and_by_time() -> None:
    joined, gone = SeatPhase.JOINED, SeatPhase.WITHDRAWN
    seats = [
        _seat(1, NOW_US - 5, joined),
        _seat(2, NOW_US - 5, joined, "bb"),
        _seat(3, NOW_US - HOUR_US, joined, "bb"),
        _seat(4, NOW_US - 5, gone, "bb"),
        _seat(5, NOW_US - DAY_US, gone),
        _seat(6, NOW_US, joined, rule=b"s" * 16),
        replace(_seat(7, NOW_US, joined), options="{}"),
    ]
    found = uses(seats, RULE_ID, NOW_US)
    assert (found.at_once, found.per_hour, found.per_day) == (3, 3, 4)
    assert found.of_one == {"aa": 1, "bb": 2}


def _judge(rule: Rule) -> tuple[Judge, Memory]:
    memory = Memory(Settings(THERE, FeeSet({})))
    memory.put(Standing(RULE_ID, rule.to_json(), 0))
    identity: Any = SimpleNamespace(node=THERE)
    return Judge(memory, identity, "Shop", lambda count: bytes(count)), memory


def _invitation(number: int, **changes: Any) -> bytes:
    first = read_proposal(Envelope.seal(v.NODE, PROPOSAL_KIND, gift_payload()).encode())
    in_time = {"within_us": 30 * US, "expires_at_us": NOW_US + 300 * US}
    payload = replace(first, salt=number.to_bytes(16, "big"), **(in_time | changes)).encode()
    return Envelope.seal(v.NODE, PROPOSAL_KIND, payload).encode()


def _taken(judge: Judge, count: int, now_us: int, first: int = 1) -> int:
    """Of so many invitations that come at the same time; no seat is written meanwhile."""
    numbers = range(first, first + count)
    judged = [judge._invited(_invitation(n), "receiver", now_us) for n in numbers]
    assert all(fault is EscrowReason.NONE for fault, _ in judged)
    return sum(joining is not None for _, joining in judged)


GIFT = Rule(library()["gift"].hash.hex(), "receiver", anything=("brand", "amount"))


@pytest.mark.parametrize("name", LIMITS)
def test_a_rule_is_used_only_so_often_however_fast_one_asks(name: str) -> None:
    most = dict.fromkeys(LIMITS, 100) | {name: 3}
    judge, _ = _judge(replace(GIFT, **most))
    assert _taken(judge, 10, NOW_US) == 3


def test_nobody_makes_a_seat_wait_as_long_as_he_likes() -> None:
    judge, _ = _judge(replace(GIFT, within_s=29))
    assert judge._invited(_invitation(1), "receiver", NOW_US)[1] is None
    assert judge._invited(_invitation(1, within_us=29 * US), "receiver", NOW_US)[1] is not None
    judge, _ = _judge(GIFT)
    at_us = NOW_US + JOINED_BY_US
    late, timely = (_invitation(1, expires_at_us=at_us + more) for more in (1, 0))
    assert judge._invited(late, "receiver", NOW_US)[1] is None
    assert judge._invited(timely, "receiver", NOW_US)[1] is not None


def test_one_proposer_does_not_use_up_what_others_may() -> None:
    judge, memory = _judge(GIFT)
    assert _taken(judge, AT_ONCE, NOW_US) == GIFT.of_one < AT_ONCE
    for number in range(GIFT.of_one):
        memory.put(_seat(number + 1, NOW_US, SeatPhase.JOINED, HERE.hex()))
    later_us = NOW_US + ON_ITS_WAY_US
    assert _taken(judge, 1, later_us, 50) == 0
    for number in range(GIFT.of_one):
        memory.put(_seat(number + 1, NOW_US, SeatPhase.RETURNED, HERE.hex()))
    assert _taken(judge, 1, later_us, 60) == 1


def test_an_invitation_that_is_said_twice_counts_once() -> None:
    judge, memory = _judge(replace(GIFT, of_one=1))
    fault, joining = judge._invited(_invitation(1), "receiver", NOW_US)
    assert joining is not None and fault is EscrowReason.NONE
    proposal = read_proposal(_invitation(1))
    memory.put(
        Seat(proposal.id, 1, "receiver", SeatPhase.JOINED, b"", NOW_US, options=joining.options)
    )
    assert judge._invited(_invitation(1), "receiver", NOW_US) == (EscrowReason.NONE, None)
    assert json.loads(joining.options)["by"] == HERE.hex()
    assert _taken(judge, 2, NOW_US, 2) == 0
