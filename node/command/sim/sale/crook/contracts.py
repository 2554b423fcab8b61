"""Contracts that are not what was offered: a buyer hopes that nobody compares."""

from dataclasses import replace
from random import Random

from node.core.sale.reading import contract_of
from node.core.sale.rows import Sale
from proto.descriptor import decode_descriptor
from proto.keys import SigningKey
from proto.sale.contract import (
    Contract,
    make_decision,
    pool_id,
    sign_contract,
)
from proto.sale.stakes import Decision, SaleRole

S = 1_000_000


def other_contract(key: SigningKey, sale: Sale, random: Random) -> tuple[bytes, bytes]:
    """Signed, with a T0 of its own that binds it; or the same contract under another T0."""
    contract = contract_of(sale)
    change = random.choice((_cheaper, _no_fee, _no_tip, _own_account, _hasty, _other_text, _same))
    signed = sign_contract(key, change(contract))
    agreement = make_decision(
        sale.id,
        contract.parties,
        Decision.AGREE,
        random.randbytes(32),
        contract.agreed_until_us,
        contract.policy,
        pool_id(signed),
    )
    return signed, agreement


def _same(contract: Contract) -> Contract:
    return contract


def _cheaper(contract: Contract) -> Contract:
    stakes = contract.pool.stakes
    price = max(1, stakes.price // 2)
    return replace(contract, pool=replace(contract.pool, stakes=replace(stakes, price=price)))


def _no_fee(contract: Contract) -> Contract:
    more = contract.pool.house_fee + contract.pool.lot
    return replace(contract, pool=replace(contract.pool, house_fee=more))


def _no_tip(contract: Contract) -> Contract:
    return replace(contract, pool=replace(contract.pool, tip=0))


def _own_account(contract: Contract) -> Contract:
    """The seller's payouts go to the buyer."""
    mine = contract.account_of(SaleRole.BUYER)
    parties = tuple(
        replace(p, account=mine) if p.role is SaleRole.SELLER else p for p in contract.parties
    )
    return replace(contract, parties=parties)


def _hasty(contract: Contract) -> Contract:
    """T2 ends at once: nobody releases in time."""
    made = []
    for decision, data in contract.decisions.items():
        early = decision in (Decision.RELEASE, Decision.DELIVERED)
        descriptor = decode_descriptor(data)
        soon_us = contract.locked_until_us + S
        made.append(replace(descriptor, deadline_us=soon_us).encode() if early else data)
    return replace(contract, descriptors=tuple(made))


def _other_text(contract: Contract) -> Contract:
    return replace(contract, arbitration="the buyer is always right")
