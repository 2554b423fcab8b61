"""Documents of a sale that this node signs: offer, rules, the contract, votes."""

from dataclasses import dataclass
from hashlib import blake2b, sha256
from typing import Final

from node.core.sale.agreeing import choice_hash
from node.core.sale.reading import (
    contract_of,
    descriptor_of,
    known_of,
    offer_of,
    pool_of,
    salt_of,
)
from node.core.sale.rows import Sale
from node.core.view import View
from proto.descriptor import commit_id
from proto.keys import SigningKey
from proto.sale.contract import (
    DECIDED,
    Contract,
    Party,
    make_decision,
    pool_id,
    sign_contract,
)
from proto.sale.offer import Rule, rule_hash, sign_rule
from proto.sale.promise import house_fee_ceil
from proto.sale.stakes import Decision, Pool, SaleRole, deciding
from proto.sale.votes import Vote, sign_vote
from runtime.identity import Entropy

SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Accepts:
    """Whom a side accepts: signed offers of agents, and the highest tip that it would pay.
    `least_score`: by which it chose them; for people."""

    agents: tuple[bytes, ...]
    highest_tip: int
    least_score: int = 0


def draft_rule(
    key: SigningKey, sale: bytes, before: tuple[bytes, ...], seed: bytes, accepts: Accepts
) -> bytes:
    """The signed rule that follows those before it, and commits to the salt of its turn."""
    rule = Rule(
        sale=sale,
        side=key.node_id,
        answers=rule_hash(before[-1]) if before else b"",
        agents=accepts.agents,
        highest_tip=accepts.highest_tip,
        least_score=accepts.least_score,
        salt_hash=sha256(salt_of(seed, len(before))).digest(),
    )
    return sign_rule(key, rule)


def draft_contract(
    key: SigningKey, sale: Sale, parties: tuple[Party, ...], now_us: int, entropy: Entropy
) -> tuple[bytes, bytes]:
    """The signed contract of all that joined, and T0's descriptor, which binds it."""
    offer, salts = offer_of(sale), entropy(SALT_BYTES)
    right, times = offer.described, offer.times
    lot = right.brand.unit
    agreed_us = now_us + times.agree_us
    locked_us = agreed_us + times.lock_us
    released_us = locked_us + times.release_us
    challenged_us = released_us + times.window_us
    refunded_us = challenged_us + times.refund_us
    slashed_us = refunded_us + times.slash_us
    ends = {
        Decision.RELEASE: released_us,
        Decision.REFUND: refunded_us,
        Decision.DELIVERED: released_us,
        Decision.CHALLENGE: challenged_us,
        Decision.SLASH: slashed_us,
    }
    decisions = (*DECIDED, Decision.SLASH) if offer.arbiter_card else DECIDED
    fee = house_fee_ceil(right, offer.stakes.price)
    contract = Contract(
        sale=sale.id,
        house=offer.house,
        brand=right.brand.guid,
        pool=Pool(offer.stakes, sale.tip, fee, lot, bool(offer.arbiter_card)),
        parties=parties,
        agreed_until_us=agreed_us,
        locked_until_us=locked_us,
        descriptors=tuple(
            make_decision(sale.id, parties, d, _salt(salts, d), ends[d], offer.policy)
            for d in decisions
        ),
        votes_sealed_until_us=slashed_us + times.vote_us,
        votes_open_until_us=slashed_us + 2 * times.vote_us,
        choice=choice_hash(sale),
        arbitration=offer.arbitration,
    )
    signed = sign_contract(key, contract)
    agreement = make_decision(
        sale.id,
        parties,
        Decision.AGREE,
        _salt(salts, Decision.AGREE),
        agreed_us,
        offer.policy,
        pool_id(signed),
    )
    return signed, agreement


def _salt(salts: bytes, decision: Decision) -> bytes:
    return blake2b(salts, digest_size=32, person=b"sale-salts", salt=bytes((decision,))).digest()


def draft_vote(key: SigningKey, view: View, sale: Sale, success: bool, entropy: Entropy) -> bytes:
    """The signed vote of buyer or seller on the agent of a sale whose branch is proven."""
    contract, known = contract_of(sale), known_of(view, sale)
    return sign_vote(
        key,
        Vote(
            house=contract.house,
            pool=pool_of(sale),
            brand=contract.brand,
            agent=contract.party(SaleRole.AGENT).node,
            voter=key.node_id,
            value=contract.pool.stakes.price,
            deciding=commit_id(descriptor_of(sale, deciding(known))),
            success=success,
            salt=entropy(SALT_BYTES),
        ),
    )
