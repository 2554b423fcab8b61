"""A standing offer is sound when it is made, not when a stranger's proposal meets it."""

import json

import pytest

from node.escrow.standing import MAX_RULE_BYTES, Rule, RuleInvalid

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
