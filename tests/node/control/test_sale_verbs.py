"""Verbs of sales at each party: a course from the offer to the votes, and every clean no."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import pytest
import trio
import trio.testing

from node.control import agent_cases, sale
from node.control.failure import Arguments, ControlFailure
from node.core.escrow.rows import Account
from node.core.sale.rows import KnownAgent, SalePhase
from proto.sale.handover import from_control_line, read_control
from tests.node.control.sale_nodes import NOW_US, SECOND, THING, Sales
from tests.node.core.escrow_table import node_of


@pytest.fixture
def table() -> Sales:
    return Sales()


def waited_for(one: dict[str, Any]) -> list[tuple[str, str]]:
    return [(m["role"], m["what"]) for m in one["moves"] if m["needed"]]


async def test_a_sale_from_the_offer_to_the_votes(table: Sales) -> None:
    opened = await table.opens()
    assert (opened["phase"], opened["role"], opened["thing"]) == ("OFFERED", "BUYER", THING)
    assert waited_for(opened) == [("SELLER", "ANSWER")]
    assert {p["role"]: p["alias"] for p in opened["parties"]} == {
        "BUYER": "bob", "SELLER": "sally", "HOUSE": "reg1",
    }  # fmt: skip
    answered = await table("sally", "sale.bid", agents=["ned"])
    assert [a["alias"] for a in answered["agreeing"]] == ["ned"]
    assert answered["phase"] == "CHOSEN"
    await table("ned", "sale.take")
    told = await table("sally", "sale.give", credential="c2VjcmV0")
    assert told["handover"]["given"]
    assert (await table("ned", "sale.credential"))["credential"] == "c2VjcmV0"
    await table("ned", "sale.pass_on", credential="Y2hhbmdlZA==")
    assert (await table("bob", "sale.reveal"))["credential"] == "Y2hhbmdlZA=="
    control = await table("bob", "sale.control", send=True)
    assert read_control(from_control_line(control["line"])).lock.hex() == control["lock"]
    assert control["sent"]
    wanted = await table("ned", "sale.control")
    assert wanted["shown"] and wanted["line"] is None
    assert all(wanted[name] == control[name] for name in ("lock", "challenge", "key"))
    told = await table("ned", "sale.attest", proof=control["line"])
    assert told["handover"]["attested_with_proof"]
    told = await table("bob", "sale.show")
    assert (told["phase"], told["branch"]) == ("SPLIT", "RELEASED")
    await table("bob", "sale.vote", success=True)
    await table("sally", "sale.vote", success=False)
    shown = {name: await table(name, "sale.show") for name in ("bob", "sally", "ned")}
    assert {one["phase"] for one in shown.values()} == {"ENDED"}
    assert shown["bob"]["moves"] == []
    assert shown["bob"]["vote"] == "opened"


async def test_what_is_shown_before_anything_is_signed(table: Sales) -> None:
    told = await table.opens(dry_run=True, highest_tip=30)
    assert not table.people["bob"].waiting()
    assert told["puts_in"] == {"BUYER": 1000 + 120 + 20 + 10, "SELLER": 440, "AGENT": 1200}
    rule = told["deposit_rule"]
    assert [one["deposit"] for one in rule["BUYER"]["least"]] == [112, 429]
    assert rule["SELLER"]["pays_not_from_permille"] == 700
    assert told["hasty"] is True  # seconds, at this table
    released = told["outcomes"][0]
    assert released["case"] == "RELEASED"
    assert released["changes"] == {"BUYER": -1020, "SELLER": 1000, "AGENT": 20, "HOUSE": 0}
    assert "cannot be survived" in told["warning"]
    assert told["enough"] is True
    table.house.balance = 1149
    assert (await table.opens(dry_run=True, highest_tip=30))["enough"] is False
    await table.opens()
    before = await table("sally", "sale.bid", dry_run=True)
    assert (before["balance"], before["enough"]) == (1149, True)
    await table("sally", "sale.bid", all_known=True)
    before = await table(table.agent, "sale.take", dry_run=True)
    assert (before["enough"], before["phase"]) == (False, "ASKED")


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        ({"price": 0}, "BAD_ARGUMENT", "price"),
        ({"bond": 999}, "BAD_ARGUMENT", "less than the price"),
        ({"deposit": "gold"}, "NO_ACCOUNT", "no account of 'gold'"),
        ({"seller": "nobody"}, "NO_CARD", "nobody"),
        ({"thing": ""}, "BAD_ARGUMENT", "thing"),
        ({"thing": "two\nlines"}, "BAD_ARGUMENT", "unprintable"),
        ({"registry": "nowhere"}, "NOT_FOUND", "nowhere"),
        ({"release_s": 10**7}, "LOCK_TOO_LONG", "for 1000000 s at most"),
        ({"agents": ["zoe"]}, "NOT_FOUND", "zoe"),
        ({"highest_tip": 19}, "NO_AGENT", "asks for a higher tip"),
        ({"bond": 5001}, "NO_AGENT", "no bond of that size"),
        ({"seller_deposit": 0, "vote_bond": 0}, "BAD_ARGUMENT", "nothing at stake"),
        ({"color": "red"}, "BAD_ARGUMENT", "unknown argument"),
    ],
)
async def test_offers_that_cannot_be(
    table: Sales, wrong: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(ControlFailure) as info:
        await table.opens(**wrong)
    assert info.value.code == code
    assert words in info.value.message
    assert not table.people["bob"].waiting()


async def test_nobody_accepts_agents_whom_he_has_neither_named_nor_looked_at(table: Sales) -> None:
    """A house lists whoever asks it to."""
    table.usual["all_known"] = False
    failure = await table.no("bob", "sale.open", **table.usual)
    assert failure.code == "BAD_ARGUMENT"
    assert "name whom you accept" in failure.message
    assert (await table.opens(dry_run=True))["agents"], "to look does no harm"
    await table.opens(agents=["ned"])
    assert (await table.no("sally", "sale.bid", highest_tip=50)).code == "BAD_ARGUMENT"
    assert table.sale("sally").phase is SalePhase.OFFERED
    await table("sally", "sale.bid", least_score=0)
    assert table.sale("sally").agent == node_of("ned")


async def test_agents_are_chosen_by_their_score_as_this_node_sees_it(table: Sales) -> None:
    told = await table.opens(dry_run=True, least_score=0)
    assert [(a["score"], a["fits"]) for a in told["agents"]] == [(0, True), (0, True)]
    failure = await table.no("bob", "sale.open", **{**table.usual, "least_score": 1})
    assert failure.code == "NO_AGENT"
    assert "has a lower score" in failure.message
    table.house.silent = True
    told = await table.opens(dry_run=True, least_score=-1)
    assert {a["unfit"] for a in told["agents"]} == {"NO_SCORE"}
    assert (await table.opens(dry_run=True))["agents"][0]["fits"], "nobody asked for scores"


async def test_who_has_no_account_can_look_and_is_told(table: Sales) -> None:
    await table.opens(agents=["ned"])
    memory = table.people["sally"].memory
    (account,) = memory.owned(Account)
    memory.remove(account)
    before = await table("sally", "sale.bid", dry_run=True)
    assert (before["enough"], before["balance"]) == (False, None)
    assert "account open" in before["balance_why"]
    assert (await table.no("sally", "sale.bid")).code == "NO_ACCOUNT"
    memory.put(account)
    await table("sally", "sale.bid", all_known=True)
    (account,) = table.people["ned"].memory.owned(Account)
    table.people["ned"].memory.remove(account)
    assert (await table("ned", "sale.take", dry_run=True))["enough"] is False
    assert (await table.no("ned", "sale.take")).code == "NO_ACCOUNT"


async def test_sides_take_turns_until_an_agent_is_on_both_lists(table: Sales) -> None:
    await table.opens(agents=["nora"])
    told = await table("sally", "sale.bid", agents=["ned"])
    assert (told["agreeing"], told["phase"]) == ([], "OFFERED")
    failure = await table.no("sally", "sale.bid", agents=["nora"])
    assert (failure.code, failure.next_step.split()[1]) == ("SALE_NOT_YOURS", "sale")
    before = await table("bob", "sale.bid", agents=["ned"], highest_tip=20, dry_run=True)
    assert [a["alias"] for a in before["agreeing"]] == ["ned"]
    assert before["phase"] == "OFFERED"
    too_low = await table.no("bob", "sale.bid", agents=["ned"], highest_tip=19)
    assert too_low.code == "NO_AGENT"
    assert "asks for a higher tip" in too_low.message
    told = await table("bob", "sale.bid", agents=["ned"], highest_tip=20)
    assert told["phase"] == "CHOSEN"
    assert table.sale("sally").agent == node_of("ned")


async def test_an_agent_whom_one_does_not_know_is_named_by_his_id(table: Sales) -> None:
    """A name in the other side's list is what a stranger chose."""
    await table.opens(agents=["ned"])
    memory = table.people["sally"].memory
    for row in list(memory.owned(KnownAgent)):
        memory.remove(row)
    failure = await table.no("sally", "sale.bid", agents=["ned"])
    assert failure.code == "NOT_FOUND"
    told = await table("sally", "sale.bid", agents=[node_of("ned").hex()[:8]])
    assert told["agents"][0]["known"] is False
    assert told["phase"] == "CHOSEN"


async def test_each_part_does_what_is_its_own(table: Sales) -> None:
    await table.locks()
    cases = {
        "bob": ("give", "credential", "pass_on", "refuse", "attest", "take"),
        "sally": ("credential", "pass_on", "refuse", "reveal", "attest", "take"),
        "ned": ("bid", "give", "reveal", "vote"),
    }
    more: dict[str, dict[str, Any]] = {
        "give": {"credential": "eA=="}, "pass_on": {"credential": "eA=="},
        "attest": {"on_my_word": True}, "vote": {"success": True},
    }  # fmt: skip
    named = {"ned": table.agent}
    for name, verbs in cases.items():
        for verb in verbs:
            failure = await table.no(named.get(name, name), f"sale.{verb}", **more.get(verb, {}))
            assert failure.code == "SALE_NOT_YOURS", (name, verb)
            assert "this node is the" in failure.message
    for name, decision in (("bob", "RELEASE"), ("bob", "DELIVERED"), ("sally", "CHALLENGE")):
        failure = await table.no(name, "sale.decline", decision=decision)
        assert failure.code == "SALE_NOT_YOURS"


async def test_each_thing_has_its_time(table: Sales) -> None:
    await table.opens()
    for name, verb, more in (
        ("bob", "reveal", {}),
        ("bob", "control", {}),
        ("bob", "vote", {"success": True}),
        ("bob", "sign", {"decision": "REFUND"}),
        ("bob", "decline", {"decision": "CHALLENGE"}),
        ("sally", "give", {"credential": "eA=="}),
    ):
        failure = await table.no(name, f"sale.{verb}", **more)
        assert failure.code == "SALE_STATE", verb
        assert "this one is OFFERED" in failure.message
    closed = await table("sally", "sale.close")
    assert (closed["phase"], closed["because"]) == ("CLOSED", "REFUSED")
    assert (await table.no("bob", "sale.bid")).code == "SALE_STATE"


async def test_an_unchanged_credential_is_not_passed_on_by_mistake(table: Sales) -> None:
    await table.agrees()
    ned = table.agent
    assert (await table.no(ned, "sale.credential")).code == "NOTHING_GIVEN"
    await table("sally", "sale.give", credential="c2VjcmV0")
    failure = await table.no(ned, "sale.pass_on", credential="c2VjcmV0")
    assert failure.code == "UNCHANGED"
    assert table.sale(ned).phase is SalePhase.AGREED
    await table(ned, "sale.refuse")
    assert (await table.no(ned, "sale.pass_on", credential="eA==")).code == "NOTHING_GIVEN"
    await table("sally", "sale.give", credential="c2VjcmV0")
    told = await table(ned, "sale.pass_on", credential="c2VjcmV0", unchanged=True)
    assert len(told["handover"]["log"]) == 2 + 3
    assert (await table("bob", "sale.reveal"))["credential"] == "c2VjcmV0"


@pytest.mark.parametrize("credential", ["", "not base64!", "A" * 60_000])
async def test_a_credential_that_cannot_be_given(table: Sales, credential: str) -> None:
    await table.agrees()
    failure = await table.no("sally", "sale.give", credential=credential)
    assert failure.code == "BAD_ARGUMENT"
    assert not credential or credential not in failure.message


async def test_nothing_of_a_credential_is_in_a_row_or_another_answer(table: Sales) -> None:
    await table.locks("cGFzc3dvcmQtMQ==", "cGFzc3dvcmQtMg==")
    for name in ("bob", "sally", table.agent):
        rows = repr(list(table.people[name].memory.rows.values()))
        shown = repr(await table(name, "sale.show")) + repr(await table(name, "sale.list"))
        for secret in ("password-", "cGFzc3dvcmQt", b"password-".hex()):
            assert secret not in rows
            assert secret not in shown


async def test_an_attestation_needs_the_proof_or_the_agents_word(table: Sales) -> None:
    await table.locks()
    ned = table.agent
    assert (await table.no(ned, "sale.attest")).code == "BAD_ARGUMENT"
    assert (await table.no(ned, "sale.attest", proof="x")).code == "BAD_ARGUMENT"
    other = Sales()
    await other.opens(thing="other.example")
    await other("sally", "sale.bid", agents=[ned])
    await other(ned, "sale.take")
    await other("sally", "sale.give", credential="eA==")
    await other(ned, "sale.pass_on", credential="eQ==")
    foreign = (await other("bob", "sale.control"))["line"]
    assert (await table.no(ned, "sale.attest", proof=foreign)).code == "SALE_INVALID"
    told = await table(ned, "sale.attest", on_my_word=True)
    assert told["handover"]["attested_with_proof"] is False
    assert waited_for(await table(ned, "sale.show")) == [("AGENT", "RELEASE_LATER")]


async def test_what_comes_too_late_is_said_of_the_sale(table: Sales) -> None:
    await table.agrees()
    ned, sally = table.agent, table.people["sally"]
    await table("sally", "sale.give", credential="c2VjcmV0")
    for person in table.people.values():
        person.now_us += 69 * SECOND  # the lock is over after 70
    failure = await table.no(ned, "sale.pass_on", credential="eA==")
    assert (failure.code, failure.message.split()[:2]) == ("TIME_SHORT", ["too", "little"])
    other = Sales()
    await other.opens()
    other.people["sally"].now_us = sally.now_us + 300 * SECOND
    late = await other.no("sally", "sale.bid", all_known=True)
    assert (late.code, late.message) == ("REQUEST_EXPIRED", "the time for that is over")


async def test_a_challenge_and_the_refund(table: Sales) -> None:
    await table.locks()
    ned = table.agent
    await table(ned, "sale.attest", on_my_word=True)
    await table("bob", "sale.sign", decision="CHALLENGE")
    told = await table("bob", "sale.show")
    assert told["moves"][0]["otherwise"] == "REFUNDED"
    table.pass_time(NOW_US + 160 * SECOND)
    await table("bob", "sale.sign", decision="REFUND")
    await table(ned, "sale.sign", decision="REFUND")
    told = await table("bob", "sale.show")
    assert told["branch"] == "REFUNDED"
    signed = {d["decision"]: d["signed"] for d in told["decisions"]}
    assert signed["REFUND"] == ["BUYER", "AGENT"]


async def test_lists_say_whose_move_it_is(table: Sales) -> None:
    await table.opens()
    assert [s["id"] for s in (await table("sally", "sale.list", mine=True))["sales"]] == [
        table.named
    ]
    assert (await table("bob", "sale.list", mine=True))["sales"] == []
    assert len((await table("bob", "sale.list", live=True, roles=["BUYER"]))["sales"]) == 1
    assert (await table("bob", "sale.list", roles=["SELLER"]))["sales"] == []
    await table("bob", "sale.close")
    assert (await table("bob", "sale.list", live=True))["sales"] == []
    assert (await table.no("bob", "sale.show", id="ffff")).code == "NOT_FOUND"


async def test_an_agents_cases_and_what_he_takes_by_himself(table: Sales) -> None:
    assert (await table("ned", "agent.rule")) == {"take": False, "price_max": 0}
    assert (await table("ned", "agent.rule", take=True, price_max=999))["take"]
    assert (await table("ned", "agent.rule"))["price_max"] == 999
    assert (await table.no("bob", "agent.rule", take=True)).code == "NO_OFFER"
    await table.opens(agents=["ned"])
    await table("sally", "sale.bid", all_known=True)
    cases = (await table("ned", "agent.cases"))["cases"]
    assert [waited_for(case) for case in cases] == [[("AGENT", "ENTER")]]
    assert cases[0]["tip"] == 20
    await table("ned", "sale.close")
    assert (await table("ned", "agent.cases"))["cases"] == []


async def test_a_dispute_stands_in_the_inbox_until_it_is_decided(table: Sales) -> None:
    await table.locks("cGFzc3dvcmQtMQ==", "cGFzc3dvcmQtMg==")
    ned = table.agent
    await table(ned, "sale.attest", on_my_word=True)
    await table("bob", "sale.sign", decision="CHALLENGE")
    for name in (ned, "sally"):
        (entry,) = (await table(name, "escrow.inbox"))["inbox"]
        assert (entry["kind"], entry["sale"], entry["settled"]) == ("DISPUTE", table.named, False)
        text = (await table(name, "escrow.bundle", id=entry["id"][:10]))["bundle"]
        bundle = json.loads(text)["sale"]
        sale = table.sale(name)
        assert b64decode(bundle["contract"]) == sale.contract
        assert b64encode(sale.seed).decode() not in text
        assert "cGFzc3dvcmQt" not in text
    assert (await table("bob", "escrow.inbox"))["inbox"] == []
    table.pass_time(NOW_US + 400 * SECOND)
    assert (await table(ned, "escrow.inbox"))["inbox"] == []
    (entry,) = (await table(ned, "escrow.inbox", all=True))["inbox"]
    assert entry["settled"]


async def test_a_sale_and_an_agents_cases_can_be_watched(table: Sales) -> None:
    told: list[dict[str, Any]] = []
    cases: list[list[str]] = []

    async def say(one: Mapping[str, Any]) -> None:
        told.append(dict(one))

    async def say_cases(one: Mapping[str, Any]) -> None:
        cases.append([case["phase"] for case in one["cases"]])

    await table.opens(agents=["ned"])
    ned, bob = table.contexts["ned"], table.contexts["bob"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(agent_cases.watch, ned, Arguments({}), say_cases)
        nursery.start_soon(sale.follow, bob, Arguments({"id": table.named}), say)
        await trio.testing.wait_all_tasks_blocked()
        await table("sally", "sale.bid", all_known=True)
        await table("ned", "sale.take")
        table.pass_time(NOW_US + 100 * SECOND)
        await table("ned", "agent.cases")
        nursery.cancel_scope.cancel()
    assert [one["phase"] for one in told] == ["OFFERED", "ASKED", "AGREED", "RETURNED"]
    assert cases == [[], ["ASKED"], ["AGREED"], []]
    assert not ned.engine.heard, "nobody listens any more"
    told.clear()
    await sale.follow(bob, Arguments({"id": table.named}), say)
    assert [one["over"] for one in told] == [True], "what is over is told once"
