"""Goods in the same decision: what comes to a person for its money, and the seat that it takes.

A request with `exchange` names a proposal by its hash. Its invitation comes to this node by letter,
like any other; a person's approval takes the seat that pays. What comes in return is described by
those who keep it, in words that they have signed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from typing import Final

from node.core.escrow.events import JoinSeat
from node.core.escrow.reading import proposal_of, registrar_card
from node.core.escrow.rows import Account, Seat, SeatPhase
from node.core.escrow.sitting import FIXED_WITHIN_US
from node.core.people.rows import Confirmation
from node.escrow.account_keeper import AccountKeeper, label_of
from node.escrow.judging import Judge, accepted_by, plan_of
from node.leg_route import END_LEVELS, LEG_LEVELS
from node.memory import Memory
from node.pay_options import PayOptions
from proto.approval import Approval
from proto.card import read_card
from proto.escrow.legs import Leg, MoneyCarrier
from proto.escrow.proposal import Proposal, proposal_hash
from proto.escrow.rights import Vetting
from proto.keys import NodeId
from proto.limits import DEFAULT_HOLD_MAX_US, GUARD_US, MAX_SEATS, US
from proto.policy import RegistryPolicy
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest

DEAL_BYTES: Final = 16  # a deal's id is so much of the proposal's hash, which a request names whole
CACHED: Final = 256  # pages ask again and again while something waits


@dataclass(frozen=True, slots=True)
class Return:
    """One right that changes hands for the money. `name`, `kind` and `attributes` (JSON) are its
    keeper's signed words; `keeper` is what the keeper calls itself. `amount` leaves its giver, of
    which the keeper takes at most `fee_max`. `to`: the seat that gets it; `ours`: that is the
    person's own. `opened`: there is an account for it; `vetting`: who may open one."""

    no: int
    name: str
    kind: str
    attributes: str
    amount: int
    fee_max: int
    registrar: NodeId
    keeper: str
    to: str
    ours: bool
    opened: bool
    vetting: Vetting


@dataclass(frozen=True, slots=True)
class Goods:
    """What an exchange is to the person who pays. `seat`: ours; `paying`: its leg of money.

    `returns`: the rights that the person gets, or wants somebody else to get. `deciders`: those of
    the proposal's policies that this node accepts. `template`: as its file calls itself.
    """

    seat: Seat
    proposal: Proposal
    paying: Leg
    returns: tuple[Return, ...]
    deciders: tuple[RegistryPolicy, ...]
    template: str

    @property
    def phase(self) -> SeatPhase:
        """How far it is."""
        return self.seat.phase

    @property
    def fixed_by_us(self) -> int:
        """When the last one has joined, or nobody is waited for any more."""
        return self.proposal.expires_at_us + FIXED_WITHIN_US

    @property
    def ends_by_us(self) -> int:
        """By then a payment for it is decided, where registries answer."""
        return self.fixed_by_us + self.proposal.within_us + GUARD_US

    def final_within_s(self, now_us: int) -> int:
        """Until the latest moment at which it is decided."""
        return max(0, ceil((self.ends_by_us - now_us) / US))

    @property
    def rests_on(self) -> str:
        """Whom the person has to believe about what it gets: one plain sentence."""
        keepers = list(dict.fromkeys(f"“{r.keeper}”" for r in self.returns))
        if not keepers:
            return "Nothing comes back to you for it."
        kept = " and ".join(keepers)
        return (
            f"Money and goods change hands together, or neither does. What you get is kept by"
            f" {kept}: that it is worth something there rests on the word of its keeper alone."
        )


@lru_cache(maxsize=CACHED)
def _keeper_of(proposal: Proposal, registrar: NodeId) -> str:
    return read_card(registrar_card(proposal, registrar), proposal.created_at_us).alias


class Exchanging:
    """Finds the seats that requests are about, and takes them for people."""

    def __init__(self, memory: Memory, accounts: AccountKeeper, judge: Judge) -> None:
        self._memory = memory
        self._accounts = accounts
        self._judge = judge

    def goods_of(
        self, row: Confirmation, request: PaymentRequest, person: bytes
    ) -> Goods | Refusal:
        """What comes to this person for the money of a request, or why that cannot be said.

        EXCHANGE_UNKNOWN: the invitation has not arrived yet (or is long over, and forgotten).
        """
        deal = request.exchange[:DEAL_BYTES]
        places = (self._memory.row((Seat.table, deal, bytes((i,)))) for i in range(MAX_SEATS))
        seats = [row for row in places if isinstance(row, Seat)]
        if row.seat:
            seats = [s for s in seats if s.confirmation == row.id]
        if not seats:
            return Refusal(Reason.EXCHANGE_UNKNOWN)
        if proposal_hash(seats[0].proposal) != request.exchange:
            return Refusal(Reason.EXCHANGE_REFUSED)
        paying = [(seat, leg) for seat in seats if (leg := _paid_to(seat, request)) is not None]
        if not paying:
            return Refusal(Reason.EXCHANGE_REFUSED)
        # One node may sit on several: one that is free comes before one that is taken.
        seat, leg = min(paying, key=lambda one: (one[0].phase, one[0].at))
        return self._goods(seat, leg, person)

    def _goods(self, seat: Seat, paying: Leg, person: bytes) -> Goods | Refusal:
        proposal = proposal_of(seat)
        plan = plan_of(proposal)
        if plan is None:  # refused when it came, unless this program was another one then
            return Refusal(Reason.EXCHANGE_REFUSED)
        planned = next(one for one in plan.seats if one.name == seat.seat)
        usable = self._memory.settings.usable
        takes = accepted_by(proposal.described().values(), proposal.policies)
        return Goods(
            seat=seat,
            proposal=proposal,
            paying=paying,
            returns=tuple(
                self._return(proposal, leg, seat.seat, person)
                for leg in proposal.legs
                if leg.no in {*planned.receives, *planned.wants} and leg.registrar is not None
            ),
            deciders=tuple(p for p in takes if usable.issuperset(p.members)),
            template=plan.name,
        )

    def _return(self, proposal: Proposal, leg: Leg, seat: str, person: bytes) -> Return:
        assert leg.registrar is not None
        right = proposal.described()[leg.brand]
        ours = leg.to_seat == seat
        return Return(
            no=leg.no,
            name=right.brand.name,
            kind=right.kind,
            attributes=right.attributes,
            amount=leg.amount,
            fee_max=leg.fee_max,
            registrar=leg.registrar,
            keeper=_keeper_of(proposal, leg.registrar),
            to=leg.to_seat,
            ours=ours,
            opened=ours and self._accounts.find(leg, person) is not None,
            vetting=right.vetting,
        )

    async def join(self, goods: Goods, approval: Approval, pay: str, now_us: int) -> JoinSeat:
        """The seat as this approval takes it, once there is an account for all that comes. `pay`:
        PayOptions as JSON. ControlFailure where a registrar opens none; nothing is promised yet."""
        seat, proposal, person = goods.seat, goods.proposal, approval.person
        await self._accounts.open_missing(proposal, seat.seat, person)
        plan = plan_of(proposal)
        assert plan is not None
        labels: Mapping[int, bytes] = {leg.no: label_of(person) for leg in proposal.legs}
        joining = self._judge.joining(proposal, plan, seat.seat, {}, labels)
        return JoinSeat(now_us, seat.deal, seat.seat, replace(joining, options=_options(pay)))

    def belongings(self, person: bytes) -> list[Account]:
        """Accounts of a person at registrars, by the name of what is in them."""
        label = label_of(person)
        rows = self._memory.owned(Account)
        found = [row for row in rows if row.slot == row.brand.guid + label]
        return sorted(found, key=lambda row: (row.brand.name, row.key))

    async def balance(self, account: Account) -> int:
        """What its registrar says is in it. ControlFailure."""
        return await self._accounts.balance(account)


def _options(pay: str) -> str:
    return f'{{"pay": {pay}}}'


def _paid_to(seat: Seat, request: PaymentRequest) -> Leg | None:
    """The leg of money by which the seat pays what the request asks, and all that it gives."""
    given = [leg for leg in proposal_of(seat).legs if leg.from_seat == seat.seat]
    leg = given[0] if len(given) == 1 else None
    if leg is None or not isinstance(leg.carrier, MoneyCarrier):
        return None
    same = (leg.carrier.payee, leg.brand) == (request.payee, request.brand.guid)
    return leg if same and request.takes_amount(leg.amount) else None


def why_not(goods: Goods, now_us: int) -> Refusal | None:
    """Why its seat cannot be taken now, as far as that is known without asking anybody."""
    if goods.phase is not SeatPhase.INVITED:
        return Refusal(Reason.EXCHANGE_STATE)
    late_us = now_us - goods.proposal.expires_at_us
    if late_us > 0:
        return Refusal(Reason.REQUEST_EXPIRED, late_us)
    if not goods.deciders:
        return Refusal(Reason.POLICY_REFUSED)
    for one in goods.returns:
        if one.ours and not one.opened and one.vetting is Vetting.CLOSED:
            return Refusal(Reason.ACCOUNT_UNKNOWN, one.no)
    return None


def as_paid(
    goods: Goods, request: PaymentRequest, options: PayOptions, now_us: int
) -> tuple[PaymentRequest, PayOptions]:
    """For what a chain is looked for now: the leg's own request comes once all have joined.

    Every promise of it needs a stamp, and the first and the last are ATOMIC (node.leg_route)."""
    wanted = replace(
        request.over(goods.paying.amount),
        policies=goods.deciders,
        last_levels=END_LEVELS,
        # A leg's D is given, and may be nearer than a payment by itself would ask for.
        latest_deadline_us=now_us + max(goods.proposal.within_us, DEFAULT_HOLD_MAX_US),
    )
    narrowed = replace(
        options,
        levels=options.levels & LEG_LEVELS,
        first_levels=options.first_levels & END_LEVELS,
        policies=frozenset(goods.deciders),
        registries=frozenset(),
    )
    return wanted, narrowed
