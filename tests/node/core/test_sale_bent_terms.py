"""The contract, T0 and the promise bent in each of their fields by whoever makes them.

The liar signs what he has bent, and the house promises whatever the bent contract says: what saves
the others is that they compare it with what was offered, chosen and joined.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from node.command.sim.cast import SECOND, digest, signing_key
from node.core.sale.rows import SalePhase
from proto.descriptor import Descriptor, decode_descriptor
from proto.sale.contract import (
    DECIDED,
    Contract,
    Party,
    make_decision,
    pool_id,
    read_contract,
    sign_contract,
)
from proto.sale.letters import SaleBody, Terms
from proto.sale.promise import pool_promise, sign_pool_promise
from proto.sale.stakes import Decision, Pool, SaleRole, Stakes
from tests.node.core.escrow_table import card_of, node_of
from tests.node.core.sale_stages import (
    ARBITER,
    NAMES,
    phase_of,
    table_at,
)
from tests.node.core.sale_table import HOUSE, SaleTable

P = SalePhase
Bent = Callable[[Contract], Contract]
ENDS = {d: at for at, d in enumerate((*DECIDED, Decision.SLASH))}


def stakes(**changes: int) -> Bent:
    return lambda c: replace(c, pool=replace(c.pool, stakes=replace(c.pool.stakes, **changes)))


def figures(**changes: Any) -> Bent:
    return lambda c: replace(c, pool=replace(c.pool, **changes))


def party(role: SaleRole, **changes: Any) -> Bent:
    return lambda c: replace(
        c, parties=tuple(replace(p, **changes) if p.role is role else p for p in c.parties)
    )


def decision(which: Decision, **changes: Any) -> Bent:
    """Bends a descriptor of the contract."""

    def bend(c: Contract) -> Contract:
        at = ENDS[which]
        old = decode_descriptor(c.descriptors[at])
        bent = replace(
            old, **{name: f(old) if callable(f) else f for name, f in changes.items()}
        ).encode()
        return replace(c, descriptors=(*c.descriptors[:at], bent, *c.descriptors[at + 1 :]))

    return bend


def later(us: int) -> Callable[[Descriptor], int]:
    return lambda d: d.deadline_us + us


def rekeyed(role: SaleRole, which: Decision) -> Bent:
    """A key of somebody's is the liar's own: everywhere, so that the contract reads well."""

    def bend(c: Contract) -> Contract:
        def changed(p: Party) -> Party:
            own = tuple(
                (d, tuple(signing_key("liar").public for _ in keys[:1]) + keys[1:])
                if d is which
                else (d, keys)
                for d, keys in p.keys
            )
            return replace(p, keys=own) if p.role is role else p

        parties = tuple(map(changed, c.parties))
        every = [(d, decode_descriptor(data)) for d, data in c.decisions.items()]
        made = tuple(
            make_decision(c.sale, parties, d, old.salt, old.deadline_us, old.policy)
            for d, old in every
        )
        return replace(c, parties=parties, descriptors=made)

    return bend


BENT: dict[str, Bent] = {
    "sale": lambda c: replace(c, sale=bytes(16)),
    "house": lambda c: replace(c, house=node_of("reg2")),
    "brand": lambda c: replace(c, brand=bytes(16)),
    "choice": lambda c: replace(c, choice=bytes(32)),
    "arbitration": lambda c: replace(c, arbitration=c.arbitration + "!"),
    "agreed_until_us": lambda c: replace(c, agreed_until_us=c.agreed_until_us - SECOND),
    "locked_until_us": lambda c: replace(c, locked_until_us=c.locked_until_us + SECOND),
    "votes_sealed_until_us": lambda c: replace(
        c, votes_sealed_until_us=c.votes_sealed_until_us - SECOND
    ),
    "votes_open_until_us": lambda c: replace(c, votes_open_until_us=c.votes_open_until_us + 1),
    "price": stakes(price=900),
    "buyer_deposit": stakes(buyer_deposit=0),
    "seller_deposit": stakes(seller_deposit=300),
    "bond": stakes(bond=1300),
    "vote_bond": stakes(vote_bond=20),
    "refund_tip_permille": stakes(refund_tip_permille=0),
    "slash_permille": stakes(slash_permille=1000),
    "slashed_bond_permille": stakes(slashed_bond_permille=0),
    "tip": figures(tip=0),
    "house_fee": figures(house_fee=1),
    "lot": figures(lot=10),
    **{
        f"account of {role.name.lower()}": party(role, account=digest("liar")[:16])
        for role in (SaleRole.SELLER, SaleRole.AGENT)
    },
    **{
        f"box of {role.name.lower()}": party(role, box=digest("liar")[:32])
        for role in (SaleRole.BUYER, SaleRole.SELLER, SaleRole.AGENT)
    },
    **{
        f"card of {role.name.lower()}": party(role, card=card_of("liar"))
        for role in (SaleRole.SELLER, SaleRole.AGENT, SaleRole.ARBITER)
    },
    **{
        f"decline hash of {role.name.lower()}": party(role, decline_hash=digest("liar")[:32])
        for role in (SaleRole.SELLER, SaleRole.AGENT)
    },
    **{
        f"{which.name.lower()} key of {role.name.lower()}": rekeyed(role, which)
        for role in (SaleRole.SELLER, SaleRole.AGENT)
        for which in (Decision.LOCK, Decision.RELEASE, Decision.REFUND)
    },
    "slash key of arbiter": rekeyed(SaleRole.ARBITER, Decision.SLASH),
    "slash key of seller": rekeyed(SaleRole.SELLER, Decision.SLASH),
    **{
        f"threshold of {which.name.lower()}": decision(which, threshold=1)
        for which in (Decision.RELEASE, Decision.REFUND, Decision.SLASH)
    },
    **{
        f"end of {which.name.lower()}": decision(which, deadline_us=later(SECOND)) for which in ENDS
    },
    **{f"terms of {which.name.lower()}": decision(which, terms_root=bytes(32)) for which in ENDS},
    **{
        f"stranger declines {which.name.lower()}": decision(which, decline_hash=bytes(32))
        for which in ENDS
    },
    **{
        f"hashlock of {which.name.lower()}": decision(which, hashlocks=(bytes(32),))
        for which in ENDS
    },
    "nobody declines release": decision(Decision.RELEASE, decline_hash=b""),
    "committers of release": decision(Decision.RELEASE, committers=lambda d: d.committers[:2]),
    "swapped descriptors": lambda c: replace(
        c, descriptors=(c.descriptors[1], c.descriptors[0], *c.descriptors[2:])
    ),
    "no slash": lambda c: replace(c, descriptors=c.descriptors[:-1]),
    "parties in another order": lambda c: replace(
        c, parties=(c.parties[0], c.parties[2], c.parties[1], c.parties[3])
    ),
}


def bent_terms(bend: Bent, agree: Callable[[Descriptor], Descriptor] = lambda d: d) -> Callable:
    """The buyer's terms, with the promise that the house gives for a bent contract."""

    def changed(sender: str, body: SaleBody) -> SaleBody:
        if not isinstance(body, Terms):
            return body
        contract = bend(read_contract(body.contract))
        signed = sign_contract(signing_key("bob"), contract)
        old = decode_descriptor(body.agreement)
        made = make_decision(
            contract.sale,
            contract.parties,
            Decision.AGREE,
            old.salt,
            contract.agreed_until_us,
            old.policy,
            pool_id(signed),
        )
        agreement = agree(decode_descriptor(made)).encode()
        try:
            promised = sign_pool_promise(
                signing_key(HOUSE), pool_promise(contract, signed, agreement)
            )
        except (AssertionError, StopIteration):
            promised = body.promise  # there is no split of such figures
        return Terms(signed, agreement, promised, body.letters)

    return changed


def is_refused(table: SaleTable) -> None:
    for name in NAMES[1:]:
        assert phase_of(table, name) is P.CLOSED, name
        assert not table.sale(name).contract
        assert not any(table.sale(name).shares)


def test_terms_that_are_not_bent_are_signed() -> None:
    table = table_at("drafting", ARBITER)
    table.carry(bent_terms(lambda c: c))
    assert {phase_of(table, name) for name in NAMES} == {P.AGREED}


@pytest.mark.parametrize("what", sorted(BENT))
def test_a_bent_contract_is_signed_by_nobody(what: str) -> None:
    table = table_at("drafting", ARBITER)
    table.carry(bent_terms(BENT[what]))
    is_refused(table)


def test_every_figure_of_a_contract_is_bent() -> None:
    named = {f.name for kind in (Contract, Pool, Stakes) for f in fields(kind)}
    bent = {*BENT, "pool", "stakes", "parties", "descriptors", "arbitrated"}
    assert named <= bent


@pytest.mark.parametrize(
    "agree",
    [
        lambda d: replace(d, deadline_us=d.deadline_us + SECOND),
        lambda d: replace(d, threshold=2),
        lambda d: replace(d, committers=d.committers[::-1]),
        lambda d: replace(d, terms_root=bytes(32)),
        lambda d: replace(d, decline_hash=bytes(32)),
        lambda d: replace(d, hashlocks=(bytes(32),)),
    ],
)
def test_a_bent_agreement_is_signed_by_nobody(agree: Callable[[Descriptor], Descriptor]) -> None:
    table = table_at("drafting", ARBITER)
    table.carry(bent_terms(lambda c: c, agree))
    is_refused(table)


@pytest.mark.parametrize("field", ["pool", "agreement", "account", "total", "branches", "house"])
def test_a_promise_that_does_not_hold_is_relied_on_by_nobody(field: str) -> None:
    table = table_at("drafting", ARBITER)

    def bend(_: str, body: SaleBody) -> SaleBody:
        if not isinstance(body, Terms):
            return body
        said = pool_promise(read_contract(body.contract), body.contract, body.agreement)
        values: dict[str, Any] = {
            "pool": bytes(32),
            "agreement": bytes(32),
            "account": bytes(16),
            "total": said.total - 1,
            "branches": said.branches[:-1],
            "house": node_of("bob"),
        }
        key = signing_key("bob" if field == "house" else HOUSE)
        bent = replace(said, **{field: values[field]})
        return replace(body, promise=sign_pool_promise(key, bent))

    table.carry(bend)
    is_refused(table)
