"""What somebody may have bound himself to, at the moment of his signature.

Compared with what the people offered each other, and with what lies at the house: the contract's
own codec is not asked whether it is sound.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import select

from node.command.sim.escrow.titles import Wrong
from node.command.sim.sale.plan import NAMES
from node.command.sim.sale.setting import OneSale
from node.core.sale.reading import share_at
from node.core.sale.rows import Sale
from node.registrar.tables import leg
from node.sale.handover import Unsealable, check_resealed
from node.sale.vault import Vault
from proto.descriptor import commit_id, decode_descriptor
from proto.sale.contract import pool_account, pool_id, read_contract
from proto.sale.stakes import STAKERS, Decision, SaleRole

if TYPE_CHECKING:
    from node.command.sim.sale.verdict import Verdict


def signed_badly(verdict: "Verdict", name: str, row: Sale, sale: OneSale) -> Iterator[Wrong]:
    """What is wrong with what this row of somebody straight is bound to."""
    if row.shares[share_at(Decision.AGREE, row.role)]:
        yield from _agreed(verdict, row, sale)
    if row.shares[share_at(Decision.LOCK, row.role)] and not row.phase.final:
        yield from _locked(verdict, name, row)


def _agreed(verdict: "Verdict", row: Sale, sale: OneSale) -> Iterator[Wrong]:
    """T0 binds the figures, the people, the times and the text of the offer."""
    contract, figures = read_contract(row.contract), verdict.course.figures
    terms, times = contract.pool, sale.offer.times
    if (terms.stakes, terms.tip) != (figures.stakes, figures.tip):
        yield "TERMS", "signs T0 with other figures than were offered"
    if terms.house_fee != figures.fee or contract.arbitration != sale.offer.arbitration:
        yield "TERMS", "signs T0 with another fee or another text than was offered"
    for role in (*STAKERS,):
        wanted = (
            verdict.world.people[NAMES[role]].id,
            verdict.setting.account(verdict.world, NAMES[role]),
        )
        if (contract.party(role).node, contract.account_of(role)) != wanted:
            yield "TERMS", f"signs T0 with another {role.name.lower()} than was chosen"
    ends = {d: decode_descriptor(data).deadline_us for d, data in contract.decisions.items()}
    lasts_us = ends[Decision.REFUND] - contract.agreed_until_us
    if lasts_us != times.lock_us + times.release_us + times.window_us + times.refund_us:
        yield "TERMS", "signs T0 with other times than were offered"
    if {decode_descriptor(data).policy for data in contract.descriptors} != {sale.offer.policy}:
        yield "TERMS", "signs T0 under another registry than was offered"


def _locked(verdict: "Verdict", name: str, row: Sale) -> Iterator[Wrong]:
    """Who signs T1 has all three stakes promised, and the buyer what K opens."""
    contract, pool = read_contract(row.contract), pool_id(row.contract)
    with verdict.database.connect() as connection:
        query = select(leg.c.no, leg.c.amount, leg.c.source, leg.c.destination)
        found = {
            int(no): (int(amount), bytes(source), bytes(into))
            for no, amount, source, into in connection.execute(
                query.where(leg.c.commit == commit_id(row.lock))
            )
        }
    for no, role in enumerate(STAKERS, 1):
        stake = contract.pool.stake(role)
        if found.get(no) != (stake, contract.account_of(role), pool_account(pool)):
            yield "LOCK", f"signs T1, and the {role.name.lower()}'s stake is not promised"
    if row.role is not SaleRole.BUYER:
        return
    box = Vault(verdict.world.people[name].identity.key).box(row.id, SaleRole.BUYER)
    (locked,) = decode_descriptor(row.lock).hashlocks
    agent_box = contract.party(SaleRole.AGENT).box
    try:
        check_resealed(row.sealed, row.id, box, agent_box, locked)
    except Unsealable as fault:
        yield "LOCK", f"signs T1 for what K will not open: {fault}"
