"""Sales as answers show them: figures, parties, whose move it is, what is decided."""

from collections.abc import Collection
from typing import Any, Final

from node.control.contacts import contacts
from node.control.context import Context
from node.control.sale_names import known_agent_ids, parties_json
from node.core.sale.moves import Move, moves
from node.core.sale.outcomes import DepositRule, deposit_rule, outcome_table
from node.core.sale.reading import (
    contract_of,
    descriptors_of,
    known_of,
    offer_of,
    role_of,
    share_at,
)
from node.core.sale.rows import OPENED, SEALED, Sale
from proto.card import standing_card
from proto.descriptor import commit_id, decode_descriptor, transaction_uuid
from proto.escrow.rights import Right
from proto.limits import US
from proto.sale.contract import SIGNERS
from proto.sale.offer import AgentOffer, SaleOffer, read_agent_offer, read_rule, rule_hash
from proto.sale.promise import house_fee_ceil
from proto.sale.stakes import (
    Decision,
    Known,
    Pool,
    SaleRole,
    Stakes,
    Times,
    bond_branch_of,
    branch_of,
)

COLLUSION: Final = (
    "Two of three who work together with the agent among them cannot be survived: agent and buyer"
    " take the thing and the price from the seller, agent and seller take the price from the"
    " buyer. His bond and his name are what holds him."
)
HASTY_US: Final = 3600 * US  # in less a person may well not look
VOTED: Final = {0: "on its way", SEALED: "sealed", OPENED: "opened"}


def sale_json(
    context: Context, sale: Sale, *, whole: bool = False, met: Collection[bytes] | None = None
) -> dict[str, Any]:
    """A sale; `whole`: with rules, decisions, and what each ends with. `met`: whose cards the owner
    has given, where that is known already."""
    offer, memory = offer_of(sale), context.engine.memory
    known = known_of(memory, sale)
    now_us = context.clock.now_us()
    told: dict[str, Any] = {
        "id": sale.id.hex(),
        "role": sale.role.name,
        "phase": sale.phase.name,
        "over": sale.phase.final,
        "thing": offer.thing,
        "price": offer.stakes.price,
        "tip": sale.tip if sale.agent else None,
        "brand": offer.described.brand.name,
        "parties": parties_json(context, sale, contacts(context) if met is None else met),
        "created_at_us": sale.created_at_us,
        "expires_at_us": offer.expires_at_us,
        "ended_at_us": sale.ended_at_us,
        "because": sale.because.name if sale.because else None,
        "blamed": sale.blamed.name if sale.blamed is not SaleRole.HOUSE else None,
        "branch": branch.name if (branch := branch_of(known)) else None,
        "bond_branch": bond.name if (bond := bond_branch_of(known)) else None,
        "moves": [move_json(move) for move in moves(sale, known, now_us)],
    }
    return told | (_whole(context, sale, offer, known) if whole else {})


def move_json(move: Move) -> dict[str, Any]:
    """`role` "REGISTRY": the registry has to answer."""
    return {
        "role": move.role.name if move.role is not None else "REGISTRY",
        "what": move.what.name,
        "text": move.what.value,
        "until_us": move.until_us,
        "otherwise": move.otherwise.name,
        "otherwise_text": move.otherwise.value,
        "mine": move.mine,
        "by_itself": move.by_itself,
        "needed": move.needed,
    }


def _whole(context: Context, sale: Sale, offer: SaleOffer, known: Known) -> dict[str, Any]:
    tip = sale.tip if sale.agent else _likely_tip(sale, offer)
    return {
        "brand_id": offer.described.brand.guid.hex(),
        "lot": offer.described.brand.unit,
        "registry": context.policy_name(offer.policy),
        "arbitration": offer.arbitration,
        "rules": [rule_json(context, sale, signed, offer) for signed in sale.rules],
        "decisions": [_decision_json(sale, d, data, known) for d, data in _descriptors(sale)],
        "votes_sealed_until_us": contract_of(sale).votes_sealed_until_us if sale.contract else None,
        "votes_open_until_us": contract_of(sale).votes_open_until_us if sale.contract else None,
        "vote": VOTED[sale.voted] if sale.vote else None,
        "handover": handover_json(sale),
    } | figures_json(offer.described, offer.stakes, offer.times, tip, bool(offer.arbiter_card))


def _likely_tip(sale: Sale, offer: SaleOffer) -> int:
    """Until an agent is chosen: the most that both sides would pay by now."""
    return min(read_rule(signed).highest_tip for signed in sale.rules[-2:])


def figures_json(
    right: Right, stakes: Stakes, times: Times, tip: int, arbitrated: bool
) -> dict[str, Any]:
    """All that a party has to see before he signs. Amounts are units of the deposit brand, times
    seconds."""
    pool = Pool(stakes, tip, house_fee_ceil(right, stakes.price), right.brand.unit, arbitrated)
    roles = (SaleRole.BUYER, SaleRole.SELLER, SaleRole.AGENT)
    return {
        "stakes": {
            "price": stakes.price,
            "buyer_deposit": stakes.buyer_deposit,
            "seller_deposit": stakes.seller_deposit,
            "bond": stakes.bond,
            "vote_bond": stakes.vote_bond,
            "refund_tip_permille": stakes.refund_tip_permille,
            "slash_permille": stakes.slash_permille,
            "slashed_bond_permille": stakes.slashed_bond_permille,
        },
        "figured_tip": tip,
        "house_fee": pool.house_fee,
        "puts_in": {role.name: pool.stake(role) for role in roles},
        "times_s": {
            name: getattr(times, f"{name}_us") // US
            for name in ("agree", "lock", "release", "window", "refund", "slash", "vote")
        },
        "deposit_rule": {
            role.name: _rule_json(deposit_rule(stakes.price, deposit))
            for role, deposit in (
                (SaleRole.BUYER, stakes.buyer_deposit),
                (SaleRole.SELLER, stakes.seller_deposit),
            )
        },
        "outcomes": [
            {
                "case": ending.case.name,
                "text": ending.case.value,
                "added": ending.added,
                "changes": {role.name: change for role, change in ending.changes.items()},
            }
            for ending in outcome_table(pool)
        ],
        "warning": COLLUSION,
        "hasty": min(times.release_us, times.window_us) < HASTY_US,
    }


def _rule_json(rule: DepositRule) -> dict[str, Any]:
    return {
        "deposit": rule.deposit,
        "least": [{"caught_permille": q, "deposit": least} for q, least in rule.least],
        "pays_not_from_permille": rule.pays_not_from,
    }


def rule_json(context: Context, sale: Sale, signed: bytes, offer: SaleOffer) -> dict[str, Any]:
    """Whom a side accepts, and up to which tip."""
    rule = read_rule(signed)
    side = role_of(sale, rule.side)
    return {
        "hash": rule_hash(signed).hex(),
        "side": side.name if side is not None else None,
        "ours": rule.side == context.identity.node,
        "highest_tip": rule.highest_tip,
        "least_score": rule.least_score,
        "agents": [agent_json(context, read_agent_offer(a), offer) for a in rule.agents],
    }


def agent_json(context: Context, agent: AgentOffer, offer: SaleOffer) -> dict[str, Any]:
    """An agent as he stands to a sale."""
    return {
        "agent": agent.agent.hex(),
        "alias": standing_card(agent.card).alias,
        "known": agent.agent in known_agent_ids(context),
        "tip": agent.tip_ceil(offer.stakes.price, offer.described.brand.unit),
        "bond_max": agent.bond_max,
        "judges": agent.judges,
    }


def _descriptors(sale: Sale) -> list[tuple[Decision, bytes]]:
    found = descriptors_of(sale)
    order = (Decision.AGREE, Decision.LOCK, Decision.RELEASE, Decision.DELIVERED)
    later = (Decision.CHALLENGE, Decision.REFUND, Decision.SLASH)
    return [(decision, found[decision]) for decision in (*order, *later) if decision in found]


def _decision_json(sale: Sale, decision: Decision, data: bytes, known: Known) -> dict[str, Any]:
    commit, outcome = commit_id(data), known.get(decision)
    return {
        "decision": decision.name,
        "until_us": decode_descriptor(data).deadline_us,
        "outcome": outcome.name if outcome is not None else None,
        "signed": [r.name for r in SIGNERS[decision][0] if sale.shares[share_at(decision, r)]],
        "submitted": bool(sale.submitted >> decision & 1),
        "commit_id": commit.hex(),
        "uuid": str(transaction_uuid(commit)),
    }


def handover_json(sale: Sale) -> dict[str, Any]:
    """How far the hand-over is, as this party can see it. Nothing secret is in it."""
    return {
        "given": bool(sale.credential),
        "passed_on": bool(sale.statement),
        "sealed_bytes": len(sale.sealed),
        "log": [entry.hex() for entry in sale.log],
        "proof_shown": bool(sale.shown or (sale.role is SaleRole.BUYER and sale.proof)),
        "attested_at_us": sale.attested_at_us,
        "attested_with_proof": bool(sale.role is SaleRole.AGENT and sale.proof),
    }
