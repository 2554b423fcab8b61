"""From a template and what fills it in to a signed proposal (escrow section 3, S0)."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from node.core.escrow.rows import Account, KnownRight
from node.escrow.checks import Unsafe, check_exchange, check_sums
from node.escrow.plan import Plan, compile_plan
from node.memory import Memory
from proto.card import read_card
from proto.escrow.proposal import SALT_BYTES, Proposal, read_proposal, sign_proposal
from proto.escrow.rights import Right, read_right
from proto.keys import NodeId
from proto.limits import MAX_PROPOSAL_BYTES
from proto.policy import RegistryPolicy
from runtime.identity import Entropy, Identity


class NotSafe(ValueError):
    """Filled in like that, somebody could lose. `unsafe` says how."""

    def __init__(self, unsafe: Unsafe) -> None:
        super().__init__(unsafe.value)
        self.unsafe = unsafe


class TooLarge(ValueError):
    """Cards, descriptions and template are too much for one proposal. `bytes_over`: by how many."""

    def __init__(self, bytes_over: int) -> None:
        super().__init__(f"the proposal is {bytes_over} bytes too long")
        self.bytes_over = bytes_over


@dataclass(frozen=True, slots=True)
class Wish:
    """What the owner wants to propose. `cards`: who sits where, card texts by node; `within_us`:
    D counts from when the terms are fixed; `coordinators`: cards."""

    template: bytes
    instance: bytes
    cards: Mapping[NodeId, str]
    within_us: int
    joined_by_us: int
    policies: tuple[RegistryPolicy, ...]
    coordinators: tuple[str, ...]
    note: str = ""


def known_rights(memory: Memory) -> dict[bytes, Right]:
    """Descriptions that this node has been given, by brand."""
    signed = {row.brand: row.right for row in memory.owned(KnownRight)}
    signed |= {row.brand.guid: row.right for row in memory.owned(Account) if row.right}
    return {brand: read_right(right) for brand, right in signed.items()}


def drafted(memory: Memory, wish: Wish) -> Plan:
    """The plan of a wish, checked for safety. TemplateFault, NotSafe."""
    rights = known_rights(memory)
    plan = compile_plan(wish.template, wish.instance, rights)
    nodes = {seat.name: seat.node for seat in plan.seats}
    wants = {seat.name: (*seat.receives, *seat.wants) for seat in plan.seats}
    committers = [seat.name for seat in plan.seats if seat.commits]
    unsafe = check_exchange(
        plan.legs, nodes, wants, committers, rights, wish.within_us
    ) or check_sums(wish.template, wish.instance, plan.legs, rights)
    if unsafe is not None:
        raise NotSafe(unsafe)
    return plan


def proposed(
    memory: Memory, identity: Identity, card: str, wish: Wish, now_us: int, entropy: Entropy
) -> tuple[bytes, Proposal, bytes]:
    """The signed proposal, what it says, and the preimage by which it can be ended early.

    TemplateFault, NotSafe, TooLarge; KeyError where the card of a seat is missing.
    """
    plan = drafted(memory, wish)
    preimage = entropy(32)
    proposal = Proposal(
        salt=entropy(SALT_BYTES),
        initiator=identity.node,
        initiator_card=card,
        template=wish.template,
        instance=wish.instance,
        rights=tuple(_signed(memory, brand) for brand in _brands(plan)),
        seats=tuple((seat.name, wish.cards[seat.node]) for seat in plan.seats),
        legs=plan.legs,
        within_us=wish.within_us,
        policies=wish.policies,
        coordinators=wish.coordinators or (card,),
        created_at_us=now_us,
        expires_at_us=now_us + wish.joined_by_us,
        decline_hash=sha256(preimage).digest(),
        note=wish.note,
        registrars=_registrars(memory, plan, now_us),
    )
    signed = sign_proposal(identity.key, proposal)
    if len(signed) > MAX_PROPOSAL_BYTES:
        raise TooLarge(len(signed) - MAX_PROPOSAL_BYTES)
    return signed, read_proposal(signed), preimage


def _brands(plan: Plan) -> Mapping[bytes, None]:
    return dict.fromkeys(leg.brand for leg in plan.legs if leg.registrar is not None)


def _row(memory: Memory, brand: bytes) -> KnownRight | Account:
    row = memory.row((KnownRight.table, brand, b""))
    if isinstance(row, KnownRight):
        return row
    return next(a for a in memory.owned(Account) if a.brand.guid == brand and a.right)


def _signed(memory: Memory, brand: bytes) -> bytes:
    return _row(memory, brand).right


def _registrars(memory: Memory, plan: Plan, now_us: int) -> tuple[str, ...]:
    cards = {
        read_card(row.card, now_us).node: row.card
        for row in (_row(memory, brand) for brand in _brands(plan))
    }
    return tuple(cards.values())
