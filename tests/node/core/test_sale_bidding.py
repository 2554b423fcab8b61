"""How both sides find an agent: rules in turn, wider ones, ties that neither side can choose."""

from collections import Counter
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import SECOND, digest, signing_key
from node.core.sale.bargaining import MAX_RULES
from node.core.sale.events import BidRule, CloseSale
from node.core.sale.reading import own_party, sale_of, salt_of
from node.core.sale.rows import SalePhase
from node.sale.drafting import Accepts
from proto.reason import Reason
from proto.sale.choosing import agreed, chosen
from proto.sale.contract import Party
from proto.sale.letters import Asked, Reveal, Ruled, SaleBody, SaleWords, encode_words
from proto.sale.offer import Rule, read_rule, rule_hash, sign_rule
from proto.sale.reasons import SaleReason
from tests.node.core.escrow_table import card_of, node_of
from tests.node.core.sale_stages import phase_of, refused, say, signed_words, unchanged
from tests.node.core.sale_table import SaleTable, agent_offer

P = SalePhase
TIED = tuple(f"agent{number}" for number in range(8))


def only(*names: str, highest: int = 50) -> Accepts:
    return Accepts(tuple(agent_offer(name) for name in names), highest)


def opened(accepts: Accepts | None = None, agents: tuple[str, ...] = ("ned", "nora")) -> SaleTable:
    table = SaleTable(agents=agents)
    table.open(accepts)
    table.carry()
    return table


def answer(table: SaleTable, name: str, accepts: Accepts) -> Reason | None:
    reason = refused(table.bid(name, accepts))
    table.carry()
    return reason


# ---------------------------------------------------------------- in turn


def test_only_whose_turn_it_is_may_bid() -> None:
    table = opened(only("ned"))
    for name in ("sally", "bob", "sally", "bob"):
        other = "bob" if name == "sally" else "sally"
        with unchanged(table):
            assert answer(table, other, only("ned")) is Reason.SALE_NOT_YOURS
        wanted = only("nora") if name == "sally" else only("ned")
        assert answer(table, name, wanted) is None
        assert phase_of(table, "bob") is phase_of(table, "sally") is P.OFFERED


def test_a_wider_rule_ends_a_disagreement() -> None:
    table = opened(only("ned"))
    answer(table, "sally", only("nora"))
    answer(table, "bob", only("ned", "nora"))
    assert table.agent == "nora"
    assert phase_of(table, "bob") is phase_of(table, "sally") is P.ASKED


@pytest.mark.parametrize(
    ("bob", "sally", "found"),
    [
        (only("ned", highest=20), only("ned", highest=20), True),
        (only("ned", highest=19), only("ned", highest=20), False),
        (only("ned", highest=20), only("ned", highest=19), False),
        (only("ned"), only(), False),
        (only(), only("ned"), False),
        (Accepts((agent_offer("ned", 20),), 50), Accepts((agent_offer("ned", 21),), 50), False),
        (Accepts((agent_offer("ned", 20, 1199),), 50),) * 2 + (False,),  # his bond is too small
        (Accepts((agent_offer("bob", 0),), 50),) * 2 + (False,),  # a party judges nothing
        (Accepts((agent_offer("sally", 0),), 50),) * 2 + (False,),
        (Accepts((agent_offer("reg1", 0),), 50),) * 2 + (False,),
    ],
)
def test_whom_two_rules_agree_on(bob: Accepts, sally: Accepts, found: bool) -> None:
    table = opened(bob)
    assert answer(table, "sally", sally) is None
    assert (phase_of(table, "bob") is P.ASKED) is found
    assert (phase_of(table, "sally") is P.ASKED) is found


def test_the_cheapest_of_both_lists_is_taken() -> None:
    cheap, dear = agent_offer("nora", 10), agent_offer("ned", 20)
    table = opened(Accepts((dear, cheap), 50))
    answer(table, "sally", Accepts((cheap, dear), 50))
    assert table.agent == "nora"
    assert table.sale("bob").tip == table.sale("sally").tip == 10


def test_bids_come_to_an_end() -> None:
    table = opened(only("ned"))
    for number in range(1, MAX_RULES):
        name = "sally" if number % 2 else "bob"
        assert answer(table, name, only("nora" if name == "sally" else "ned")) is None
    with unchanged(table):
        assert answer(table, "bob", only("ned", "nora")) is Reason.SALE_STATE
    table.pass_time(table.offer.expires_at_us)
    for name in ("bob", "sally"):
        assert phase_of(table, name) is P.CLOSED
        assert table.sale(name).because is SaleReason.NO_AGENT


@pytest.mark.parametrize("name", ["bob", "sally"])
def test_either_side_closes_alone(name: str) -> None:
    table = opened(only("ned"))
    person = table.people[name]
    assert refused(person.take(CloseSale(person.now_us, table.id))) is None
    table.carry()
    assert {phase_of(table, n) for n in ("bob", "sally")} == {P.CLOSED}
    assert {table.sale(n).because for n in ("bob", "sally")} == {SaleReason.REFUSED}


def test_a_bid_after_the_end_of_the_offer() -> None:
    table = opened(only("ned"))
    late_us = table.offer.expires_at_us + 1
    sale = table.sale("sally")
    with unchanged(table):
        event = BidRule(late_us, table.id, sale.rules[0], table.entering("sally", sale.role))
        assert refused(table.people["sally"].take(event)) is Reason.REQUEST_EXPIRED


def test_an_offer_that_has_expired_is_not_kept() -> None:
    table = SaleTable()
    table.open()
    table.people["sally"].now_us = table.offer.expires_at_us + SECOND
    table.carry()
    assert sale_of(table.people["sally"].memory, table.id) is None


# ---------------------------------------------------------------- rules that lie


def _bent(rule: Rule, **changes: object) -> bytes:
    key = signing_key("sally")
    return sign_rule(key, replace(rule, **{"side": key.node_id, **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {"sale": bytes(16)},
        {"answers": bytes(32)},
        {"answers": b""},
    ],
)
def test_a_rule_that_does_not_follow_is_as_if_it_had_not_come(changes: dict[str, object]) -> None:
    table = opened(only("ned"))
    first = table.sale("bob").rules[0]
    honest = replace(read_rule(first), answers=rule_hash(first))
    with unchanged(table):
        say(table, "sally", "bob", Ruled(_bent(honest, **changes)))
    say(table, "sally", "bob", Ruled(_bent(honest)))
    assert phase_of(table, "bob") is P.CHOSEN


def test_a_rule_that_somebody_else_signed() -> None:
    table = opened(only("ned"))
    first = table.sale("bob").rules[0]
    with unchanged(table):
        say(table, "sally", "bob", Ruled(first))


@pytest.mark.parametrize("what", ["salt", "rule", "party"])
@pytest.mark.parametrize("liar", ["bob", "sally"])
def test_a_reveal_that_is_not_what_was_committed_to_ends_the_sale(liar: str, what: str) -> None:
    table = opened(only("ned", "nora"))
    table.bid("sally", only("ned", "nora"))

    def bend(sender: str, body: SaleBody) -> SaleBody:
        if sender != liar or not isinstance(body, Reveal):
            return body
        match what:
            case "salt":
                return replace(body, salt=digest("a better one")[:32])
            case "rule":
                return replace(body, rule=digest("another rule")[:32])
            case _:
                return replace(body, party=replace(body.party, card=card_of("ned")))

    table.carry(bend)
    honest = "sally" if liar == "bob" else "bob"
    assert phase_of(table, honest) is P.CLOSED
    assert table.sale(honest).because is SaleReason.TERMS_MISMATCH


# ---------------------------------------------------------------- ties


def test_a_tie_is_broken_by_both_salts_and_evenly() -> None:
    """Whatever one side committed to, the other's salt makes every agent equally likely."""
    table = opened(only(*TIED), TIED)
    rule = read_rule(table.sale("bob").rules[0])
    candidates = agreed(table.offer, rule, rule)
    assert len(candidates) == len(TIED)
    draws = 4000
    for fixed in (bytes(32), digest("a salt of the buyer's")[:32]):
        for mine_first in (True, False):
            met: Counter[bytes] = Counter()
            for number in range(draws):
                other = sha256(number.to_bytes(4, "big")).digest()
                salts = (fixed, other) if mine_first else (other, fixed)
                met[chosen(candidates, *salts).offer.agent] += 1
            # Five standard deviations of a share of one in eight: sqrt(4000 * 7/64) = 21.
            assert all(abs(met[node_of(n)] - draws / len(TIED)) < 105 for n in TIED)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.randoms())
def test_everybody_finds_the_same_agent(one: bytes, other: bytes, chance: object) -> None:
    """In whatever order the lists name them."""
    table = SaleTable(agents=TIED)
    names = list(TIED)
    chance.shuffle(names)
    first = Rule(table.id, node_of("bob"), b"", only(*TIED).agents, 50, 0, bytes(32))
    second = replace(first, agents=only(*names).agents)
    forth = chosen(agreed(table.offer, first, second), one, other)
    back = chosen(agreed(table.offer, second, first), one, other)
    assert forth == back


def test_no_salt_is_shown_twice() -> None:
    """Each rule commits to another one: the last alone is ever shown."""
    salts = {salt_of(digest("seed")[:32], number) for number in range(MAX_RULES)}
    assert len(salts) == MAX_RULES


# ---------------------------------------------------------------- the agent looks, too


def asked(table: SaleTable) -> Asked:
    """What the buyer asks the chosen agent with."""
    sale = table.sale("bob")
    return Asked(sale.offer, sale.rules[-2:], (sale.reveals[0], sale.joins[0]))


@pytest.mark.parametrize("bent", ["not chosen", "rules", "salt", "sally", "sender", "sale"])
def test_an_agent_who_was_not_chosen_so_does_not_take_the_case(bent: str) -> None:
    table = opened(only("ned", "nora"))
    answer(table, "sally", only("ned", "nora"))
    other = "nora" if table.agent == "ned" else "ned"
    body, sender, to, sale = asked(table), "bob", table.agent, b""
    table.people[to].memory.remove(table.sale(to))
    match bent:
        case "not chosen":
            to = other
        case "rules":
            body = replace(body, rules=body.rules[::-1])
        case "salt":  # the buyer tries another one, by which it would be him
            words = Reveal(rule_hash(body.rules[0]), bytes(32), party_of(table, "bob"))
            bent_words = encode_words(SaleWords(table.id, words))
            body = replace(body, reveals=(bent_words, body.reveals[1]))
        case "sally":  # her reveal, by the buyer's hand
            words = Reveal(rule_hash(body.rules[1]), bytes(32), party_of(table, "sally"))
            forged = signed_words(table, "bob", "bob", words)[1]
            body = replace(body, reveals=(body.reveals[0], forged))
        case "sender":
            sender = "sally"
        case _:
            sale = bytes(16)
    with unchanged(table):
        say(table, sender, to, body, sale)


def party_of(table: SaleTable, name: str) -> Party:
    """What somebody has revealed of himself."""
    return own_party(table.people[name].memory, table.sale(name))


def test_the_agent_who_was_chosen_so_takes_it() -> None:
    table = opened(only("ned", "nora"))
    answer(table, "sally", only("ned", "nora"))
    body, to = asked(table), table.agent
    table.people[to].memory.remove(table.sale(to))
    say(table, "bob", to, body)
    assert phase_of(table, to) is P.ASKED
