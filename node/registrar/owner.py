"""What the registrar's owner does: brands, accounts, terms, the list of the vetted. Pure.

As with the ops of others, checks come first, `Refused` says no, and then nothing has changed.
"""

from dataclasses import replace
from typing import Final

from node.registrar.rows import (
    Account,
    Act,
    Brand,
    Capability,
    Entry,
    Leg,
    Listing,
    Terms,
    account_id,
)
from node.registrar.step import Step, refuse
from node.registrar.titles import new_capability, vetted
from proto.escrow.batch import OpenAccount
from proto.escrow.ops import CapabilityKind, LegPhase, OpResult, RegistrarError, capability_hash
from proto.escrow.rights import Right, Vetting
from proto.limits import MAX_AMOUNT
from proto.money import SCALE

E: Final = RegistrarError
K: Final = CapabilityKind


def create_brand(step: Step, right: Right) -> Brand:
    """A new kind of right; what is issued lies in the treasury. REPEATED_OTHERWISE: it exists."""
    guid = right.brand.guid
    if step.find(Brand, (guid,)) is not None:
        refuse(E.REPEATED_OTHERWISE)
    check_fee(right.brand.unit, right.fee.rate.nano, right.fee.flat)
    if right.supply % right.brand.unit:
        refuse(E.BAD_LOT, right.brand.unit)
    made = Brand(guid, right.brand.name, right.kind, right.attributes, step.house.describe(right))
    step.put(made)
    step.put(Terms(guid, guid, right.fee.rate.nano, right.fee.flat))
    treasury = step.house.treasury(guid)
    step.put(Account(treasury, guid, step.house.node, right.supply))
    if right.supply:
        step.entries.append(Entry(step.now_us, Act.ISSUE, guid, b"", treasury, right.supply))
    return made


def check_fee(lot: int, rate_nano: int, flat: int) -> None:
    """A fee must leave whole lots, or their receiver could never move what arrived. BAD_LOT."""
    if lot > 1 and (rate_nano != SCALE or flat % lot):
        refuse(E.BAD_LOT, lot)


def issue(step: Step, guid: bytes, amount: int) -> Brand:
    """More of it, into the treasury, and a description that says so."""
    brand = known_brand(step, guid)
    right = brand.right
    if not 0 < amount <= MAX_AMOUNT - right.supply or amount % right.brand.unit:
        refuse(E.BAD_LOT, right.brand.unit)
    treasury = step.get(Account, step.house.treasury(guid))
    step.put(replace(treasury, balance=treasury.balance + amount))
    step.entries.append(Entry(step.now_us, Act.ISSUE, guid, b"", treasury.id, amount))
    more = replace(right, supply=right.supply + amount, sequence=right.sequence + 1)
    return _described(step, brand, more)


def change_brand(step: Step, right: Right) -> Brand:
    """Other fees, vetting, policies or locks from now on; what is prepared keeps its own."""
    brand = known_brand(step, right.brand.guid)
    check_fee(right.brand.unit, right.fee.rate.nano, right.fee.flat)
    fixed = brand.right
    more = replace(
        right,
        brand=fixed.brand,
        kind=fixed.kind,
        attributes=fixed.attributes,
        supply=fixed.supply,
        sequence=fixed.sequence + 1,
    )
    terms = step.get(Terms, brand.guid)
    step.put(replace(terms, rate_nano=right.fee.rate.nano, flat=right.fee.flat))
    return _described(step, brand, more)


def _described(step: Step, brand: Brand, right: Right) -> Brand:
    made = replace(brand, signed=step.house.describe(right))
    step.put(made)
    return made


def known_brand(step: Step, guid: bytes) -> Brand:
    """WRONG_BRAND where nothing of the kind is kept here."""
    found = step.find(Brand, (guid,))
    return found if found is not None else refuse(E.WRONG_BRAND)


def known_account(step: Step, account: bytes) -> Account:
    """NOT_ALLOWED where there is none."""
    found = step.find(Account, (account,))
    return found if found is not None else refuse(E.NOT_ALLOWED)


def account_of(step: Step, guid: bytes, owner: bytes, ceiling: int | None = None) -> Account:
    """A node's account of a brand, made where there is none; with a new ceiling where one is said
    (0: none)."""
    known_brand(step, guid)
    key = account_id(guid, owner)
    found = step.find(Account, (key,)) or Account(key, guid, owner)
    if ceiling is not None:
        found = replace(found, ceiling=ceiling)
    step.put(found)
    return found


def pay_out(step: Step, account: bytes, amount: int) -> Account:
    """From the treasury, for nothing: whoever is to have it has paid otherwise."""
    taker = known_account(step, account)
    lot = step.brand(taker.brand).right.brand.unit
    treasury = step.get(Account, step.house.treasury(taker.brand))
    if amount % lot or amount <= 0 or taker.id == treasury.id:
        refuse(E.BAD_LOT, lot)
    if amount > treasury.balance:
        refuse(E.INSUFFICIENT_FUNDS, amount - treasury.balance)
    if taker.ceiling and taker.balance + taker.reserved + amount > taker.ceiling:
        refuse(E.ABOVE_CEILING, taker.balance + taker.reserved + amount - taker.ceiling)
    step.put(replace(treasury, balance=treasury.balance - amount))
    given = replace(taker, balance=taker.balance + amount)
    step.put(given)
    who = (treasury.id, taker.id)
    step.entries.append(Entry(step.now_us, Act.TRANSFER, taker.brand, *who, amount))
    return given


def freeze(step: Step, account: bytes, frozen: bool) -> Account:
    """A frozen account gives and accepts nothing; what is under way ends as it is decided."""
    found = replace(known_account(step, account), frozen=frozen)
    step.put(found)
    return found


def list_node(step: Step, guid: bytes, node: bytes, listed: bool) -> None:
    """Who may own rights of a LISTED brand, or (no brand) of all of them."""
    row = Listing(guid, node)
    if listed:
        step.put(row)
    else:
        step.remove(row)


def grant_terms(step: Step, terms: Terms, holder: bytes, capability: bytes) -> OpResult:
    """Conditions of their own for one node."""
    brand = known_brand(step, terms.brand)
    check_fee(brand.right.brand.unit, terms.rate_nano, terms.flat)
    if step.find(Terms, (terms.id,)) is not None:
        refuse(E.REPEATED_OTHERWISE)
    hashed = step.fresh(capability)
    step.put(terms)
    step.put(Capability(hashed, K.TERMS, b"", terms.id, holder))
    return OpResult(hashed, brand=terms.brand, kind=K.TERMS)


def revoke_terms(step: Step, terms: bytes) -> Terms:
    """Nobody transfers by them any more; what is prepared ends as it is decided."""
    found = step.find(Terms, (terms,))
    if found is None:
        refuse(E.NOT_ALLOWED)
    ended = replace(found, revoked=True)
    step.put(ended)
    return ended


def open_account(step: Step, asked: OpenAccount) -> tuple[OpResult, ...]:
    """An account for who asks for one, and terms where accounts come with some. The registrar's own
    node is given the treasury of every brand, with terms."""
    brand = step.find(Brand, (asked.brand,))
    if brand is None:
        refuse(E.WRONG_BRAND)
    own = asked.sender == step.house.node
    right = brand.right
    key = account_id(asked.brand, asked.sender, asked.label)
    if step.find(Account, (key,)) is None:
        if not own and right.vetting is Vetting.CLOSED:
            refuse(E.NOT_VETTED)
        if not vetted(step, asked.brand, asked.sender):
            refuse(E.NOT_VETTED)
        step.put(_like_the_usual(step, Account(key, asked.brand, asked.sender)))
    wanted = [(K.ACCOUNT, asked.new_account, b"")]
    if asked.new_terms and (own or right.open_terms):
        wanted.append((K.TERMS, asked.new_terms, asked.brand))
    return tuple(_given(step, key, *one, asked.sender) for one in wanted)


def _like_the_usual(step: Step, account: Account) -> Account:
    """A ceiling that the operator has set for a node, and a freeze, are not escaped by one account
    more. (Of the registrar's own node the usual one is the treasury, which has neither.)"""
    usual = step.find(Account, (account_id(account.brand, account.owner),))
    if usual is None:
        return account
    if usual.frozen:
        refuse(E.NOT_VETTED)
    return replace(account, ceiling=usual.ceiling)


def grant_account(step: Step, account: bytes, capability: bytes, terms: bytes) -> None:
    """Capabilities that the registrar has drawn, for the account's owner alone. `terms`: of those
    that come with accounts; empty: none."""
    found = known_account(step, account)
    _given(step, account, K.ACCOUNT, capability, b"", found.owner)
    if terms:
        _given(step, account, K.TERMS, terms, found.brand, found.owner)


def _given(
    step: Step, account: bytes, kind: CapabilityKind, capability: bytes, terms: bytes, node: bytes
) -> OpResult:
    known = step.find(Capability, (capability_hash(capability),))
    if known is not None and (known.kind, known.account, known.holder) == (kind, account, node):
        owned = step.get(Account, account)
        return OpResult(known.hash, brand=owned.brand, account=account, kind=kind)
    return new_capability(step, step.get(Account, account), kind, capability, node, terms)


def is_claim(leg: Leg) -> bool:
    """Whether the operator has to see to it."""
    return leg.phase is LegPhase.CLAIMED
