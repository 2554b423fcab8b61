"""What owners and contracts do with titles at once: ops of escrow section 4 without a decision.

Of each op the checks come first; after the marked line nothing can go wrong any more.
"""

from dataclasses import replace
from typing import Final

from node.registrar.rows import ANY, EVERY_BRAND, Account, Act, Capability, Entry, Hold, Listing
from node.registrar.rows import Terms as TermsRow
from node.registrar.step import Step, refuse
from proto.escrow.ops import (
    Accept,
    Attenuate,
    CapabilityKind,
    Look,
    Offer,
    OpResult,
    Refund,
    RegistrarError,
    Revoke,
    Transfer,
    capability_hash,
)
from proto.escrow.rights import Vetting, registrar_fee_ceil
from proto.limits import MAX_AMOUNT

MAX_HOLDS: Final = 1024  # open ones of an account: more than any owner has under way at a time
MAX_ACCEPTED: Final = MAX_HOLDS // 2  # by those who may only accept: the owner keeps room for his
MAX_CAPABILITIES: Final = 64  # of an account; revoked ones do not count
E: Final = RegistrarError
K: Final = CapabilityKind
WEAKER: Final = (K.VIEW, K.ACCEPT_ONLY)


def reserved(room: int) -> int:
    """What a hold's room counts towards its account's ceiling."""
    return 0 if room == ANY else room


def offer(step: Step, op: Offer) -> OpResult:
    account = step.account(op.account, K.ACCOUNT)
    lot = step.brand(account.brand).right.brand.unit
    if account.frozen:
        refuse(E.NOT_ALLOWED)
    if not 0 < op.amount <= MAX_AMOUNT or op.amount % lot:
        refuse(E.BAD_LOT, lot)
    if op.amount > account.balance:
        refuse(E.INSUFFICIENT_FUNDS, op.amount - account.balance)
    left = replace(account, balance=account.balance - op.amount)
    return _new_hold(step, left, op.new_hold, op.amount, op.amount, op.only_for)


def accept(step: Step, op: Accept) -> OpResult:
    account = step.account(op.account, K.ACCOUNT, K.ACCEPT_ONLY)
    if account.frozen or not vetted(step, account.brand, account.owner):
        refuse(E.NOT_VETTED)
    owns = step.capability(op.account, K.ACCOUNT, K.ACCEPT_ONLY).kind is K.ACCOUNT
    if not owns and account.holds >= MAX_ACCEPTED:
        refuse(E.QUOTA, MAX_ACCEPTED)
    room = op.up_to or ANY
    if op.up_to > MAX_AMOUNT:
        refuse(E.ABOVE_CEILING, op.up_to - MAX_AMOUNT)
    if account.ceiling:
        free = max(0, account.ceiling - account.balance - account.reserved)
        room = op.up_to or free
        if not 0 < room <= free:
            refuse(E.ABOVE_CEILING, max(1, room - free))
    return _new_hold(step, account, op.new_hold, 0, room, op.only_for)


def _new_hold(
    step: Step, account: Account, capability: bytes, amount: int, room: int, only_for: bytes
) -> OpResult:
    hashed = step.fresh(capability)
    if account.holds >= MAX_HOLDS:
        refuse(E.QUOTA, MAX_HOLDS)
    if account.reserved + reserved(room) > MAX_AMOUNT:
        refuse(E.QUOTA, MAX_AMOUNT)
    # ---- from here on it succeeds
    taken = account.reserved + reserved(room)
    step.put(replace(account, reserved=taken, holds=account.holds + 1))
    step.put(Hold(hashed, account.id, amount, room, only_for))
    return OpResult(hashed, amount, account.brand, account.id, kind=K.HOLD)


def vetted(step: Step, brand: bytes, node: bytes) -> bool:
    """Whether a node may own this now. Accounts of CLOSED brands are made by the owner, who vets
    with that; the registrar may own what it issues."""
    if node == step.house.node or step.brand(brand).right.vetting is not Vetting.LISTED:
        return True
    return any(step.find(Listing, (b, node)) is not None for b in (brand, EVERY_BRAND))


def refund(step: Step, op: Refund) -> OpResult:
    account = step.account(op.account, K.ACCOUNT)
    hold = step.hold(op.hold)
    if hold.account != account.id:
        refuse(E.WRONG_BRAND)
    if hold.gone:
        refuse(E.GONE, hold.result)
    if hold.locks:
        refuse(E.LOCKED)
    # ---- from here on it succeeds
    step.put(
        replace(
            account,
            balance=account.balance + hold.amount,
            reserved=account.reserved - reserved(hold.room),
            holds=account.holds - 1,
        )
    )
    step.put(replace(hold, amount=0, room=0, gone_at_us=step.now_us, result=hold.amount))
    return OpResult(hold.hash, hold.amount, account.brand, account.id)


def transfer(step: Step, op: Transfer) -> OpResult:
    terms, source, destination = ends(step, op.terms, op.source, op.destination)
    if source.only_for or destination.only_for:
        refuse(E.NOT_ALLOWED)
    net, fee = priced(terms, source)
    if net <= 0:
        refuse(E.INSUFFICIENT_FUNDS, 1 - net)
    if net > destination.free:
        refuse(E.ABOVE_CEILING, net - destination.free)
    # ---- from here on it succeeds
    step.put(replace(source, amount=0))
    step.put(replace(destination, amount=destination.amount + net))
    earn(step, terms.brand, fee)
    who = (source.account, destination.account)
    step.entries.append(
        Entry(step.now_us, Act.TRANSFER, terms.brand, *who, source.amount, fee, terms.id)
    )
    return OpResult(source.hash, source.amount, terms.brand, source.account)


def ends(step: Step, terms_: object, source_: object, destination_: object) -> tuple[
    TermsRow, Hold, Hold
]:  # fmt: skip
    """Terms that may be used now, and two different holds of their brand between which it may."""
    assert isinstance(terms_, bytes) and isinstance(source_, bytes)
    assert isinstance(destination_, bytes)
    terms = step.get(TermsRow, step.capability(terms_, K.TERMS).terms)
    if terms.revoked or not terms.open_at(step.now_us):
        refuse(E.NOT_ALLOWED)
    source, destination = step.open_hold(source_), step.open_hold(destination_)
    giver, taker = (step.get(Account, hold.account) for hold in (source, destination))
    if giver.brand != terms.brand or taker.brand != terms.brand:
        refuse(E.WRONG_BRAND)
    if source.hash == destination.hash or giver.frozen:
        refuse(E.NOT_ALLOWED)
    if source.locks:
        refuse(E.LOCKED)
    if taker.frozen:
        refuse(E.NOT_VETTED)
    if terms.cap and source.amount > terms.cap:
        refuse(E.NOT_ALLOWED, terms.cap)
    return terms, source, destination


def priced(terms: TermsRow, source: Hold) -> tuple[int, int]:
    """What arrives of all that the source holds, and the registrar's fee."""
    fee = registrar_fee_ceil(terms.fee, source.amount)
    return source.amount - fee, fee


def earn(step: Step, brand: bytes, fee: int) -> None:
    """The fee goes to the registrar's own account."""
    if fee:
        treasury = step.get(Account, step.house.treasury(brand))
        step.put(replace(treasury, balance=treasury.balance + fee))


def look(step: Step, op: Look) -> OpResult:
    assert isinstance(op.capability, bytes)
    hold = step.find(Hold, (capability_hash(op.capability),))
    if hold is not None:
        if hold.gone:
            refuse(E.GONE, hold.result)
        brand = step.get(Account, hold.account).brand
        return OpResult(hold.hash, hold.amount, brand, hold.account, kind=K.HOLD)
    found = step.capability(op.capability, K.ACCOUNT, K.VIEW, K.ACCEPT_ONLY, K.TERMS)
    if found.kind is K.TERMS:
        brand = step.get(TermsRow, found.terms).brand
        return OpResult(found.hash, brand=brand, kind=K.TERMS)
    account = step.get(Account, found.account)
    balance = 0 if found.kind is K.ACCEPT_ONLY else account.balance
    return OpResult(found.hash, balance, account.brand, account.id, kind=found.kind)


def attenuate(step: Step, op: Attenuate) -> OpResult:
    account = step.account(op.capability, K.ACCOUNT)
    if op.kind not in WEAKER:
        refuse(E.NOT_ALLOWED)
    return new_capability(step, account, op.kind, op.new_capability)


def new_capability(
    step: Step,
    account: Account,
    kind: CapabilityKind,
    capability: bytes,
    holder: bytes = b"",
    terms: bytes = b"",
) -> OpResult:
    """One more way to use the account."""
    hashed = step.fresh(capability)
    if account.capabilities >= MAX_CAPABILITIES:
        refuse(E.QUOTA, MAX_CAPABILITIES)
    # ---- from here on it succeeds
    step.put(replace(account, capabilities=account.capabilities + 1))
    step.put(Capability(hashed, kind, account.id, terms, holder))
    return OpResult(hashed, brand=account.brand, account=account.id, kind=kind)


def revoke(step: Step, op: Revoke) -> OpResult:
    account = step.account(op.account, K.ACCOUNT)
    found = step.find(Capability, (op.capability_hash,))
    if found is None:
        return OpResult(op.capability_hash, account=account.id)  # it is gone already
    if found.account != account.id:
        refuse(E.NOT_ALLOWED)
    # ---- from here on it succeeds
    step.put(replace(account, capabilities=account.capabilities - 1))
    step.remove(found)
    return OpResult(found.hash, account=account.id, kind=found.kind)
