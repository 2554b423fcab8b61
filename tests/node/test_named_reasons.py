"""Ids in reasons become names, whatever anybody calls himself."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.control.reasons import named_lines, named_reason, named_tried
from proto.money import Brand

A, B, R, S = ("aa" * 32, "bb" * 32, "cc" * 32, "dd" * 32)
BRAND = Brand(bytes([7]) * 16, "USD", 1)


def context(**aliases: str) -> Any:
    named = {A: aliases.get("a", "Anna"), B: aliases.get("b", "Bob")}
    registries = {
        bytes.fromhex(R): SimpleNamespace(exposed=False),
        bytes.fromhex(S): SimpleNamespace(exposed=True),
    }
    return cast(
        Any,
        SimpleNamespace(
            alias_of=lambda node: named[node.hex()],
            book=SimpleNamespace(registries=registries),
            registry_name=lambda registry: {R: "Harbour", S: "Lagoon"}[registry.hex()],
            policy_name=lambda policy: f"{policy.qc} of {len(policy.members)}",
        ),
    )


def reason(**more: Any) -> dict[str, Any]:
    text = f"line {A}→{B} is short by 5 {BRAND.guid.hex()}"
    return {"node": A, "line": [A, B], "chain": [A, B], "text": text, "next_step": ""} | more


def test_ids_become_names() -> None:
    shown = named_reason(context(), reason(registry=R, next_step=f"{B} can"), BRAND)
    assert shown["text"] == "line Anna→Bob is short by 5 USD"
    assert shown["next_step"] == "Bob can"
    assert shown["names"] == {A: "Anna", B: "Bob", R: "Harbour"}
    assert shown["line"] == [A, B], "programs keep the ids"


def test_a_registry_that_cheated_is_said_to_have() -> None:
    told = reason(text=f"does not accept {S}", registries=[S], next_step=f"{A} can accept {S}")
    shown = named_reason(context(), told, BRAND)
    assert shown["next_step"] == ""
    assert shown["text"] == "does not accept Lagoon (proven to cheat)"
    assert shown["names"][S] == "Lagoon (proven to cheat)"


@pytest.mark.parametrize(
    ("policy", "name"),
    [
        (f"~2/1/0/5/{R}+{S}", "2 of 2"),
        ("~1/2/0/0/" + R, "1 of 1"),
        ("no id", "no id"),
        ("~1/2/no number/0/zz", "~1/2/no number/0/zz"),
    ],
)
def test_policies_have_names_too(policy: str, name: str) -> None:
    shown = named_reason(context(), reason(registry=policy, text=f"under {policy}"), BRAND)
    assert shown["text"] == f"under {name}" and shown["names"][policy] == name


def test_nobody_speaks_through_his_alias() -> None:
    """Anna calls herself by Bob's id, which would then become Bob's name."""
    shown = named_reason(context(a=B), reason(), BRAND)
    assert shown["text"] == f"line {B}→Bob is short by 5 USD"


def test_a_name_is_no_command() -> None:
    step = f"{A} can grant more: `pledgeway line limit {B} LIMIT`"
    shown = named_reason(context(b="Bob; rm -rf ~"), reason(next_step=step), BRAND)
    assert shown["next_step"] == "Anna can grant more: `pledgeway line limit 'Bob; rm -rf ~' LIMIT`"


def test_what_older_nodes_have_kept() -> None:
    old = {"rule": "NO_PATH", "node": None, "line": None, "figure": 0, "text": "no lines"}
    assert named_reason(context(), old, BRAND) == old | {"names": {}}


def test_lines_and_attempts() -> None:
    assert named_lines(context(), [[A, B]]) == [["Anna", "Bob"]]
    tried = {"attempt": 1, "blamed": [{"line": [A, B], "asked": 7, "carries": 6}]}
    assert named_tried(context(), [tried]) == [
        {"attempt": 1, "blamed": [{"line": ["Anna", "Bob"], "asked": 7, "carries": 6}]}
    ]
    assert named_tried(context(), [{"attempt": 2}]) == [{"attempt": 2, "blamed": []}]
