"""Reasons by people's names: what a path finder or a payer says by ids, for every answer."""

import re
from collections.abc import Iterable, Mapping
from shlex import quote
from typing import Any, Final

from node.control.context import Context
from proto.money import Brand
from proto.policy import RegistryPolicy

NODE_DIGITS: Final = 64  # of a node id in hex, and of a registry's


def named_reason(context: Context, reason: Mapping[str, Any], brand: Brand) -> dict[str, Any]:
    """Ids in its texts become the names that people know; `names` says which id got which name."""
    names = {node: context.alias_of(bytes.fromhex(node)) for node in _nodes(reason)}
    exposed = set()
    for registry, known in context.book.registries.items():
        names[registry.hex()] = context.registry_name(registry)
        if known.exposed:
            # Whoever accepted it yesterday asks himself why it leads nowhere today.
            names[registry.hex()] += " (proven to cheat)"
            exposed.add(registry.hex())
    policy = str(reason.get("registry") or "")
    if policy and policy not in names:
        names[policy] = _policy_name(context, policy)
    shown, all_names = dict(reason), names | {brand.guid.hex(): brand.name}
    shown["text"] = _renamed(str(shown.get("text") or ""), all_names)
    if step := str(shown.get("next_step") or ""):
        # Strangers choose their names, and people copy commands.
        quoted = {identity: quote(name) for identity, name in all_names.items()}
        # Nobody is told to accept what has cheated.
        advised = exposed.isdisjoint(reason.get("registries") or ())
        shown["next_step"] = _renamed(step, quoted) if advised else ""
    mentioned = {*_nodes(reason), policy, *(reason.get("registries") or ())}
    return shown | {"names": {i: name for i, name in names.items() if i in mentioned}}


def named_lines(context: Context, lines: Iterable[Iterable[str]]) -> list[list[str]]:
    """Each line by the names of its ends."""
    return [[context.alias_of(bytes.fromhex(end)) for end in ends] for ends in lines]


def named_tried(context: Context, tried: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What failed (`node.course`), its lines by names."""
    return [
        {
            **one,
            "blamed": [
                {**blame, "line": named_lines(context, [blame["line"]])[0]}
                for blame in one.get("blamed", ())
            ],
        }
        for one in tried
    ]


def _nodes(reason: Mapping[str, Any]) -> set[str]:
    named = [reason.get("node") or "", *(reason.get("line") or ()), *(reason.get("chain") or ())]
    return {n for n in named if len(n) == NODE_DIGITS}


def _renamed(text: str, names: Mapping[str, str]) -> str:
    """In one pass: somebody may call himself by another's id. The longest first: a policy's name
    holds those of its members."""
    if not names:
        return text
    ids = sorted(names, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, ids)), lambda found: names[found.group()], text)


def _policy_name(context: Context, name: str) -> str:
    """By its owner's name for it, or its members' names. Path finders call a collective
    "~qc/qa/f/delta_us/member+member"."""
    *figures, members = name.removeprefix("~").split("/")
    try:
        ids = tuple(bytes.fromhex(member) for member in members.split("+"))
        qc, qa, f, delta_us = map(int, figures)
    except ValueError:
        return name
    return context.policy_name(RegistryPolicy(ids, qc, qa, f, delta_us))
