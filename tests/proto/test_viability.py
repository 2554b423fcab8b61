"""Rules V1-V12 (protocol section 4): chains, each rule broken alone, and what it is called then."""

from dataclasses import replace
from itertools import product

import pytest

from proto.fees import Fee, FeeSet
from proto.levels import Level
from proto.limits import MAX_HOPS
from proto.modes import Mode, mode_of
from proto.viability import (
    Chain,
    NodeFacts,
    PayeeTerms,
    Rule,
    Violation,
    check_chain,
    pair_rule,
    payee_rule,
    promise_rule,
)

S = 1_000_000
BARE, SECURED, ATOMIC, PROXY = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY
R = frozenset({"R"})
ALL_PRICED = FeeSet({mode: Fee() for mode in Mode})
TRUSTING = NodeFacts(accepts=R, watches_registry=True, fees=ALL_PRICED)
DOUBTING = replace(TRUSTING, accepts=frozenset())


def chain_of(*levels: Level, trusting: str | None = None, **changes: object) -> Chain:
    """Nodes "A", "B", ... of which those in `trusting` accept R (all, if not said)."""
    names = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(levels) + 1])
    nodes = tuple(TRUSTING if trusting is None or n in trusting else DOUBTING for n in names)
    members = frozenset() if all(lv is BARE for lv in levels) else R
    amounts = (100,) * len(levels)
    chain = Chain(names, nodes, levels, amounts, amounts, members)
    return replace(chain, **changes)  # type: ignore[arg-type]


def with_node(chain: Chain, place: int, **changes: object) -> Chain:
    nodes = list(chain.nodes)
    nodes[place] = replace(nodes[place], **changes)  # type: ignore[arg-type]
    return replace(chain, nodes=tuple(nodes))


VIABLE = [
    chain_of(BARE),
    chain_of(BARE, BARE, BARE, trusting=""),
    chain_of(ATOMIC),
    chain_of(ATOMIC, ATOMIC, ATOMIC),
    chain_of(ATOMIC, ATOMIC, PROXY, trusting="ABD"),
    chain_of(ATOMIC, PROXY, ATOMIC, trusting="ACD"),
    chain_of(SECURED, SECURED, BARE, trusting="ABC"),
    chain_of(SECURED, PROXY, trusting="AC"),
    chain_of(BARE, ATOMIC, ATOMIC, trusting="BCD"),
    chain_of(BARE, SECURED, trusting="B"),
    chain_of(ATOMIC, PROXY, PROXY, PROXY, trusting="AE"),
    chain_of(*[ATOMIC] * MAX_HOPS),
    chain_of(ATOMIC, ATOMIC, declines=True),
    chain_of(BARE, ATOMIC, declines=True),
    # The payee needs no registry for a last level that wants no stamp.
    chain_of(SECURED, trusting="A"),
    # A ring pays its own payer, and nobody else twice.
    chain_of(ATOMIC, ATOMIC, ATOMIC, names=("A", "B", "C", "A")),
    # With a request, its policies decide rather than the payee's own list.
    chain_of(ATOMIC, ATOMIC, trusting="AB", payee=PayeeTerms(policy_accepted=True)),
    # A PROXY promisor needs a record of R, not trust in it.
    with_node(chain_of(ATOMIC, PROXY, trusting="AC"), 1, knows=R),
    # No watcher is asked for where nothing leaks late.
    with_node(chain_of(SECURED, BARE), 1, watches_registry=False),
    with_node(chain_of(BARE, BARE), 1, watches_registry=False),
    with_node(chain_of(ATOMIC, ATOMIC), 1, watches_registry=False),
    # The payee pays nothing on, so nothing of its own facts but V5 counts.
    with_node(chain_of(ATOMIC, ATOMIC), 2, fees=FeeSet(), hold_max_us=0, watches_registry=False),
    with_node(chain_of(ATOMIC, ATOMIC), 0, fees=FeeSet(), watches_registry=False),
]


@pytest.mark.parametrize("chain", VIABLE, ids=lambda c: "-".join(lv.name for lv in c.levels))
def test_viable(chain: Chain) -> None:
    assert check_chain(chain) == ()


BROKEN = [
    ("V1 payer", chain_of(ATOMIC, ATOMIC, trusting="BC"), (Rule.V1, 1, 0)),
    ("V1 atomic", chain_of(ATOMIC, ATOMIC, trusting="AC"), (Rule.V1, 2, 0)),
    ("V1 late leak", chain_of(BARE, ATOMIC, trusting="C"), (Rule.V1, 2, 0)),
    ("V1 bare then secured", chain_of(BARE, SECURED, trusting=""), (Rule.V1, 2, 0)),
    ("V2 trusts", chain_of(ATOMIC, PROXY), (Rule.V2, 2, 0)),
    ("V2 first", chain_of(PROXY, trusting="B"), (Rule.V2, 1, 0)),
    ("V2 after bare", chain_of(BARE, PROXY, trusting="C"), (Rule.V2, 2, 0)),
    (
        "V2 record missing",
        with_node(chain_of(ATOMIC, PROXY, trusting="AC"), 1, knows=frozenset({"S"})),
        (Rule.V2, 2, 0),
    ),
    ("V3 bare", chain_of(ATOMIC, PROXY, BARE, trusting="AC"), (Rule.V3, 2, 0)),
    ("V3 secured", chain_of(ATOMIC, PROXY, SECURED, trusting="AC"), (Rule.V3, 2, 0)),
    ("V4 all bare", chain_of(BARE, BARE, members=R), (Rule.V4, 0, 0)),
    ("V5 untrusting", chain_of(ATOMIC, ATOMIC, trusting="AB"), (Rule.V5, 2, 0)),
    ("V5 proxy", chain_of(ATOMIC, PROXY, trusting="A"), (Rule.V5, 2, 0)),
    (
        "V5 not in the request",
        chain_of(ATOMIC, payee=PayeeTerms(policy_accepted=False)),
        (Rule.V5, 1, 0),
    ),
    (
        "V5 last level",
        chain_of(BARE, BARE, payee=PayeeTerms(last_levels=frozenset({ATOMIC, SECURED}))),
        (Rule.V5, 2, 0),
    ),
    ("V6 secured", chain_of(SECURED, BARE, trusting="AC"), (Rule.V6, 1, 0)),
    ("V6 gateway", chain_of(ATOMIC, BARE, trusting="AC"), (Rule.V6, 1, 0)),
    (
        "V7 bare secured",
        with_node(chain_of(BARE, SECURED), 1, watches_registry=False),
        (Rule.V7, 1, 0),
    ),
    (
        "V7 bare atomic",
        with_node(chain_of(BARE, ATOMIC), 1, watches_registry=False),
        (Rule.V7, 1, 0),
    ),
    (
        "V7 proxy atomic",
        with_node(chain_of(ATOMIC, PROXY, ATOMIC, trusting="ACD"), 2, watches_registry=False),
        (Rule.V7, 2, 0),
    ),
    ("V8 no schedule", chain_of(SECURED, BARE, ATOMIC), (Rule.V8, 0, 0)),
    (
        "V8 payer's hold",
        with_node(chain_of(BARE, BARE), 0, hold_max_us=4 * S - 1),
        (Rule.V8, 0, 1),
    ),
    (
        "V8 atomic hold",
        with_node(chain_of(ATOMIC, ATOMIC), 1, hold_max_us=9 * S),
        (Rule.V8, 1, S),
    ),
    (
        "V8 deadline",
        chain_of(BARE, payee=PayeeTerms(latest_deadline=10 * S - 3)),
        (Rule.V8, 1, 3),
    ),
    ("V9", with_node(chain_of(BARE, BARE, BARE), 2, fees=FeeSet()), (Rule.V9, 2, 0)),
    (
        "V9 other mode priced",
        with_node(chain_of(ATOMIC, BARE), 1, fees=FeeSet({Mode.SECURED: Fee()})),
        (Rule.V9, 1, 0),
    ),
    (
        "V9 the line's own set",
        chain_of(BARE, BARE, line_fees=(None, FeeSet())),
        (Rule.V9, 1, 0),
    ),
    ("V10", chain_of(BARE, BARE, available=(100, 98)), (Rule.V10, 2, 2)),
    ("V10 first line", chain_of(ATOMIC, available=(0,)), (Rule.V10, 1, 100)),
    ("V11 twice", chain_of(BARE, BARE, BARE, names=tuple("ABBC")), (Rule.V11, 0, 1)),
    ("V11 payer again", chain_of(BARE, BARE, BARE, names=tuple("ABAC")), (Rule.V11, 0, 1)),
    ("V11 payee before", chain_of(BARE, BARE, BARE, names=tuple("ABCB")), (Rule.V11, 0, 1)),
    ("V11 in a ring", chain_of(*[BARE] * 4, names=tuple("ABCBA")), (Rule.V11, 0, 1)),
    ("V11 hops", chain_of(*[ATOMIC] * 21), (Rule.V11, 0, 1)),
    ("V11 fewer wanted", chain_of(*[ATOMIC] * 4, max_hops=2), (Rule.V11, 0, 2)),
    ("V12 secured", chain_of(SECURED, BARE, declines=True), (Rule.V12, 0, 0)),
    ("V12 gateway", chain_of(ATOMIC, ATOMIC, SECURED, declines=True), (Rule.V12, 0, 0)),
]


@pytest.mark.parametrize(("chain", "wanted"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_each_rule_broken_alone(chain: Chain, wanted: tuple[Rule, int, int]) -> None:
    assert check_chain(chain) == (Violation(*wanted),)


def test_every_rule_is_broken_by_some_chain() -> None:
    assert {b[2][0] for b in BROKEN} == set(Rule)


def test_the_line_s_fee_set_replaces_the_node_s_even_where_it_is_richer() -> None:
    chain = with_node(chain_of(BARE, BARE), 1, fees=FeeSet())
    assert check_chain(chain)
    assert not check_chain(replace(chain, line_fees=(None, ALL_PRICED)))
    # It is the outgoing line's set that counts.
    assert check_chain(replace(chain, line_fees=(ALL_PRICED, None)))


def test_several_broken_rules_are_all_told() -> None:
    chain = chain_of(SECURED, ATOMIC, BARE, trusting="B", available=(0, 100, 99), declines=True)
    rules = [v.rule for v in check_chain(chain)]
    assert sorted(rules, key=lambda r: r.value) == [
        Rule.V1,  # A, which dictates a SECURED promise, trusts nobody
        Rule.V10,
        Rule.V10,
        Rule.V12,
        Rule.V6,
    ]


def test_a_policy_is_trusted_member_by_member() -> None:
    both = frozenset({"R", "S"})
    assert not TRUSTING.trusts(both)
    assert not TRUSTING.trusts(frozenset())
    assert replace(TRUSTING, accepts=both | {"T"}).trusts(both)
    assert not replace(TRUSTING, knows=R).can_verify(both)
    assert replace(TRUSTING, knows=None).can_verify(both)


@pytest.mark.parametrize("level", [SECURED, ATOMIC, PROXY])
def test_v4_a_level_other_than_bare_names_a_policy(level: Level) -> None:
    empty: frozenset[str] = frozenset()
    assert promise_rule(level, ATOMIC, TRUSTING, empty) is Rule.V4
    assert promise_rule(BARE, None, TRUSTING, empty) is None
    rules = {v.rule for v in check_chain(chain_of(level, members=empty))}
    assert Rule.V4 in rules


def test_v4_an_incoming_level_counts_as_well() -> None:
    assert pair_rule(SECURED, BARE, TRUSTING, frozenset()) is Rule.V4


def literal_promise_ok(level: Level, before: Level | None, trusts: bool, knows: bool) -> bool:
    """V1 and V2, word by word."""
    if level in (SECURED, ATOMIC):
        return trusts
    if level is PROXY:
        return before is not None and before is not BARE and not trusts and knows
    return True


def test_pairs_exhaustively_against_the_words_of_the_rules() -> None:
    for incoming, outgoing in product(Level, Level):
        for trusts, knows, watches, priced in product((False, True), repeat=4):
            node = NodeFacts(
                accepts=R if trusts else frozenset(),
                knows=R if knows else frozenset(),
                watches_registry=watches,
                fees=ALL_PRICED if priced else FeeSet(),
            )
            mode = mode_of(incoming, outgoing)
            leaks = not incoming.late_ok and outgoing.late_ok
            ok = (
                mode is not None
                and literal_promise_ok(outgoing, incoming, trusts, knows)
                and (mode not in (Mode.SECURED, Mode.GATEWAY) or trusts)
                and (not leaks or watches)
                and priced
            )
            assert (pair_rule(incoming, outgoing, node, R) is None) == ok


def test_v5_exhaustively() -> None:
    for last, trusts, in_request in product(Level, (False, True), (None, False, True)):
        payee = TRUSTING if trusts else DOUBTING
        accepts = trusts if in_request is None else in_request
        ok = accepts or last in (BARE, SECURED)
        terms = PayeeTerms(policy_accepted=in_request)
        assert (payee_rule(last, payee, terms, R) is None) == ok
        assert payee_rule(last, payee, replace(terms, last_levels=frozenset()), R) is Rule.V5


def test_a_collective_s_lateness_counts_into_the_lock() -> None:
    chain = with_node(chain_of(ATOMIC, ATOMIC, lateness_us=4 * S), 0, hold_max_us=12 * S)
    assert check_chain(chain) == (Violation(Rule.V8, 0, 2 * S),)
