"""What an owner lets a seat of his join by itself: standing offers (pure).

A shop, a vault or a land office cannot be asked for each exchange. A rule names a template by the
hash of its bytes, so that nobody slips another one under its name, the seat, and what each wildcard
may be. Whoever proposes chooses what it leaves open, so it says that by name (`open_ends`); and it
is used only so often, since each use locks something until the exchange is decided.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from node.core.escrow.rows import Seat
from node.escrow.faults import shown
from node.escrow.templates import MONEY, Flow, Template, read_template
from node.escrow.wildcards import ANY_REGISTRAR, Fill
from proto.escrow.proposal import Proposal
from proto.keys import NodeId
from proto.limits import DEFAULT_HOLD_MAX_US, MAX_LOCK_US, US

MAX_RULE_BYTES: Final = 8192
HOUR_US: Final = 3600 * US
DAY_US: Final = 24 * HOUR_US
# How often a rule is used where its owner says nothing else. Whoever proposes and never signs locks
# what the seat gives until D, for nothing: these bound how much of it, and how often.
AT_ONCE: Final = 16  # stock that may be locked at a time; a shop with more of it says so
OF_ONE: Final = 2  # of them with one proposer: a customer buys one thing after the other
PER_HOUR: Final = 120  # sales and failures: one every half minute, as long as one takes
PER_DAY: Final = 1000  # below what a node remembers of ended exchanges, by which it counts
# Whoever proposes also chooses how long: until everybody has joined, and from then on until D.
WITHIN_S: Final = DEFAULT_HOLD_MAX_US // US  # a sale; a loan or an option needs a longer one
JOINED_BY_US: Final = (
    600 * US
)  # a seat that waits for others is one of those under way all the time
MOST_USES: Final = 1_000_000
LIMITS: Final = ("at_once", "of_one", "per_hour", "per_day")
REGISTRAR: Final = ".registrar"  # "parcel.registrar": who keeps it, where no wildcard says so
USED_BY: Final = "standing"  # in a seat's options: the rule that has taken it
PROPOSED_BY: Final = "by"  # and for whom


class RuleInvalid(ValueError):
    """One line for people."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`template`: SHA-256 of its bytes, hex. `values`: for a wildcard the value, or bounds
    {"min": .., "max": ..}, or a list of values, in which null means that it is left out.
    `until_us`: POSIX µs, 0 = for ever; `after_us`: not before. `only`: who else may sit (node ids),
    empty = anybody. `proposal`: just this one (hex). `options`: what the seat joins with, JSON.
    `anything`: names that may be anything. Seats that it has taken: `at_once` under way, `of_one`
    of these with one proposer, `per_hour`, `per_day`. `within_s`: what it gives is locked for so
    many seconds at most.
    """

    template: str
    seat: str
    values: Mapping[str, Any] = field(default_factory=dict)
    until_us: int = 0
    after_us: int = 0
    only: tuple[str, ...] = ()
    proposal: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    anything: tuple[str, ...] = ()
    at_once: int = AT_ONCE
    of_one: int = OF_ONE
    per_hour: int = PER_HOUR
    per_day: int = PER_DAY
    within_s: int = WITHIN_S

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
                "anything": list(self.anything),
                **{name: getattr(self, name) for name in (*LIMITS, "within_s")},
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
        only, anything = data.get("only", []), data.get("anything", [])
        if not isinstance(only, list) or not isinstance(anything, list):
            raise RuleInvalid("only and anything of a standing offer are lists of texts")
        rule = cls(**{**data, "only": tuple(only), "anything": tuple(anything)})
        texts = (rule.template, rule.seat, rule.proposal, *rule.only, *rule.anything)
        objects = (rule.values, rule.options)
        numbers = (rule.until_us, rule.after_us)
        if (
            not all(isinstance(text, str) for text in texts)
            or not all(isinstance(value, dict) for value in objects)
            or not all(type(number) is int and number >= 0 for number in numbers)
        ):
            raise RuleInvalid("a standing offer with a value of another type than it should be")
        for name in LIMITS:
            limit = getattr(rule, name)
            if type(limit) is not int or not 1 <= limit <= MOST_USES:
                raise RuleInvalid(f"{name} of a standing offer is a number from 1 to {MOST_USES}")
        if type(rule.within_s) is not int or not 1 <= rule.within_s <= MAX_LOCK_US // US:
            raise RuleInvalid("within_s of a standing offer is a number of seconds")
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
        if not self.proposal and (
            proposal.within_us > self.within_s * US
            or proposal.expires_at_us > now_us + JOINED_BY_US
        ):
            return False
        others = {node.hex() for name, node in nodes.items() if name != seat}
        if self.only and not others <= set(self.only):
            return False
        said = json.loads(proposal.instance)
        if any(name.endswith(REGISTRAR) for name in self.values):
            said |= _keepers(proposal)
        return all(_allows(bound, said.get(name)) for name, bound in self.values.items())


def _keepers(proposal: Proposal) -> dict[str, str]:
    """Who keeps what is gathered under each name; it was compiled before."""
    legs = {leg.no: leg for leg in proposal.legs}
    return {
        flow.gathered.name + REGISTRAR: registrar.hex()
        for flow in read_template(proposal.template).flows
        if (registrar := legs[flow.no].registrar) is not None
    }


def open_ends(template: Template, rule: Rule) -> list[str]:
    """What a stranger could choose although the owner has not said so: wildcards that the rule does
    not name; of what the seat receives an amount without a least one, or whoever keeps it."""
    said = {*rule.values, *rule.anything}
    found = [wildcard.name for wildcard in template.wildcards if wildcard.name not in said]
    for flow in template.flows:
        if flow.to == rule.seat:
            found += [name for name in _loose(template, rule, flow) if name not in rule.anything]
    return list(dict.fromkeys(found))


def _loose(template: Template, rule: Rule, flow: Flow) -> list[str]:
    """Of one leg to the seat: names of what is bounded on the wrong side, or not at all."""
    found = []
    gathered = flow.gathered
    amount = gathered.amount if flow.amount is None else flow.amount
    if isinstance(amount, Fill):
        bound = rule.values.get(amount.name)
        if isinstance(bound, dict) and "min" not in bound:
            found.append(amount.name)
    if gathered.kind == MONEY:
        return found
    keeper = gathered.registrar
    if isinstance(keeper, Fill):
        bound = rule.values.get(keeper.name)
        if bound == ANY_REGISTRAR or (isinstance(bound, list) and ANY_REGISTRAR in bound):
            found.append(keeper.name)
        return found
    name = gathered.name + REGISTRAR
    others = {seat.name for seat in template.seats} - {rule.seat}
    # A seat that keeps what it gives is whoever sits there; --only says who may.
    chosen = keeper in others and not rule.only
    if (keeper in (None, ANY_REGISTRAR) or chosen) and name not in rule.values:
        found.append(name)
    return found


def unbounded(template: Template, seat: str) -> Rule:
    """Takes the seat at any price, as often as it is offered: for who looks at something else."""
    names = [wildcard.name for wildcard in template.wildcards]
    names += [gathered.name + REGISTRAR for gathered in template.gathered]
    rule = Rule(template.hash.hex(), seat, anything=tuple(names), within_s=MAX_LOCK_US // US)
    most: dict[str, Any] = dict.fromkeys(LIMITS, MOST_USES)
    return replace(rule, **most)


@dataclass(frozen=True, slots=True)
class Uses:
    """Seats that a rule has taken: under way, and in the last hour and day."""

    at_once: int
    per_hour: int
    per_day: int
    of_one: Mapping[str, int]  # under way, by who proposed

    def reached(self, rule: Rule, by: NodeId) -> str:
        """The limit that one more use for this proposer would break; empty where there is none."""
        counts = {"at_once": self.at_once, "of_one": self.of_one.get(by.hex(), 0)}
        counts |= {"per_hour": self.per_hour, "per_day": self.per_day}
        return next((name for name in LIMITS if counts[name] >= getattr(rule, name)), "")


def uses(seats: Iterable[Seat], rule_id: bytes, now_us: int) -> Uses:
    """Counts them, as far as they are remembered; those under way always are."""
    marked = f'"{USED_BY}": "{rule_id.hex()}"'
    taken = [seat for seat in seats if marked in seat.options]
    live: dict[str, int] = {}
    for seat in taken:
        if not seat.phase.final:
            by = str(json.loads(seat.options).get(PROPOSED_BY, ""))
            live[by] = live.get(by, 0) + 1
    hour = sum(seat.invited_at_us > now_us - HOUR_US for seat in taken)
    day = sum(seat.invited_at_us > now_us - DAY_US for seat in taken)
    return Uses(sum(live.values()), hour, day, live)


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
