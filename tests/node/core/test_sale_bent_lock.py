"""T1, promises of stakes and shares bent in each of their fields: as if they had not come."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.command.sim.cast import digest, signing_key
from node.core.sale.reading import contract_of, key_of, pool_of
from node.core.sale.rows import SalePhase
from proto.commit import sign_share
from proto.descriptor import commit_id, decode_descriptor
from proto.escrow.legs import read_leg_promise, sign_leg_promise
from proto.escrow.terms import Opening, Order, plant
from proto.sale.contract import (
    lock_order,
    stake_legs,
)
from proto.sale.handover import read_handed_over, sign_handed_over
from proto.sale.letters import Lock, SaleBody, SaleShare, Staked
from proto.sale.stakes import Decision, SaleRole
from tests.node.core.escrow_table import node_of
from tests.node.core.sale_stages import (
    ARBITER,
    phase_of,
    say,
    table_at,
    unchanged,
)
from tests.node.core.sale_table import HOUSE, KEY, SaleTable

P = SalePhase


# ---------------------------------------------------------------- T1


def bent_lock(table: SaleTable, **changes: Any) -> Lock:
    """The agent's, with his signature under whatever it says."""
    sale = table.sale("ned")
    contract, pool = contract_of(sale), pool_of(sale)
    said = read_handed_over(sale.statement, sale.agent)
    terms = changes.pop("terms", [*stake_legs(contract, pool), lock_order(pool, sale.agreement)])
    shown = changes.pop("shown", len(terms))
    statement = changes.pop("said", {})
    body = changes.pop("body", {})
    root, openings = plant(terms, [bytes((n,)) * 32 for n in range(len(terms))])
    descriptor = replace(decode_descriptor(sale.lock), terms_root=root, **changes)
    signed = sign_handed_over(signing_key("ned"), replace(said, **statement))
    lock = Lock(descriptor.encode(), openings[:shown], signed, sale.sealed, sale.log)
    return replace(lock, **body)


def legs(table: SaleTable, at: int, **changes: Any) -> list[Any]:
    sale = table.sale("ned")
    pool = pool_of(sale)
    made = list(stake_legs(contract_of(sale), pool))
    made[at] = replace(made[at], **changes)
    return [*made, lock_order(pool, sale.agreement)]


def key_at(table: SaleTable, name: str) -> bytes:
    return contract_of(table.sale("ned")).party(SaleRole[name]).keys_for(Decision.LOCK)[0]


LOCKS: dict[str, Callable[[SaleTable], Lock]] = {
    "more of the buyer": lambda t: bent_lock(t, terms=legs(t, 0, amount=2000)),
    "less of the agent": lambda t: bent_lock(t, terms=legs(t, 2, amount=1)),
    "legs in another order": lambda t: bent_lock(t, terms=legs(t, 0)[1::-1] + legs(t, 0)[2:]),
    "one leg less": lambda t: bent_lock(t, terms=legs(t, 0)[1:]),
    "not all is shown": lambda t: bent_lock(t, shown=3),
    "another order": lambda t: bent_lock(t, terms=[*legs(t, 0)[:-1], Order(bytes(32))]),
    "a fee": lambda t: bent_lock(t, terms=legs(t, 0, fee_max=1)),
    "another brand": lambda t: bent_lock(t, terms=legs(t, 0, brand=bytes(16))),
    "no hashlock": lambda t: bent_lock(t, hashlocks=()),
    "another hashlock": lambda t: bent_lock(t, hashlocks=(bytes(32),)),
    "two hashlocks": lambda t: bent_lock(t, hashlocks=(bytes(32), digest("H")[:32])),
    "too late an end": lambda t: bent_lock(
        t, deadline_us=contract_of(t.sale("ned")).locked_until_us + 1
    ),
    "it ends now": lambda t: bent_lock(t, deadline_us=t.people["bob"].now_us),
    "two of three": lambda t: bent_lock(t, threshold=2),
    "without the seller": lambda t: bent_lock(
        t, committers=(key_at(t, "BUYER"), key_at(t, "AGENT")), threshold=2
    ),
    "a key of his own": lambda t: bent_lock(
        t, committers=(key_at(t, "BUYER"), signing_key("liar").public, key_at(t, "AGENT"))
    ),
    "a statement about another sale": lambda t: bent_lock(t, said={"sale": bytes(16)}),
    "a statement about another key": lambda t: bent_lock(t, said={"key_hash": bytes(32)}),
    "a stranger's statement": lambda t: bent_lock(
        t,
        body={
            "statement": sign_handed_over(
                signing_key("liar"), read_handed_over(t.sale("ned").statement, t.sale("ned").agent)
            )
        },
    ),
    "no descriptor": lambda t: bent_lock(t, body={"descriptor": b""}),
    "no statement": lambda t: bent_lock(t, body={"statement": b""}),
    "noise": lambda t: bent_lock(t, body={"openings": (Opening(b"", b"", 0, 0, ()),) * 4}),
}


# The arbiter hears of a lock when it is over: for him it may end now.
BENT = [
    (what, receiver)
    for what in sorted(LOCKS)
    for receiver in ("bob", "sally", ARBITER)
    if (what, receiver) != ("it ends now", ARBITER)
]


@pytest.mark.parametrize(("what", "receiver"), BENT)
def test_a_bent_lock_is_as_if_it_had_not_come(what: str, receiver: str) -> None:
    table = table_at("handed", ARBITER)
    lock = LOCKS[what](table)
    with unchanged(table):
        say(table, "ned", receiver, lock)


def test_a_lock_that_is_not_bent_is_taken() -> None:
    table = table_at("handed", ARBITER)
    lock = bent_lock(table)
    for name in ("bob", "sally"):
        say(table, "ned", name, lock)
        assert phase_of(table, name) is P.LOCKING


@pytest.mark.parametrize("sealed", [b"", b"something else"])
def test_the_buyer_takes_no_lock_without_what_it_opens(sealed: bytes) -> None:
    table = table_at("handed")
    with unchanged(table):
        say(table, "ned", "bob", bent_lock(table, body={"sealed": sealed}))


# ---------------------------------------------------------------- promises of stakes, and shares


@pytest.mark.parametrize(
    "what", ["commit", "net", "fee", "to", "leg", "registrar", "another's", "noise"]
)
def test_a_promise_of_something_else_is_no_stake(what: str) -> None:
    """Without it nobody signs T1."""
    table = table_at("locking")
    honest: dict[str, bytes] = {}

    def keep(sender: str, body: SaleBody) -> SaleBody | None:
        if isinstance(body, Staked):
            honest[sender] = body.promise
            return None
        return body

    table.carry(keep)
    said = read_leg_promise(honest["sally"])
    changes: dict[str, Any] = {
        "commit": bytes(32),
        "net": said.net - 1,
        "fee": 1,
        "to": bytes(32),
        "leg": replace(said.leg, amount=said.leg.amount - 1),
        "registrar": node_of("bob"),
    }
    if what == "another's":
        signed = honest["ned"]
    elif what == "noise":
        signed = b"\xff" * 40
    else:
        key = signing_key("bob" if what == "registrar" else HOUSE)
        signed = sign_leg_promise(key, replace(said, **{what: changes[what]}))
    with unchanged(table):
        say(table, "sally", "ned", Staked(signed))
    say(table, "sally", "ned", Staked(honest["sally"]))
    assert table.sale("ned").staked[1]


@pytest.mark.parametrize("which", [Decision.LOCK, Decision.RELEASE, Decision.REFUND])
@pytest.mark.parametrize("what", ["key", "other decision", "other commit", "two", "as another"])
def test_a_share_that_is_not_of_just_that_key(which: Decision, what: str) -> None:
    table = table_at("locking")
    sale = table.sale("ned")
    data = sale.lock if which is Decision.LOCK else contract_of(sale).decisions[which]
    seed = table.sale("bob").seed
    key, commit, sender = key_of(seed, which), commit_id(data), "bob"
    match what:
        case "key":
            key = signing_key("liar")
        case "other decision":
            other = Decision.REFUND if which is not Decision.REFUND else Decision.LOCK
            key = key_of(seed, other)
        case "other commit":
            commit = bytes(32)
        case "as another":
            sender = "sally"
        case _:
            pass
    shares = (sign_share(key, commit),) * (2 if what == "two" else 1)
    with unchanged(table):
        say(table, sender, "ned", SaleShare(which, shares))
    assert KEY not in table.shown_keys
