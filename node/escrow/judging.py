"""What a letter needs before the core can take it: its proposal compiled anew, accounts, requests.

By code apart from the coordinator's: every seat makes legs and wants from the template itself and
checks conservation and offer safety before it joins (node.escrow.checks).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from node.core.escrow.events import Joining, LetterCame
from node.core.escrow.reading import committer_key, may_coordinate, money_id, proposal_of
from node.core.escrow.rows import Account, Seat, SeatPhase, Standing
from node.core.rows import Request, RequestPhase
from node.core.sale.events import SaleLetterCame
from node.escrow.checks import check_exchange, check_sums
from node.escrow.faults import TemplateFault
from node.escrow.plan import Plan, PlannedSeat, compile_plan
from node.escrow.standing import PROPOSED_BY, USED_BY, Rule, RuleInvalid, uses
from node.memory import Memory
from node.pay_options import PayOptions
from node.sale.judging import judged_words
from proto.descriptor import DescriptorInvalid, decode_descriptor
from proto.escrow.legs import Leg, MoneyCarrier
from proto.escrow.letters import Dossier, Fix, Invite, Letter, OfSale
from proto.escrow.proposal import Proposal, read_proposal
from proto.escrow.reasons import EscrowReason
from proto.escrow.rights import Right
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import MAX_SEATS, US
from proto.money import Brand
from proto.policy import RegistryPolicy
from proto.request import PaymentRequest, sign_request
from proto.wire import WireFault
from runtime.identity import Entropy, Identity

PLANS_KEPT: Final = 256  # one node may sit on several seats, and its owner looks again and again
FOR_ANY: Final = '"proposal": ""'  # as Rule.to_json writes it where it names no proposal
# A seat that a rule has just taken is on its way into the memory, from which uses are counted.
ON_ITS_WAY_US: Final = 10 * US
REQUEST_LIFE_US: Final = 60 * US  # of a request of a leg, beyond D: it is paid under D or never


class NoAccount(LookupError):
    """The seat lacks an account. `leg`: for which."""

    def __init__(self, leg: Leg) -> None:
        super().__init__(leg.no)
        self.leg = leg


@lru_cache(maxsize=PLANS_KEPT)
def plan_of(proposal: Proposal) -> Plan | None:
    """The proposal compiled anew; None where it is not what its template says, or not safe."""
    rights = proposal.described()
    try:
        plan = compile_plan(proposal.template, proposal.instance, rights)
    except TemplateFault:
        return None
    nodes = {seat: card.node for seat, card in proposal.cards().items()}
    said = {seat.name: seat.node for seat in plan.seats}
    if plan.legs != proposal.legs or said != nodes:
        return None
    unsafe = check_exchange(
        plan.legs,
        nodes,
        {seat.name: (*seat.receives, *seat.wants) for seat in plan.seats},
        [seat.name for seat in plan.seats if seat.commits],
        rights,
        proposal.within_us,
    ) or check_sums(proposal.template, proposal.instance, plan.legs, rights)
    return None if unsafe else plan


def accepted_by(
    rights: Iterable[Right], policies: Sequence[RegistryPolicy]
) -> tuple[RegistryPolicy, ...]:
    """Of these, in their order, those under which every one of the rights can move: its registrar
    prepares nothing under any other (escrow section 3, S0)."""
    return tuple(p for p in policies if all(p in right.policies for right in rights))


class Judge:
    """Reads the node's memory and makes events; changes nothing."""

    def __init__(self, memory: Memory, identity: Identity, alias: str, entropy: Entropy) -> None:
        self._memory = memory
        self._identity = identity
        self._alias = alias
        self._entropy = entropy
        self._taken: dict[tuple[bytes, str], Seat] = {}  # by rules, a moment ago

    def judged(self, now_us: int, letter: Letter, payload: bytes) -> LetterCame | SaleLetterCame:
        """The event of a letter, with what the core cannot find out by itself. WireFault."""
        match letter.body:
            case OfSale(data):
                return judged_words(self._memory, self._identity, letter.sender, data, now_us)
            case Invite(signed, seat):
                fault, joining = self._invited(signed, seat, now_us)
                return LetterCame(now_us, letter, payload, fault=fault, joining=joining)
            case Dossier(signed):
                plan = self._read(signed)
                fault = EscrowReason.PROPOSAL_INVALID if plan is None else EscrowReason.NONE
                return LetterCame(now_us, letter, payload, fault=fault)
            case Fix() as fix:
                return LetterCame(
                    now_us, letter, payload, requests=self._requests(fix, letter.sender, now_us)
                )
            case _:
                return LetterCame(now_us, letter, payload, self._entropy(32))

    def _read(self, signed: bytes) -> tuple[Proposal, Plan] | None:
        try:
            proposal = read_proposal(signed)
        except WireFault:
            return None
        plan = plan_of(proposal)
        return None if plan is None else (proposal, plan)

    def _invited(
        self, signed: bytes, seat: str, now_us: int
    ) -> tuple[EscrowReason, Joining | None]:
        read = self._read(signed)
        if read is None:
            return EscrowReason.PROPOSAL_INVALID, None
        proposal, plan = read
        if self._seat(proposal.id, seat) is not None:
            return EscrowReason.NONE, None  # said twice: nothing is taken once more
        options = self._rule(proposal, plan, seat, now_us)
        if options is None:
            return EscrowReason.NONE, None
        try:
            joining = self.joining(proposal, plan, seat, options)
        except NoAccount:
            return EscrowReason.NONE, None  # the owner may open one and join by hand
        if USED_BY in options:
            on_its_way = Seat(
                *(proposal.id, 0, seat, SeatPhase.JOINED, b"", now_us), options=joining.options
            )
            self._taken[proposal.id, seat] = on_its_way
        return EscrowReason.NONE, joining

    def _rule(
        self, proposal: Proposal, plan: Plan, seat: str, now_us: int
    ) -> Mapping[str, Any] | None:
        """What the seat joins with where a rule covers it that may still be used."""
        nodes = {s.name: s.node for s in plan.seats}
        named = proposal.id.hex()
        for row in self._memory.owned(Standing):
            # Most are for one proposal of our own each, and need not be read to be passed over.
            if not row.ended and (FOR_ANY in row.rule or named in row.rule):
                try:
                    rule = Rule.from_json(row.rule)
                except RuleInvalid:
                    continue  # of another version: it must not stop the others
                if rule.proposal and proposal.initiator != self._identity.node:
                    continue  # made for a proposal of our own
                if not rule.covers(proposal, plan.template_hash, seat, nodes, now_us):
                    continue
                if rule.proposal:
                    return rule.options
                counted = uses(self._remembered(now_us), row.id, now_us)
                if not counted.reached(rule, proposal.initiator):
                    used_by = {USED_BY: row.id.hex(), PROPOSED_BY: proposal.initiator.hex()}
                    return {**rule.options, **used_by}
        return None

    def _remembered(self, now_us: int) -> list[Seat]:
        """Seats of ours, and those that rules have taken but no transaction has written yet."""
        self._taken = {
            named: seat
            for named, seat in self._taken.items()
            if seat.invited_at_us > now_us - ON_ITS_WAY_US and self._seat(*named) is None
        }
        return [*self._memory.owned(Seat), *self._taken.values()]

    def joining(
        self,
        proposal: Proposal,
        plan: Plan,
        seat: str,
        options: Mapping[str, Any],
        labels: Mapping[int, bytes] | None = None,
    ) -> Joining:
        """What the seat joins with. `labels`: of the account for a leg, where not the usual one.

        NoAccount."""
        planned = next(s for s in plan.seats if s.name == seat)
        accounts = tuple(
            self._account(leg, (labels or {}).get(leg.no, b""))
            if leg.registrar is not None and seat in (leg.from_seat, leg.to_seat)
            else b""
            for leg in proposal.legs
        )
        usable = self._memory.settings.usable
        takes = accepted_by(proposal.described().values(), proposal.policies)
        policies = tuple(
            at
            for at, policy in enumerate(proposal.policies)
            if policy in takes and usable.issuperset(policy.members)
        )
        pay = json.loads(PayOptions().to_json()) | options.get("pay", {})
        return Joining(
            seed=self._entropy(32),
            accounts=accounts,
            wants=_wants(planned),
            commits=planned.commits,
            policies=policies,
            options=json.dumps({**options, "pay": pay}),
        )

    def _account(self, leg: Leg, label: bytes) -> bytes:
        assert leg.registrar is not None
        slot = leg.brand + label
        row = self._memory.row((Account.table, leg.registrar, slot))
        if row is None:
            raise NoAccount(leg)
        return leg.registrar + slot

    def _requests(self, fix: Fix, sender: NodeId, now_us: int) -> tuple[tuple[int, Request], ...]:
        """A signed request for each money leg to the seat, if the seat has joined. Whether the
        terms hold is the core's question: where they do not, these are thrown away."""
        seat = self._seat(fix.proposal_id, fix.seat)
        if seat is None or seat.phase is not SeatPhase.JOINED:
            return ()
        if not may_coordinate(proposal_of(seat), sender):
            return ()  # a stranger's, of which nothing comes: not worth a signature of ours
        try:
            descriptor = decode_descriptor(fix.descriptor)
            terms = [opening.term for opening in fix.openings]
        except (DescriptorInvalid, WireFault):
            return ()
        legs = [
            leg
            for leg in terms
            if isinstance(leg, Leg)
            and leg.to_seat == seat.seat
            and isinstance(leg.carrier, MoneyCarrier)
        ]
        until_us = descriptor.deadline_us
        made = (
            (leg.no, self._request(seat, leg, descriptor.policy, now_us, until_us)) for leg in legs
        )
        return tuple((no, request) for no, request in made if request is not None)

    def _seat(self, deal: bytes, name: str) -> Seat | None:
        for at in range(MAX_SEATS):
            row = self._memory.row((Seat.table, deal, bytes((at,))))
            if isinstance(row, Seat) and row.seat == name:
                return row
        return None

    def _request(
        self, seat: Seat, leg: Leg, policy: RegistryPolicy, now_us: int, deadline_us: int
    ) -> Request | None:
        brand = self._brand(leg.brand)
        if brand is None:
            return None
        key = committer_key(seat.seed)
        request = PaymentRequest(
            request_id=money_id(seat.id, leg.no),
            payee=self._identity.node,
            payee_alias=self._alias,
            brand=brand,
            amount=leg.amount,
            committer_key=key.public,
            seal_key=self._identity.seal.public,
            seal_certificate=self._identity.seal_certificate,
            expires_at_us=deadline_us + REQUEST_LIFE_US,
            latest_deadline_us=deadline_us,
            policies=(policy,),
            last_levels=frozenset({Level.ATOMIC}),
            description="",
        )
        return Request(
            id=request.request_id,
            signed=sign_request(self._identity.key, request),
            seed=seat.seed,
            amount=leg.amount,
            brand=brand,
            phase=RequestPhase.OPEN,
            created_at_us=now_us,
            expires_at_us=request.expires_at_us,
        )

    def _brand(self, guid: bytes) -> Brand | None:
        return next((line.brand for line in self._memory.lines() if line.brand.guid == guid), None)


def _wants(seat: PlannedSeat) -> tuple[int, ...]:
    """Everything that it has to see before it signs: what it receives, and what it wants."""
    return tuple(sorted({*seat.receives, *seat.wants}))
