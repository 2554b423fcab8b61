"""What an owner lets a seat of his join by itself: standing offers (pure).

A shop, a vault or a land office cannot be asked for each exchange. A rule names a template by the
hash of its bytes, so that nobody slips another one under its name, the seat, and what each wildcard
may be; what it does not name may be anything.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from node.escrow.faults import shown
from proto.escrow.proposal import Proposal
from proto.keys import NodeId

MAX_RULE_BYTES: Final = 8192


class RuleInvalid(ValueError):
    """One line for people."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`template`: SHA-256 of its bytes, hex. `values`: for a wildcard the value, or bounds
    {"min": .., "max": ..}, or a list of values, in which null means that it is left out.
    `until_us`: POSIX µs, 0 = for ever; `after_us`: not before. `only`: who else may sit (node ids),
    empty = anybody. `proposal`: just this one (hex). `options`: what the seat joins with, JSON.
    """

    template: str
    seat: str
    values: Mapping[str, Any] = field(default_factory=dict)
    until_us: int = 0
    after_us: int = 0
    only: tuple[str, ...] = ()
    proposal: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(
            {
                "template": self.template,
                "seat": self.seat,
                "values": dict(self.values),
                "until_us": self.until_us,
                "after_us": self.after_us,
                "only": list(self.only),
                "proposal": self.proposal,
                "options": dict(self.options),
            },
            sort_keys=True,
        )

    @classmethod
    def from_json(cls, text: str) -> "Rule":
        """What `to_json` wrote, or an owner. Raises RuleInvalid."""
        if len(text) > MAX_RULE_BYTES:
            raise RuleInvalid(f"a standing offer has at most {MAX_RULE_BYTES} bytes")
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RuleInvalid("a standing offer that is no JSON") from error
        known = set(cls.__dataclass_fields__)
        if not isinstance(data, dict) or not {"template", "seat"} <= set(data) <= known:
            raise RuleInvalid(
                f"a standing offer is an object of {', '.join(sorted(known))}, template and seat"
                " at least"
            )
        only = data.get("only", [])
        if not isinstance(only, list):
            raise RuleInvalid("only of a standing offer is a list of node ids")
        rule = cls(**{**data, "only": tuple(only)})
        texts = (rule.template, rule.seat, rule.proposal, *rule.only)
        objects = (rule.values, rule.options)
        numbers = (rule.until_us, rule.after_us)
        if (
            not all(isinstance(text, str) for text in texts)
            or not all(isinstance(value, dict) for value in objects)
            or not all(type(number) is int and number >= 0 for number in numbers)
        ):
            raise RuleInvalid("a standing offer with a value of another type than it should be")
        for name, bound in rule.values.items():
            if not _is_bound(bound):
                # Found now, not when a stranger's proposal is compared with it.
                raise RuleInvalid(
                    f"{shown(name)} of a standing offer is a text, a number, a list of such, or an"
                    ' object of "min" and "max"'
                )
        return rule

    def covers(
        self,
        proposal: Proposal,
        template_hash: bytes,
        seat: str,
        nodes: Mapping[str, NodeId],
        now_us: int,
    ) -> bool:
        """Whether this seat of this proposal may be taken without asking."""
        if seat != self.seat or (self.proposal and self.proposal != proposal.id.hex()):
            return False
        if self.template and self.template != template_hash.hex():
            return False
        if now_us < self.after_us or (self.until_us and now_us > self.until_us):
            return False
        others = {node.hex() for name, node in nodes.items() if name != seat}
        if self.only and not others <= set(self.only):
            return False
        said = json.loads(proposal.instance)
        return all(_allows(bound, said.get(name)) for name, bound in self.values.items())


def _is_bound(bound: object) -> bool:
    match bound:
        case dict():
            return set(bound) <= {"min", "max"} and all(type(x) is int for x in bound.values())
        case list():
            return all(x is None or type(x) in (int, str) for x in bound)
        case _:
            return type(bound) in (int, str)


def _allows(bound: object, value: object) -> bool:
    match bound:
        case dict():
            if type(value) is not int:
                return False
            least, most = bound.get("min", value), bound.get("max", value)
            return bool(least <= value <= most)
        case list():
            return value in bound
        case _:
            return value == bound
