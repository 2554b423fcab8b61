"""Letters about sales as a dishonest party writes them: withheld, late, swapped, or of other words.

Whoever bends a letter of his own has his keys, and everything that he has heard.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from node.command.sim.escrow.crook.letters import LATE_S, Bent, false_certificate
from node.core.sale.reading import contract_of, pool_of
from node.core.sale.rows import Sale
from proto.commit import SHARE_KIND
from proto.descriptor import decode_descriptor
from proto.envelope import Proof, sign
from proto.escrow.letters import Body, Decided, OfSale
from proto.escrow.terms import Opening, plant
from proto.keys import NodeId
from proto.sale.contract import lock_order, stake_legs
from proto.sale.handover import HandedOver, read_handed_over, sign_handed_over
from proto.sale.letters import (
    Controlled,
    Credential,
    Joined,
    Lock,
    Reveal,
    Ruled,
    SaleBody,
    SaleShare,
    SaleWords,
    Staked,
    Terms,
    decode_words,
    encode_words,
)
from proto.sale.stakes import Decision, SaleRole
from proto.wire import WireFault

if TYPE_CHECKING:
    from node.command.sim.sale.crook.crook import SaleCrook

WITHHELD: Final = ("lock", "staked", "saleshare", "credential", "terms", "reveal", "joined")
"""What it pays to leave unsaid; whoever says nothing at all is silent."""


def bent(crook: "SaleCrook", to: NodeId, body: Body) -> Bent:
    """Its choice, by its dice: mostly the truth."""
    if isinstance(body, Decided):
        if crook.tells("withholds-certificate"):
            return Bent(body, withheld=True)
        said = false_certificate(crook, body) if crook.tells("false-certificate") else body
        return Bent(said)
    if not isinstance(body, OfSale):
        return Bent(body)
    try:
        words = decode_words(body.words)
    except WireFault:
        return Bent(body)
    name = type(words.body).__name__.lower()
    if name in WITHHELD and crook.tells(f"withholds-{name}"):
        return Bent(body, withheld=True)
    after_s = crook.random.choice(LATE_S) if crook.tells(f"late-{name}") else 0.0
    locks = isinstance(words.body, SaleShare) and words.body.decision is Decision.LOCK
    if locks and crook.tells("overdue-share"):
        return Bent(body, withheld=True)  # it comes when T1 is about to be over
    sale = crook.row(words.sale)
    other = words.body if sale is None else _other(crook, sale, words.body)
    words = _elsewhere(crook, replace(words, body=other))
    return Bent(OfSale(encode_words(words)), after_s=after_s)


def _elsewhere(crook: "SaleCrook", words: SaleWords) -> SaleWords:
    """The same words about another sale."""
    others = sorted(sale for sale in crook.sales if sale != words.sale)
    if others and crook.tells("swaps-sale"):
        return replace(words, sale=crook.random.choice(others))
    return words


def _other(crook: "SaleCrook", sale: Sale, body: SaleBody) -> SaleBody:
    match body:
        case Reveal() if crook.tells("other-salt"):
            return replace(body, salt=crook.random.randbytes(32))
        case Reveal() | Joined() if crook.tells("other-account"):
            party = replace(body.party, account=crook.random.randbytes(16))
            return replace(body, party=party)
        case Reveal() | Joined() if crook.tells("other-box"):
            party = replace(body.party, box=crook.random.randbytes(32))
            return replace(body, party=party)
        case Ruled() if crook.tells("other-rule"):
            return Ruled(crook.some("rule", body.rule))
        case Terms() if crook.tells("other-promise"):
            return replace(body, promise=crook.some("promise", body.promise))
        case Terms() if crook.tells("fewer-letters"):
            return replace(body, letters=body.letters[:-1])
        case SaleShare() if crook.tells("false-share"):
            return replace(body, shares=tuple(_false(crook, share) for share in body.shares))
        case SaleShare() if crook.tells("others-share"):
            heard = [s for s in crook.shares if s != body]
            return crook.random.choice(heard) if heard else body
        case Credential() if crook.tells("garbled"):
            return Credential(crook.random.randbytes(len(body.sealed)))
        case Staked() if crook.tells("false-stake"):
            return Staked(crook.some("staked", body.promise))
        case Controlled() if crook.tells("false-control"):
            return Controlled(crook.some("control", body.statement))
        case Lock() if sale.role is SaleRole.AGENT:
            return _lock(crook, sale, body)
        case _:
            return body


def _false(crook: "SaleCrook", share: Proof) -> Proof:
    """As if its key had signed."""
    made = sign(crook.identity.key, SHARE_KIND, crook.random.randbytes(32))
    return replace(made, key=share.key)


# ---------------------------------------------------------------- another T1


def _lock(crook: "SaleCrook", sale: Sale, body: Lock) -> Lock:
    """An agent's T1 with other legs, for another pool, on another T0; or with words of his that do
    not fit to what he has sealed."""
    if crook.tells("other-legs"):
        return _other_terms(crook, sale, body)
    if crook.tells("other-order"):
        return _planted(crook, sale, body, pool_of(sale), crook.random.randbytes(64))
    if crook.tells("other-pool"):
        return _planted(crook, sale, body, crook.random.randbytes(32), sale.agreement)
    if crook.tells("later-lock"):
        descriptor = decode_descriptor(body.descriptor)
        later = replace(descriptor, deadline_us=descriptor.deadline_us + 10_000_000)
        return replace(body, descriptor=later.encode())
    if crook.tells("other-words"):
        said = read_handed_over(body.statement, crook.identity.node)
        other: HandedOver = replace(said, sealed_hash=crook.random.randbytes(32))
        return replace(body, statement=sign_handed_over(crook.identity.key, other))
    if crook.tells("other-log"):
        return replace(body, log=body.log[:-1])
    return body


def _other_terms(crook: "SaleCrook", sale: Sale, body: Lock) -> Lock:
    """The buyer gives more, and the agent nothing."""
    legs = list(stake_legs(contract_of(sale), pool_of(sale)))
    more = legs[0].amount + legs[2].amount - 1
    legs = [replace(legs[0], amount=more), legs[1], replace(legs[2], amount=1)]
    return _with_terms(crook, body, [*legs, lock_order(pool_of(sale), sale.agreement)])


def _planted(crook: "SaleCrook", sale: Sale, body: Lock, pool: bytes, agreement: bytes) -> Lock:
    legs = stake_legs(contract_of(sale), pool)
    order = lock_order(pool, agreement)
    return _with_terms(crook, body, [*legs, order])


def _with_terms(crook: "SaleCrook", body: Lock, terms: list) -> Lock:  # type: ignore[type-arg]
    salts = [crook.random.randbytes(32) for _ in terms]
    root, openings = plant(terms, salts)
    descriptor = replace(decode_descriptor(body.descriptor), terms_root=root)
    made: tuple[Opening, ...] = openings
    return replace(body, descriptor=descriptor.encode(), openings=made)
