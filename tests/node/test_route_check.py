"""What a payer believes of a path finder's answer: a table of lies, each refused by its name."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from node.command.sim.cast import NOW_US, R1, R2
from node.route_check import BadRoute, Lie, check_route
from proto.adverts import RECORD_KIND, LineAdvert, NodeAdvert, read_advert
from proto.envelope import Envelope, Proof
from proto.fees import FeeSet
from proto.levels import Level
from proto.limits import US
from proto.modes import Mode
from proto.money import Brand
from proto.policy import single
from proto.registry_list import LIST_KIND
from proto.route import RouteFound, RouteQuery
from proto.route_wire import found_from_message
from proto.v1 import pathfinder_pb2 as pb
from proto.wire import WireFault, parse
from tests.pathfinder.advertised import (
    ALL_THREE,
    Advertised,
    id_of,
    line_advert,
    node_advert,
    random_town,
    seal_of,
    signed,
    town,
)

AMOUNT = 1000


def judged(made: Advertised, query: RouteQuery, m: pb.RouteFound) -> RouteFound:
    """WireFault, BadRoute."""
    claimed, adverts = found_from_message(m, exact=True)
    return check_route(query, claimed, adverts, made.payer)


def test_an_honest_answer_holds_and_brings_the_nodes() -> None:
    made = town()
    query = made.query("P", "Q", AMOUNT)
    found = judged(made, query, made.answer(query))
    expected = made.find(query)
    assert isinstance(expected, RouteFound) and replace(found, nodes={}) == expected
    seals = {node: advert.seal_key for node, advert in found.nodes.items()}
    assert seals == {id_of(name): seal_of(name).public for name in "ABQ"}


@pytest.mark.parametrize("seed", range(3))
def test_honest_answers_of_random_networks_hold(seed: int) -> None:
    random, held, split, listed = Random(seed), 0, 0, 0
    for _ in range(120):
        made, query = random_town(random)
        found = made.find(query)
        if isinstance(found, RouteFound):
            checked = judged(made, query, made.answer(query))
            assert checked.parts == found.parts
            held += 1
            split += len(found.parts) > 1
            listed += LIST_KIND in {Envelope.decode(d).kind for d in made.answer(query).adverts}
    assert held > 5 and split and listed, "what does not happen proves nothing"


# ---------------------------------------------------------------- lies about the chain

Alter = Callable[[pb.RouteFound], object]


def hop(number: int, **changes: Any) -> Alter:
    def alter(m: pb.RouteFound) -> None:
        for name, value in changes.items():
            old = getattr(m.chains[0].hops[number], name)
            new = value(old) if callable(value) else value
            setattr(m.chains[0].hops[number], name, new)

    return alter


def both(*alters: Alter) -> Alter:
    def alter(m: pb.RouteFound) -> None:
        for one in alters:
            one(m)

    return alter


def all_amounts_more(m: pb.RouteFound) -> None:
    for one in m.chains[0].hops:
        one.amount += 1


def as_levels(*levels: Level, modes: tuple[Mode, ...], policy: bool = True) -> Alter:
    """The same chain at other levels, whatever they cost."""

    def alter(m: pb.RouteFound) -> None:
        for one, level in zip(m.chains[0].hops, levels, strict=True):
            one.level = level
            one.ClearField("expiry_us")
            if level.has_expiry:
                one.expiry_us = 2 * US
        m.chains[0].modes[:] = modes
        if not policy:
            m.ClearField("policy")

    return alter


A, S, P, B = Level.ATOMIC, Level.SECURED, Level.PROXY, Level.BARE
LIES: dict[str, tuple[Alter, Lie]] = {
    "another payer": (hop(0, promisor=id_of("C")), Lie.CHAIN),
    "another payee": (hop(2, promisee=id_of("C")), Lie.CHAIN),
    "a gap": (hop(1, promisor=id_of("C")), Lie.CHAIN),
    "a line that we do not have": (
        both(hop(0, promisee=id_of("B")), hop(1, promisor=id_of("B"))),
        Lie.OWN_LINE,
    ),
    "the payee gets less": (hop(2, amount=lambda a: a - 1), Lie.AMOUNT),
    "the payee gets more": (all_amounts_more, Lie.AMOUNT),
    "a present to the first": (hop(0, amount=lambda a: a + 1), Lie.PRICE),
    "less than the first asks": (hop(0, amount=lambda a: a - 1), Lie.PRICE),
    "a present to the second": (
        both(hop(0, amount=lambda a: a + 1), hop(1, amount=lambda a: a + 1)),
        Lie.PRICE,
    ),
    "other modes": (lambda m: m.chains[0].modes.__setitem__(0, Mode.BARE), Lie.MODES),
    "a later deadline": (lambda m: setattr(m, "deadline_us", m.deadline_us + 1), Lie.SCHEDULE),
    "an earlier deadline": (lambda m: setattr(m, "deadline_us", m.deadline_us - 1), Lie.SCHEDULE),
    "another registry": (lambda m: m.policy.members.__setitem__(0, R2.id), Lie.POLICY),
    "no registry": (lambda m: m.ClearField("policy"), Lie.RULE),
    "a registry for bare promises": (as_levels(B, B, B, modes=(Mode.BARE,) * 2), Lie.RULE),
    "a pair that is never used": (as_levels(A, P, B, modes=(Mode.ATOMIC, Mode.BARE)), Lie.RULE),
    "times of other levels": (
        as_levels(S, S, S, modes=(Mode.SECURED,) * 2),
        Lie.SCHEDULE,
    ),
    "the same chain twice": (lambda m: m.chains.append(m.chains[0]), Lie.AMOUNT),
}


def is_refused(alter: Alter, lie: Lie) -> None:
    """An honest answer that was altered so is refused, and by that name."""
    made = town()
    query = made.query("P", "Q", AMOUNT)
    answer = made.answer(query)
    alter(answer)
    with pytest.raises(BadRoute) as refused:
        judged(made, query, answer)
    assert refused.value.lie is lie, refused.value


@pytest.mark.parametrize("what", LIES)
def test_a_lie_about_the_chain(what: str) -> None:
    is_refused(*LIES[what])


# ---------------------------------------------------------------- lies about the adverts


def instead(answer: pb.RouteFound, data: bytes) -> None:
    """The advert takes the place of the one of the same subject."""
    subject = read_advert(data, NOW_US).key
    for number, old in enumerate(answer.adverts):
        if read_advert(old, NOW_US).key == subject:
            answer.adverts[number] = data


def said_by(name: str, **changes: Any) -> Alter:
    return lambda m: instead(m, signed(name, node_advert(name, **changes)))


def line_of(promisor: str, promisee: str, **changes: Any) -> Alter:
    advert = replace(line_advert(promisor, promisee, 9000), **changes)
    return lambda m: instead(m, signed(promisor, advert))


def without(kind: type) -> Alter:
    def alter(m: pb.RouteFound) -> None:
        kept = [data for data in m.adverts if not isinstance(read_advert(data, NOW_US), kind)]
        m.adverts[:] = kept

    return alter


def record(m: pb.RouteFound) -> None:
    m.adverts.append(Envelope(RECORD_KIND, R1.record.signed, Proof(b"", b"")).encode())


def flipped(m: pb.RouteFound) -> None:
    data = bytearray(m.adverts[0])
    data[-1] ^= 1
    m.adverts[0] = bytes(data)


def forged(m: pb.RouteFound) -> None:
    m.adverts[0] = signed("C", node_advert("A"))


EXPIRED_US = NOW_US - 3 * US
ADVERTS: dict[str, tuple[Alter, Lie]] = {
    "a broken signature": (flipped, Lie.ADVERT),
    "somebody else's signature": (forged, Lie.ADVERT),
    "an expired node": (lambda m: m.adverts.__setitem__(0, expired()), Lie.ADVERT),
    "no advert at all": (lambda m: m.adverts.__setitem__(0, b"x"), Lie.ADVERT),
    "what has nothing to do with it": (record, Lie.ADVERT),
    "no nodes": (without(NodeAdvert), Lie.MISSING),
    "no lines": (without(LineAdvert), Lie.MISSING),
    "a closed line": (line_of("A", "B", closed=True), Lie.MISSING),
    "a line in another brand": (
        lambda m: m.adverts.append(
            signed("A", line_advert("A", "B", 9000, brand=Brand(b"c" * 16, "EUR")))
        ),
        Lie.ADVERT,
    ),
    "a line that carries less": (line_of("A", "B", available=999), Lie.RULE),
    "a node without a price": (said_by("A", fees=FeeSet()), Lie.RULE),
    "a line without a price": (line_of("A", "B", fees=FeeSet()), Lie.RULE),
    "a node that does not accept the registry": (said_by("A", registries=frozenset()), Lie.RULE),
    "a node that holds nothing so long": (said_by("A", hold_max_us=5 * US), Lie.RULE),
    "a node with another price": (said_by("A", registry_fees={}, fees=FeeSet()), Lie.RULE),
}


def expired() -> bytes:
    return signed("A", node_advert("A", expires_at_us=EXPIRED_US))


@pytest.mark.parametrize("what", ADVERTS)
def test_a_lie_about_the_adverts(what: str) -> None:
    is_refused(*ADVERTS[what])


# ---------------------------------------------------------------- what was not asked for


def to_a(room: int) -> dict[str, Any]:
    return {"learned": {(id_of("P"), id_of("A")): room, (id_of("P"), id_of("C")): 9000}}


ASKED: dict[str, tuple[dict[str, Any], Lie]] = {
    "another amount": ({"amount": AMOUNT + 1}, Lie.AMOUNT),
    "another payee": ({"payee": id_of("B")}, Lie.CHAIN),
    "another brand": ({"brand": b"c" * 16}, Lie.ADVERT),
    "a lower cost": ({"max_cost": AMOUNT}, Lie.LIMITS),
    "other levels": ({"levels": frozenset({B, S})}, Lie.LIMITS),
    "another last level": ({"last_levels": frozenset({B})}, Lie.RULE),
    "no such registry": ({"candidates": (single(R2.id), ALL_THREE)}, Lie.POLICY),
    "a registry that the payee takes": ({"accepted": (ALL_THREE,)}, Lie.RULE),
    "fewer promises": ({"max_hops": 2}, Lie.RULE),
    "a node to be avoided": ({"avoid_nodes": frozenset({id_of("B")})}, Lie.LIMITS),
    "a line to be avoided": ({"avoid_lines": frozenset({(id_of("B"), id_of("Q"))})}, Lie.LIMITS),
    "an earlier deadline": ({"latest_deadline": 9 * US}, Lie.RULE),
    "our own line is too small": (to_a(1000), Lie.RULE),
    "our own line is closed": ({"learned": {(id_of("P"), id_of("C")): 9000}}, Lie.OWN_LINE),
    "a line that has refused": (
        {"learned": {(id_of("P"), id_of("A")): 9000, (id_of("A"), id_of("B")): 900}},
        Lie.RULE,
    ),
    "much later": ({"now_us": NOW_US + 3600 * US}, Lie.ADVERT),
}


@pytest.mark.parametrize("what", ASKED)
def test_an_answer_to_another_question(what: str) -> None:
    changes, lie = ASKED[what]
    made = town()
    query = made.query("P", "Q", AMOUNT)
    answer = made.answer(query)
    with pytest.raises(BadRoute) as refused:
        judged(made, replace(query, **changes), answer)
    assert refused.value.lie is lie, refused.value


def test_risk_chains_and_shares_are_limited() -> None:
    made = town()
    bare = made.query("P", "Q", AMOUNT, levels=frozenset({B}), last_levels=frozenset({B}))
    answer = made.answer(bare)
    with pytest.raises(BadRoute, match="a risk of 6, more than 5"):
        judged(made, replace(bare, max_risk=5), answer)
    # 9000 on each way, less the fees: no single chain carries more.
    wide = made.query("P", "Q", 12_000, max_parts=4)
    split = made.answer(wide)
    assert len(split.chains) == 2
    assert len(judged(made, wide, split).parts) == 2
    with pytest.raises(BadRoute, match="more than 1 chains"):
        judged(made, replace(wide, max_parts=1), split)
    with pytest.raises(BadRoute, match="multiples of 7"):
        judged(made, replace(wide, unit=7), split)
    shares = [chain.hops[-1].amount for chain in split.chains]
    assert sum(shares) == 12_000


def test_two_chains_may_not_fill_one_line_twice() -> None:
    made = town()
    wide = made.query("P", "Q", 12_000, max_parts=4)
    split = made.answer(wide)
    one = split.chains[0]
    split.chains[1].CopyFrom(one)
    amount = sum(chain.hops[-1].amount for chain in split.chains)
    with pytest.raises(BadRoute) as refused:
        judged(made, replace(wide, amount=amount), split)
    assert refused.value.lie is Lie.RULE and "V10" in str(refused.value)


# ---------------------------------------------------------------- anything at all


@pytest.mark.parametrize("seed", range(4))
def test_mutated_answers_are_refused_or_mean_the_same(seed: int) -> None:
    random = Random(seed)
    made = town()
    query = made.query("P", "Q", AMOUNT)
    honest = made.answer(query)
    right, data, survived = judged(made, query, honest), honest.SerializeToString(), 0
    for _ in range(400):
        bad = bytearray(data)
        for _ in range(random.randint(1, 3)):
            match random.randrange(3):
                case 0:
                    bad[random.randrange(len(bad))] ^= 1 << random.randrange(8)
                case 1:
                    del bad[random.randrange(len(bad))]
                case 2:
                    bad.insert(random.randrange(len(bad)), random.randrange(256))
        try:
            assert judged(made, query, parse(pb.RouteFound, bytes(bad))) == right
            survived += 1
        except (WireFault, BadRoute):
            continue
    assert survived < 40, "hardly any byte is without a meaning"
