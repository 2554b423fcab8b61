"""Documents of one sale, made from labels: with an arbiter, as large as it gets in parts."""

from dataclasses import replace
from hashlib import sha256
from typing import Final

from node.command.sim.cast import NOW_US, SECOND, SINGLE, digest, signing_key
from proto.escrow.rights import sign_right
from proto.escrow.terms import Opening, plant
from proto.sale.contract import (
    DECIDED,
    Contract,
    Party,
    keys_of,
    lock_order,
    make_decision,
    may_decline,
    pool_id,
    sign_contract,
    stake_legs,
)
from proto.sale.handover import ControlProof, HandedOver
from proto.sale.offer import (
    AgentOffer,
    Rule,
    SaleOffer,
    rule_hash,
    sale_id,
    sign_agent_offer,
    sign_offer,
    sign_rule,
)
from proto.sale.promise import PoolPromise, pool_promise
from proto.sale.stakes import STAKERS, Branch, Decision, Pool, SaleRole, Stakes, Times
from proto.sale.votes import Rating, Vote, sign_vote
from tests.node.core.escrow_table import card_of, node_of, right_of

HOUSE: Final = "reg1"
NAMES: Final = {
    SaleRole.BUYER: "bob",
    SaleRole.SELLER: "sally",
    SaleRole.AGENT: "ned",
    SaleRole.ARBITER: "ada",
}
KEYS: Final = {role: signing_key(name) for role, name in NAMES.items()}
HOUSE_KEY: Final = signing_key(HOUSE)
BUYER, SELLER, AGENT = (node_of(NAMES[role]) for role in STAKERS)
DEPOSIT: Final = replace(right_of(HOUSE, "deposit", of="credit"), longest_lock_us=10**12)
STAKES: Final = Stakes(1000, 100, 150, 1200, 10, 500, 250, 600)
TIMES: Final = Times(*(n * 60 * SECOND for n in (1, 2, 30, 10, 10, 5, 20)))

OFFER: Final = SaleOffer(
    salt=digest("sale")[:16],
    buyer=BUYER,
    buyer_card=card_of("bob"),
    seller_card=card_of("sally"),
    thing="lamp.example",
    right=sign_right(HOUSE_KEY, DEPOSIT),
    house_card=card_of(HOUSE),
    stakes=STAKES,
    times=TIMES,
    policy=SINGLE,
    arbitration="What a careful buyer sees:\nthe name answers to him.",
    created_at_us=NOW_US,
    expires_at_us=NOW_US + 300 * SECOND,
    arbiter_card=card_of("ada"),
)
SIGNED_OFFER: Final = sign_offer(KEYS[SaleRole.BUYER], OFFER)
SALE: Final = sale_id(SIGNED_OFFER)


def agent_offer(name: str, judges: str = "names and games") -> AgentOffer:
    """What somebody asks for."""
    return AgentOffer(
        agent=node_of(name),
        card=card_of(name),
        brands=(DEPOSIT.brand.guid,),
        tip_flat=10,
        tip_permille=10,
        bond_max=5000,
        judges=judges,
        created_at_us=NOW_US,
        expires_at_us=NOW_US + 3600 * SECOND,
    )


AGENT_OFFER: Final = agent_offer("ned")
SIGNED_AGENT_OFFER: Final = sign_agent_offer(KEYS[SaleRole.AGENT], AGENT_OFFER)
FIRST_RULE: Final = Rule(SALE, BUYER, b"", (SIGNED_AGENT_OFFER,), 50, 3, digest("salt hash"))
SIGNED_RULE: Final = sign_rule(KEYS[SaleRole.BUYER], FIRST_RULE)
RULE: Final = replace(FIRST_RULE, side=SELLER, answers=rule_hash(SIGNED_RULE), least_score=-1)


def party(role: SaleRole) -> Party:
    """With keys of Ts, and an account that is the house's name for it."""
    keys = tuple(
        (
            decision,
            tuple(
                signing_key(f"{role.name} {decision.name} {i}").public
                for i in range(keys_of(decision, role))
            ),
        )
        for decision in Decision
        if keys_of(decision, role)
    )
    arbiter = role is SaleRole.ARBITER
    return Party(
        role,
        card_of(NAMES[role]),
        b"" if arbiter else digest(f"account {role.name}")[:16],
        keys,
        b"" if arbiter else digest(f"box {role.name}"),
        b"" if may_decline(role) is None else sha256(digest(role.name)).digest(),
    )


PARTIES: Final = tuple(party(role) for role in NAMES)
_ENDS: Final = {
    Decision.RELEASE: 40,
    Decision.REFUND: 60,
    Decision.DELIVERED: 40,
    Decision.CHALLENGE: 50,
    Decision.SLASH: 70,
}


def decision(which: Decision, bound: bytes = b"", minutes: int = 0) -> bytes:
    """Its descriptor; not of T1."""
    end_us = NOW_US + 60 * SECOND * (minutes or _ENDS[which])
    return make_decision(SALE, PARTIES, which, digest(which.name), end_us, SINGLE, bound)


CONTRACT: Final = Contract(
    sale=SALE,
    house=node_of(HOUSE),
    brand=DEPOSIT.brand.guid,
    pool=Pool(STAKES, tip=20, house_fee=7, lot=1, arbitrated=True),
    parties=PARTIES,
    agreed_until_us=NOW_US + 60 * SECOND,
    locked_until_us=NOW_US + 180 * SECOND,
    descriptors=tuple(decision(which) for which in (*DECIDED, Decision.SLASH)),
    votes_sealed_until_us=NOW_US + 90 * 60 * SECOND,
    votes_open_until_us=NOW_US + 110 * 60 * SECOND,
    choice=digest("choice"),
    arbitration=OFFER.arbitration,
)
SIGNED_CONTRACT: Final = sign_contract(KEYS[SaleRole.BUYER], CONTRACT)
POOL: Final = pool_id(SIGNED_CONTRACT)
AGREEMENT: Final = decision(Decision.AGREE, POOL, 1)
PROMISE: Final[PoolPromise] = pool_promise(CONTRACT, SIGNED_CONTRACT, AGREEMENT)
_TERMS: Final = (*stake_legs(CONTRACT, POOL), lock_order(POOL, AGREEMENT))
OPENINGS: Final[tuple[Opening, ...]] = plant(
    _TERMS, [digest(f"salt {i}") for i in range(len(_TERMS))]
)[1]

HANDED: Final = HandedOver(
    SALE, digest("key hash"), digest("sealed"), digest("head"), digest("challenge")[:16]
)
LOCK_KEY: Final = signing_key("the buyer's of T1")
CONTROL: Final = ControlProof(digest("lock"), HANDED.challenge, LOCK_KEY.public)

VOTE: Final = Vote(
    house=node_of(HOUSE),
    pool=POOL,
    brand=DEPOSIT.brand.guid,
    agent=AGENT,
    voter=BUYER,
    value=STAKES.price,
    deciding=digest("deciding"),
    success=True,
    salt=digest("vote salt"),
)
VOTES: Final = (
    sign_vote(KEYS[SaleRole.BUYER], VOTE),
    sign_vote(KEYS[SaleRole.SELLER], replace(VOTE, voter=SELLER, success=False)),
)
RATING: Final = Rating(
    house=node_of(HOUSE),
    brand=DEPOSIT.brand.guid,
    agent=AGENT,
    sequence=2,
    previous=digest("rating before"),
    pool=POOL,
    value=STAKES.price,
    branch=Branch.RELEASED,
    deciding=VOTE.deciding,
    votes=VOTES,
    at_us=NOW_US,
)
