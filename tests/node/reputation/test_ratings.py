"""A house's list: followed from its beginning, and no other one later."""

import pytest

from node.reputation.ratings import (
    BadList,
    ListFault,
    Subject,
    follow,
    heard,
    missing_votes,
)
from node.reputation.score import score_of
from node.reputation.trust import trust_of
from proto.sale.votes import read_rating, sign_rating
from proto.wire import WireFault
from tests.node.reputation.houses import (
    AGENT,
    ANN,
    BEA,
    BRAND,
    DAY_US,
    EVE,
    HOUSE,
    NOW_US,
    SUBJECT,
    House,
    usual,
)


def fault(entries: list[bytes], seen: bytes | None = None, subject: Subject = SUBJECT) -> BadList:
    with pytest.raises(BadList) as info:
        follow(subject, entries, seen, NOW_US)
    return info.value


def test_a_good_list_is_read_from_its_beginning() -> None:
    house = usual(3)
    for seen in (None, *house.entries):
        entries = follow(SUBJECT, house.entries, seen, NOW_US)
        assert [entry.sequence for entry in entries] == [1, 2, 3]
    assert [(h.voter, h.value, h.success) for h in heard(entries)] == [
        (ANN.node_id, 100, True),
        (BEA.node_id, 100, True),
    ] * 3
    assert missing_votes(entries) == 0


def test_nothing_is_a_list_too() -> None:
    assert follow(SUBJECT, [], None, NOW_US) == ()


def test_votes_that_were_not_opened_are_counted() -> None:
    house = House()
    house.add((ANN, True))
    house.add()
    house.add((ANN, False), (BEA, True))
    assert missing_votes(follow(SUBJECT, house.entries, None, NOW_US)) == 3


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_an_entry_left_out_is_noticed(gone: int) -> None:
    entries = usual(4).entries
    del entries[gone]
    found = fault(entries)
    assert (found.fault, found.at) == (ListFault.GAP, gone + 1)
    assert entries[gone] in found.evidence


def test_two_in_the_other_order_are_noticed() -> None:
    a, b, c = usual(3).entries
    assert fault([a, c, b]).fault is ListFault.GAP


def test_a_bad_sale_dropped_after_it_was_seen_is_evidence() -> None:
    """The whole list is made anew without it: in itself it is perfect."""
    house, better = usual(2), usual(2)
    seen = house.add((ANN, False), (BEA, False))
    assert fault(better.entries, seen).fault is ListFault.SHORTENED
    better.add((ANN, True), (BEA, True), sale="another")
    found = fault(better.entries, seen)
    assert (found.fault, found.at) == (ListFault.REWRITTEN, 3)
    said = [read_rating(data) for data in found.evidence]
    assert {entry.house for entry in said} == {HOUSE.node_id}
    assert {entry.sequence for entry in said} == {3}
    assert said[0] != said[1], "both signed by the house: anybody can check that"


def test_a_beginning_made_anew_is_evidence() -> None:
    house, other = usual(3), House()
    for n in range(3):
        other.add((EVE, True), sale=f"other {n}")
    other.add((EVE, True), sale="other")
    assert fault(other.entries, house.entries[-1]).fault is ListFault.REWRITTEN


@pytest.mark.parametrize("shown", [0, 1, 2])
def test_a_shorter_list_is_noticed(shown: int) -> None:
    house = usual(3)
    found = fault(house.entries[:shown], house.entries[-1])
    assert (found.fault, found.evidence) == (ListFault.SHORTENED, (house.entries[-1],))


def test_one_sale_counts_once() -> None:
    house = House()
    first = house.add((ANN, True), (BEA, True), sale="same")
    second = house.add((ANN, True), (BEA, True), sale="same")
    found = fault(house.entries)
    assert (found.fault, found.evidence) == (ListFault.REPEATED, (first, second))


@pytest.mark.parametrize(
    ("at_us", "good"),
    [(NOW_US, True), (NOW_US + 90 * DAY_US, False), (NOW_US - 60 * DAY_US, False)],
)
def test_an_entry_is_dated_after_the_one_before_and_not_in_the_future(
    at_us: int, good: bool
) -> None:
    house = usual(1)
    house.add((ANN, True), at_us=at_us)
    if good:
        assert len(follow(SUBJECT, house.entries, None, NOW_US)) == 2
    else:
        assert fault(house.entries).fault is ListFault.MISDATED


@pytest.mark.parametrize(
    "subject",
    [
        Subject(HOUSE.node_id, BRAND, EVE.node_id),
        Subject(HOUSE.node_id, b"c" * 16, AGENT.node_id),
        Subject(EVE.node_id, BRAND, AGENT.node_id),
    ],
    ids=["agent", "brand", "house"],
)
def test_a_list_about_something_else_is_refused(subject: Subject) -> None:
    assert fault(usual(1).entries, subject=subject).fault is ListFault.FOREIGN


def test_what_the_house_did_not_sign_is_none() -> None:
    forged = sign_rating(EVE, read_rating(usual(1).entries[0]))
    assert fault([forged]).fault is ListFault.UNREADABLE
    with pytest.raises(WireFault):
        read_rating(forged)


def test_an_agent_does_not_vote_on_himself() -> None:
    house = House()
    house.add((AGENT, True), (ANN, True))
    assert fault(house.entries).fault is ListFault.UNREADABLE


def test_a_list_becomes_a_score() -> None:
    house = usual(2)
    house.add((ANN, False), (EVE, True), value=30)
    entries = follow(SUBJECT, house.entries, None, NOW_US)
    trust = trust_of(HOUSE.node_id, {ANN.node_id: 1000, BEA.node_id: 150}, [], AGENT.node_id)
    score = score_of(trust, heard(entries), NOW_US, half_life_us=10**6 * DAY_US)
    assert (score.good, score.bad, score.unknown) == (200 + 150, 30, 1)
