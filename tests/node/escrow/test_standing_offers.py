"""A standing offer is sound when it is made, not when a stranger's proposal meets it."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.core.escrow.rows import Standing
from node.escrow.judging import Judge
from node.escrow.standing import MAX_RULE_BYTES, Rule, RuleInvalid
from proto.escrow.proposal import Proposal

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
    return cast(Proposal, SimpleNamespace(id=b"\x01" * 16, instance=json.dumps(said).encode()))


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
    memory: Any = SimpleNamespace(owned=lambda kind: kept)
    judge = Judge(memory, cast(Any, None), "Bob", lambda size: bytes(size))
    plan: Any = SimpleNamespace(template_hash=bytes.fromhex(GOOD["template"]), seats=())
    assert judge._rule(proposal(), plan, "seller", 5) == good
