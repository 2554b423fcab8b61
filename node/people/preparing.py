"""What a person is shown before he approves: cost, limits, risk and what to be careful about. Pure.

Amounts are smallest units of the request's brand, times µs (POSIX) unless a name says seconds.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from math import ceil
from types import MappingProxyType
from typing import Final

from node.core.people.rows import Confirmation, KnownPayee
from node.pay_options import DEFAULT_ATTEMPTS, PayOptions
from node.people.exchanging import Goods
from node.people.look_alikes import skeleton
from node.routing import NoRoute, RouteFound
from proto.approval import Approval
from proto.levels import Level
from proto.limits import GUARD_US, MAX_AMOUNT, US
from proto.policy import EMPTY_POLICY, RegistryPolicy
from proto.reason import Refusal
from proto.request import PaymentRequest

# Fees may rise between the page and the approval, and the next attempt may go another way.
FEE_ROOM: Final = 5  # a fifth more than the chain that was found
VALID_US: Final = 15 * 60 * US  # in which attempts may begin: time to read, and for some tries
MAX_VALID_US: Final = 60 * 60 * US  # nobody approves today what is to be paid tomorrow

RISKS: Final = MappingProxyType(
    {
        Level.BARE: "It is paid as soon as the payee accepts it in time; no registry watches, and"
        " the payee's own signature is the only proof.",
        Level.SECURED: "It is paid once the payee accepts it; where that comes late a registry"
        " decides, and until it has the amount stays held.",
        Level.ATOMIC: "A registry alone decides whether it is paid, once and for all; until it has"
        " decided the amount stays held.",
        Level.PROXY: "It is paid if the payee accepts it and a registry says so in time; otherwise"
        " the amount is free again by the clock.",
    }
)
IN_HOUSE_RISK: Final = (
    "Payer and payee have their accounts at this node: it is booked at once and cannot be taken"
    " back, and this node's books are what it rests on."
)


@unique
class Care(StrEnum):
    """What to be careful about; a stable code for programs."""

    FIRST_PAYMENT = "FIRST_PAYMENT"
    NAME_OF_ANOTHER = "NAME_OF_ANOTHER"
    NAME_CHANGED = "NAME_CHANGED"
    NAME_MIXED = "NAME_MIXED"
    DOMAIN_UNPROVEN = "DOMAIN_UNPROVEN"
    DOMAIN_CHANGED = "DOMAIN_CHANGED"


@dataclass(frozen=True, slots=True)
class Caution:
    """One of them as a sentence for people."""

    care: Care
    text: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """One payment as it would be now. `because` None: it can be approved.

    `amount`: what the payee gets (0: the payer has to choose it first); `fee`: what the chains
    found now take; `fee_max`: what may be approved. `levels`: of our own promises on these chains;
    empty within this node, or where there is no chain; `allowed`: which the payer lets them have.
    `final_within_s`: at the latest, from the
    approval on, for one attempt. `available`: what the person's purse has left; None: no purse,
    the node's owner. `no`: why there is no chain. `goods`: what changes hands by the same decision.
    """

    confirmation: Confirmation
    request: PaymentRequest
    in_house: bool
    valid_until_us: int
    available: int | None
    cautions: tuple[Caution, ...] = ()
    amount: int = 0
    fee: int = 0
    fee_max: int = 0
    levels: frozenset[Level] = frozenset()
    allowed: frozenset[Level] = frozenset(Level)
    final_within_s: int = 0
    goods: Goods | None = None
    policy: RegistryPolicy = EMPTY_POLICY
    parts: int = 0
    because: Refusal | None = None
    no: NoRoute | None = None
    found: RouteFound | None = None

    @property
    def total(self) -> int:
        """The most that is debited: what an approval names."""
        return self.amount + self.fee_max

    @property
    def payable(self) -> bool:
        return self.because is None

    @property
    def risk(self) -> str:
        """What the payer's own promise risks: one plain sentence, "" where there is no chain."""
        if self.in_house:
            return IN_HOUSE_RISK
        if not self.levels:
            return ""
        if self.goods is not None:
            return f"{RISKS[Level.ATOMIC]} {self.goods.rests_on}"
        return RISKS[max(self.levels, key=lambda level: level.safety_rank)]

    @property
    def first_levels(self) -> frozenset[Level]:
        """What an approval allows of our own promises: these levels, and those that are safer."""
        least = max((level.safety_rank for level in self.levels), default=None)
        if least is None:
            return frozenset({Level.BARE})  # within this node nothing is promised
        return frozenset(level for level in self.allowed if level.safety_rank <= least)

    def approval(self, person: bytes, rp_id: str = "") -> Approval:
        """The words that are signed; only where `payable`."""
        assert self.payable
        return Approval(
            request_hash=self.confirmation.request_hash,
            person=person,
            brand=self.confirmation.brand.guid,
            total_debit_max=self.total,
            fee_max=self.fee_max,
            first_levels=self.first_levels,
            policies=(),
            valid_until_us=self.valid_until_us,
            approval_id=self.confirmation.id,
            attempts_max=DEFAULT_ATTEMPTS,
            rp_id=rp_id,
        )

    def within(self, most: int) -> "Prepared":
        """The same with no more room for fees than `most` in all leaves; the fee of now must fit
        into it."""
        assert self.amount + self.fee <= most
        return replace(self, fee_max=min(self.fee_max, most - self.amount))


def fee_room(request: PaymentRequest, amount: int, fee: int) -> int:
    """What may be approved as fee: a fifth more than now and at least a smallest unit more. Where
    the payee bears the fees: all that is left of what is sent."""
    if request.fees_by_payee:
        return request.amount - amount
    unit = request.brand.unit
    room = max(unit, -(-fee // FEE_ROOM))
    return min(-(-(fee + room) // unit) * unit, (MAX_AMOUNT - amount) // unit * unit)


def final_within_s(found: RouteFound) -> int:
    """How long one attempt may take, and what is held for it be held, where registries answer."""
    locks = [part.schedule.locks[0] for part in found.parts]
    return ceil((max(locks) + GUARD_US) / US)


def own_levels(found: RouteFound) -> frozenset[Level]:
    """Of the payer's own promises."""
    return frozenset(part.hops[0].level for part in found.parts)


def options_of(approval: Approval) -> PayOptions:
    """What a payment may do that is made by this approval."""
    return PayOptions(
        max_cost=approval.total_debit_max,
        attempts=approval.attempts_max,
        policies=frozenset(approval.policies),
        first_levels=approval.first_levels,
        until_us=approval.valid_until_us,
    )


def cautions(
    request: PaymentRequest, known: Iterable[KnownPayee], *, domain_holds: bool
) -> tuple[Caution, ...]:
    """What somebody who knows these payees should look at first.

    `known`: all payees that this person has paid. `domain_holds`: our own look-up found that the
    domain, if one is named, is the payee's.
    """
    by_key: Mapping[bytes, KnownPayee] = {k.payee: k for k in known}
    old = by_key.get(bytes(request.payee))
    name = _quoted(request.payee_alias)
    found: list[Caution] = []
    if old is None:
        text = f"You have never paid this payee. Its name {name} is its own word."
        found.append(Caution(Care.FIRST_PAYMENT, text))
    elif old.name != request.payee_alias:
        text = f"When you first paid this payee it was called {_quoted(old.name)}."
        found.append(Caution(Care.NAME_CHANGED, text))
    seen = skeleton(request.payee_alias)
    like = next((k for k in by_key.values() if old is not k and skeleton(k.name) == seen), None)
    if like is not None:
        before = f"You have paid {_quoted(like.name)} before, and that was another key"
        found.append(Caution(Care.NAME_OF_ANOTHER, f"{before}: this is not the same payee."))
    if len(_scripts(request.payee_alias)) > 1:
        text = f"The name {name} mixes letters of several alphabets that may look alike."
        found.append(Caution(Care.NAME_MIXED, text))
    if request.domain and not domain_holds:
        text = f"The payee says it is {request.domain}, and that site does not confirm it."
        found.append(Caution(Care.DOMAIN_UNPROVEN, text))
    if old is not None and old.domain and old.domain != request.domain:
        text = f"When you first paid this payee it was at {old.domain}."
        found.append(Caution(Care.DOMAIN_CHANGED, text))
    return tuple(found)


def _quoted(name: str) -> str:
    return f"“{name}”"


def _scripts(text: str) -> frozenset[str]:
    """The alphabets of its letters, as the first words of their names say."""
    return frozenset(unicodedata.name(c, "?").split()[0] for c in text if c.isalpha())
