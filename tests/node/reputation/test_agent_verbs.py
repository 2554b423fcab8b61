"""The verbs about agents: what is kept, what is asked of houses, what is told."""

from base64 import b64decode
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from node.core.rows import LinePhase
from node.core.sale.rows import KnownAgent
from node.reputation import ratings as ratings_room
from proto.adverts import LineAdvert
from proto.envelope import Envelope
from proto.keys import SigningKey
from proto.limits import US
from proto.sale.offer import agent_line, read_agent_offer
from proto.sale.votes import rating_head, read_rating
from proto.v1 import escrow_pb2 as pb
from proto.v1 import types_pb2
from runtime.rpc_client import RpcUnavailable
from tests.node.reputation.agent_node import OURS, USD, Node, card, offered
from tests.node.reputation.houses import (
    AGENT,
    ANN,
    BEA,
    BRAND,
    DAY_US,
    EVE,
    HOUSE,
    NOW_US,
    usual,
)


@pytest.fixture
def node() -> Node:
    return Node()


# ---------------------------------------------------------------- offers


async def test_an_offer_of_ones_own_is_kept_and_listed(node: Node) -> None:
    made = await node(
        "offer", tip=5, tip_permille=10, bond_max=2000, brands=["deposit"], judges="domains",
        days=30, house=card(HOUSE, "House"),
    )  # fmt: skip
    (row,) = node.memory.owned(KnownAgent)
    assert row.own
    assert node.ways.listed == [row.offer]
    assert (made["listed_by"], made["line"]) == ("House", agent_line(row.offer))
    offer = read_agent_offer(row.offer)
    assert (offer.agent, offer.brands, offer.tip_ceil(500, 5)) == (OURS.node_id, (BRAND,), 10)
    assert offer.expires_at_us == NOW_US + 30 * DAY_US


async def test_a_newer_offer_keeps_the_rule_by_which_it_judges(node: Node) -> None:
    await node("offer", bond_max=1)
    (row,) = node.memory.owned(KnownAgent)
    node.memory.put(replace(row, rule='{"kept": true}'))
    await node("offer", bond_max=2)
    (row,) = node.memory.owned(KnownAgent)
    assert (row.rule, read_agent_offer(row.offer).bond_max) == ('{"kept": true}', 2)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"tip_permille": 1001}, "BAD_ARGUMENT"),
        ({"bond_max": 2**62}, "BAD_ARGUMENT"),
        ({"days": 367}, "BAD_ARGUMENT"),
        ({"days": 0}, "BAD_ARGUMENT"),
        ({"judges": "a\x1b[2Jb"}, "BAD_ARGUMENT"),
        ({"judges": "x" * 641}, "BAD_ARGUMENT"),
        ({"brands": ["nothing"]}, "NOT_FOUND"),
        ({"house": "nobody"}, "NO_CARD"),
        ({"tips": 3}, "BAD_ARGUMENT"),
    ],
    ids=str,
)
async def test_an_offer_that_nobody_could_read_is_not_made(
    node: Node, wrong: dict[str, Any], code: str
) -> None:
    assert (await node.no("offer", **{"bond_max": 10, **wrong})).code == code
    assert not node.memory.owned(KnownAgent)


async def test_an_offer_is_learned_from_its_line_and_a_newer_one_stays(node: Node) -> None:
    new, old = offered(AGENT, "Ned"), offered(AGENT, "Ned", created_at_us=NOW_US - 9, tip_flat=7)
    for signed, tip in ((old, 7), (new, 5), (old, 5)):
        told = await node("learn", line=agent_line(signed))
        assert [one["tip"] for one in told["agents"]] == [tip]
    assert [row.offer for row in node.memory.owned(KnownAgent)] == [new]


async def test_what_is_no_offer_is_not_learned(node: Node) -> None:
    good = agent_line(offered(AGENT, "Ned"))
    expired = offered(AGENT, "Ned", created_at_us=NOW_US - DAY_US, expires_at_us=NOW_US - 1)
    ours = offered(OURS, "Our")
    for line, code in (
        (good[:-9] + "AAAAAAAAA", "BAD_ARGUMENT"),
        ("pledgeway-agent:", "BAD_ARGUMENT"),
        (agent_line(expired), "EXPIRED"),
        (agent_line(ours), "BAD_ARGUMENT"),
    ):
        assert (await node.no("learn", line=line)).code == code, line[:40]
    assert (await node.no("learn")).code == "BAD_ARGUMENT"
    assert (await node.no("learn", line=good, house="House")).code == "BAD_ARGUMENT"
    assert not node.memory.owned(KnownAgent)


async def test_what_a_house_lists_is_learned_page_by_page(node: Node) -> None:
    other = SigningKey(b"z" * 32)
    forged = Envelope.seal(other, "pledgeway/agent-offer/v1", b"nothing").encode()
    node.ways.offers = [
        *(offered(key, "Any") for key in (AGENT, ANN, BEA)),
        offered(EVE, "Eve", brands=(b"x" * 16,)),  # takes another brand
        forged,
    ]
    told = await node("learn", house=card(HOUSE, "House"), brand="deposit")
    assert {one["agent"] for one in told["agents"]} == {
        key.node_id.hex() for key in (AGENT, ANN, BEA)
    }
    assert (told["refused"], told["more"]) == (2, False)
    assert len(node.memory.owned(KnownAgent)) == 3


async def test_a_house_that_says_more_for_ever_is_not_followed(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def agents_(to: Any, asked: pb.AgentsRequest) -> pb.AgentsReply:
        node.ways.asked.append(asked.after)
        same = types_pb2.Envelope.FromString(offered(AGENT, "Ned"))
        return pb.AgentsReply(offers=[same], more=True)

    monkeypatch.setattr(node.ways, "agents", agents_)
    told = await node("learn", house=card(HOUSE, "House"), brand="deposit")
    assert (len(node.ways.asked), len(node.memory.owned(KnownAgent))) == (2, 1)
    assert told["more"] is False


async def test_an_agent_is_forgotten(node: Node) -> None:
    await node("learn", line=agent_line(offered(AGENT, "Ned")))
    assert (await node.no("forget", agent="Nobody")).code == "NOT_FOUND"
    assert (await node("forget", agent="Ned"))["alias"] == "Ned"
    assert not node.memory.owned(KnownAgent)


async def test_two_of_one_name_are_told_apart(node: Node) -> None:
    for key in (AGENT, EVE):
        await node("learn", line=agent_line(offered(key, "Ned")))
    assert (await node.no("forget", agent="Ned")).code == "AMBIGUOUS"
    await node("forget", agent=EVE.node_id.hex()[:8])
    assert [row.agent for row in node.memory.owned(KnownAgent)] == [AGENT.node_id]


# ---------------------------------------------------------------- scores


async def test_a_score_is_what_our_credit_vouches_for(node: Node) -> None:
    await node("learn", line=agent_line(offered(AGENT, "Ned")))
    node.ways.house = usual(3)  # Ann and Bea, 100 each, three times
    told = await node("score", agent="Ned", half_life_days=36_600, explain=True)
    assert (told["good"], told["bad"], told["raters_unknown"]) == (120 + 50, 0, 0)
    assert (told["sales"], told["votes_good"], told["votes_missing"]) == (3, 6, 0)
    assert (told["credit"], told["list"]["state"], told["house_alias"]) == ("USD", "GOOD", "House")
    last = read_rating(node.ways.house.entries[-1])
    assert (told["list"]["sequence"], told["list"]["head"]) == (3, rating_head(last).hex())
    assert [one["sale"] for one in told["votes"]] == [3, 3, 2, 2, 1, 1]
    assert sum(one["counts"] for one in told["votes"]) == told["score"]
    assert [after for *_, after in node.ways.asked] == [0, 2]


async def test_credit_of_others_counts_by_the_word_of_who_grants_it(node: Node) -> None:
    """Eve claims credit from Ann, and shows it in her own adverts; only Ann's word is one."""
    node.ways.house.add((EVE, True), value=1000)
    ask = partial(node, "score", agent=AGENT.node_id.hex(), brand="deposit", half_life_days=36_600)
    claim = LineAdvert(EVE.node_id, ANN.node_id, USD, 1, 2**62, available=10**9, grants=10**9)
    node.adverts.append(claim)
    assert (await ask())["score"] == 0
    node.hears(ANN, EVE, 70, closed=True)
    assert (await ask())["score"] == 0
    node.hears(ANN, EVE, 70)
    assert (await ask())["score"] == 70
    assert (await ask(worth_credit=7, worth_deposit=1))["score"] == 10
    assert (await ask(credit="EUR"))["score"] == 1000, "Eve is granted a million there"


async def test_the_brand_of_most_lines_counts_and_without_lines_none(node: Node) -> None:
    node.ways.house = usual(1)
    ask = partial(node, "score", agent=AGENT.node_id.hex(), brand="deposit")
    assert (await ask())["credit"] == "USD"
    assert (await node.no("score", agent=AGENT.node_id.hex(), credit="GBP")).code == "BAD_ARGUMENT"
    for line in list(node.memory.lines()):
        node.memory.put(replace(line, phase=LinePhase.CLOSED))
    told = await ask()
    assert (told["credit"], told["score"], told["raters_unknown"]) == (None, 0, 2)


async def test_a_list_made_anew_is_noticed_and_never_believed_again(node: Node) -> None:
    node.ways.house = usual(2)
    bad = node.ways.house.add((ANN, False), (BEA, False))
    good = list(node.ways.house.entries)
    ask = partial(node, "score", agent=AGENT.node_id.hex(), brand="deposit")
    assert (await ask())["score"] is not None
    node.ways.house = usual(2)
    told = await ask()
    assert (told["score"], told["list"]["state"]) == (None, "BAD")
    assert told["list"]["fault"] == "SHORTENED"
    node.ways.house.add((ANN, True), (BEA, True), sale="in its place")
    told = await ask()
    assert (told["score"], told["list"]["fault"]) == (None, "REWRITTEN")
    evidence = [b64decode(text) for text in told["list"]["evidence"]]
    assert evidence == [bad, node.ways.house.entries[-1]]
    # The old list again: now it is known that there are two.
    node.ways.house.entries = good
    told = await ask()
    assert (told["score"], told["list"]["state"]) == (None, "DISOWNED")
    assert told["list"]["noticed_at_us"] == NOW_US


async def test_a_house_that_was_behind_for_a_while_is_believed_again_but_told_of(
    node: Node,
) -> None:
    node.ways.house = usual(3)
    whole = list(node.ways.house.entries)
    ask = partial(node, "score", agent=AGENT.node_id.hex(), brand="deposit")
    before = await ask()
    node.ways.house.entries = whole[:1]
    assert (await ask())["list"]["state"] == "BAD"
    node.ways.house.entries = whole
    told = await ask()
    assert told["score"] == before["score"]
    assert (told["list"]["state"], told["list"]["fault"]) == ("GOOD", "SHORTENED")


async def test_a_list_that_grows_while_two_look_at_it_accuses_nobody(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slower of the two has fetched the shorter list, and checks it when the longer is kept."""
    node.ways.house = usual(1)
    first, short = node.ways.ratings, True

    async def slow(to: Any, asked: pb.RatingsRequest) -> pb.RatingsReply:
        nonlocal short
        reply = await first(to, asked)
        if short:
            short = False
            node.ways.house.add((ANN, True))
            assert (await ask())["sales"] == 2
        return reply

    monkeypatch.setattr(node.ways, "ratings", slow)
    ask = partial(node, "score", agent=AGENT.node_id.hex(), brand="deposit")
    told = await ask()
    assert (told["sales"], told["list"]["state"], told["list"]["fault"]) == (1, "GOOD", None)
    assert (await ask())["sales"] == 2


async def test_a_list_without_an_end_is_given_up(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.control.ratings.MAX_ENTRIES", 3)
    assert ratings_room.MAX_ENTRIES > 3
    node.ways.house = usual(9)
    failure = await node.no("score", agent=AGENT.node_id.hex(), brand="deposit")
    assert failure.code == "TOO_LARGE"
    assert len(node.ways.asked) == 2


async def test_the_list_of_agents_has_prices_and_scores(node: Node) -> None:
    await node("learn", line=agent_line(offered(AGENT, "Ned")))
    await node("learn", line=agent_line(offered(EVE, "Eve", brands=(), tip_flat=1)))
    await node("learn", line=agent_line(offered(ANN, "Far", brands=(b"x" * 16,))))
    node.ways.house = usual(1)
    told = await node("list", price=500, brand="deposit")
    found = {one["alias"]: one for one in told["agents"]}
    assert set(found) == {"Ned", "Eve"}, "Far takes another brand"
    assert (found["Ned"]["tip_for_price"], found["Eve"]["tip_for_price"]) == (10, 10)  # lots of 5
    assert found["Ned"]["score"] > 0
    assert (found["Eve"]["score"], found["Eve"]["sales"]) == (0, 0)
    told = await node("list")
    why = {one["alias"]: one.get("why") for one in told["agents"]}
    assert why["Ned"] is None
    assert all("say which" in str(why[name]) for name in ("Eve", "Far"))
    told = await node("list", scores=False)
    assert all("score" not in one for one in told["agents"])


async def test_a_house_that_does_not_answer_is_asked_once_for_the_whole_list(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def silent(to: Any, wanted: pb.RatingsRequest) -> pb.RatingsReply:
        asked.append(wanted.agent)
        raise RpcUnavailable("nobody there")

    monkeypatch.setattr(node.ways, "ratings", silent)
    for key in (AGENT, EVE, ANN):
        await node("learn", line=agent_line(offered(key, "Any")))
    told = await node("list", brand="deposit")
    assert len(asked) == 1
    assert [one["score"] for one in told["agents"]] == [None] * 3
    assert all("House does not answer" in one["why"] for one in told["agents"])
    assert (await node.no("score", agent=EVE.node_id.hex())).code == "UNREACHABLE"


async def test_an_agent_whose_offer_has_ended_is_shown_as_closed(node: Node) -> None:
    await node("learn", line=agent_line(offered(AGENT, "Ned")))
    node.now_us += 31 * DAY_US
    (one,) = (await node("list", scores=False))["agents"]
    assert one["open"] is False
    assert one["expires_at_us"] - US < node.now_us
