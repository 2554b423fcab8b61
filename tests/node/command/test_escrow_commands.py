"""`pledgeway escrow`, `rights` and `account` against a node that only answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from node.command.escrow.reasons import WORDS, why
from node.command.escrow.view import next_move, thing
from node.escrow.library import library_bytes
from proto.escrow.reasons import EscrowReason
from tests.node.command.conftest import FakeNode
from tests.node.command.escrow_answers import (
    COMMITTED,
    DRY,
    ENTRY,
    ESCROW_ANSWERS,
    EXCHANGE,
    INVITED,
    PARCEL,
    failed,
)

CARD = "pledgeway-card:abc"
GRANT = "pledgeway-grant:abc"
GIFT = ("escrow", "propose", "gift", "--seat", "giver=me", "--seat", f"receiver={CARD}")
pytestmark = pytest.mark.edge


@pytest.fixture
def node(fake: FakeNode) -> FakeNode:
    says(fake)
    return fake


def says(fake: FakeNode, **other: Any) -> None:
    """The usual answers; `other`: to one verb, "_" for the dot in its name, a list for several."""
    more = {name.replace("_", ".", 1): answer for name, answer in other.items()}
    table = ESCROW_ANSWERS | more
    replies = {
        verb: [{"json": one} for one in (said if isinstance(said, list) else [said])]
        for verb, said in table.items()
    }
    (fake.directory / "replies.json").write_text(json.dumps(replies))


def good(node: FakeNode, *args: str) -> str:
    result = node.run(*args)
    assert result.exit_code == 0, (args, result.output)
    assert "None" not in result.stdout, result.stdout
    return result.stdout


def no(node: FakeNode, status: int, *args: str) -> str:
    """The one line that says why not."""
    result = node.run(*args)
    assert result.exit_code == status, (args, result.output)
    (line,) = result.stderr.splitlines()
    assert line.startswith("pledgeway: ")
    return line


# ---------------------------------------------------------------- what is asked


@pytest.mark.parametrize(
    ("args", "verb", "asked"),
    [
        (("escrow", "list", "--live", "--limit", "5"), "escrow.list", {"limit": 5, "live": True}),
        (("escrow", "list"), "escrow.list", {"limit": 20}),
        (("escrow", "show", "4f1c"), "escrow.show", {"id": "4f1c"}),
        (("escrow", "accept", "4f1c"), "escrow.accept", {"id": "4f1c"}),
        (
            (
                *("escrow", "accept", "4f1c", "--seat", "buyer", "--max-cost", "910"),
                *("--account", "2=second", "--open-accounts"),
            ),
            "escrow.accept",
            {
                "id": "4f1c",
                "seat": "buyer",
                "max_cost": 910,
                "accounts": {"2": "second"},
                "open_accounts": True,
            },
        ),
        (("escrow", "cancel", "4f1c"), "escrow.leave", {"id": "4f1c"}),
        (
            ("escrow", "cancel", "4f1c", "--seat", "buyer"),
            "escrow.leave",
            {"id": "4f1c", "seat": "buyer"},
        ),
        (("escrow", "standing", "--all"), "escrow.standing", {"ended": True}),
        (("escrow", "unstand", "c1c1"), "escrow.unstand", {"id": "c1c1"}),
        (("escrow", "inbox", "--all"), "escrow.inbox", {"all": True}),
        (("rights", "list", "--type", "parcel"), "rights.list", {"type": "parcel"}),
        (("rights", "forget", "Lamp"), "rights.forget", {"brand": "Lamp"}),
        (
            ("rights", "learn", CARD, "--type", "parcel", "--attr", "parcel_id=7"),
            "rights.learn",
            {"card": CARD, "type": "parcel", "attributes": '{"parcel_id":7}'},
        ),
        (
            ("account", "open", "Land", "Ahern 7"),
            "account.open",
            {"card": "Land", "brand": "Ahern 7"},
        ),
        (
            ("account", "import", GRANT, "--label", "two"),
            "account.import",
            {"grant": GRANT, "label": "two"},
        ),
        (("account", "list", "--no-balances"), "account.list", {"balances": False}),
        (("account", "show", "Ahern 7"), "account.show", {"account": "Ahern 7"}),
    ],
    ids=lambda part: " ".join(part[:3]) if isinstance(part, tuple) else "",
)
def test_what_is_asked(
    node: FakeNode, args: tuple[str, ...], verb: str, asked: dict[str, Any]
) -> None:
    good(node, *args)
    assert node.heard == (verb, asked)
    told = json.loads(good(node, *args, "--json"))
    assert told == ESCROW_ANSWERS[verb]


def test_a_proposal(node: FakeNode, tmp_path: Path) -> None:
    (tmp_path / "bob.card").write_text(f"{CARD}\n")
    text = good(
        node,
        *("escrow", "propose", "gift", "--seat", "giver=me"),
        *("--seat", f"receiver={tmp_path / 'bob.card'}", "--set", "amount=700"),
        *("--within", "20s", "--join-by", "2h", "--registry", "Harbour"),
        *("--coordinator", "Bob", "--max-cost", "710", "--note", "a lamp", "--open-accounts"),
    )
    verb, asked = node.heard
    assert verb == "escrow.propose" and json.loads(asked.pop("template"))["template"] == "gift"
    assert asked == {
        "settings": {"amount": "700"},
        "seats": {"giver": "me", "receiver": CARD},
        "within_s": 20,
        "join_s": 7200,
        "registries": ["Harbour"],
        "coordinators": ["Bob"],
        "max_cost": 710,
        "note": "a lamp",
        "open_accounts": True,
    }
    assert "escrow show 4f4f4f4f4f --follow" in text


def test_a_dry_run(node: FakeNode) -> None:
    says(node, escrow_propose=DRY)
    text = good(node, *GIFT, "--dry-run")
    assert node.heard[1]["dry_run"] is True
    assert "costs 905" in text and "You sit as buyer. All or nothing." in text
    checks = [{**DRY["checks"][0], "ok": False}]
    says(node, escrow_propose={**DRY, "checks": checks})
    failing = node.run(*GIFT, "--dry-run")
    assert failing.exit_code == 1 and "NO" in failing.stdout
    says(node, escrow_propose={**DRY, "serves": False})
    deaf = node.run(*GIFT, "--dry-run")
    assert deaf.exit_code == 1 and "[escrow] listen" in deaf.stdout


def test_a_standing_offer(node: FakeNode, tmp_path: Path) -> None:
    bounds = ("--value", "amount=40..", "--value", "brand=USD", "--any", "task_id")
    text = good(
        node,
        *("escrow", "stand", "buy-object", "--seat", "seller", *bounds),
        *("--only", CARD, "--until", "7d", "--max-cost", "3"),
        *("--at-once", "5", "--of-one", "1", "--per-hour", "9", "--within", "1m"),
    )
    verb, asked = node.heard
    assert verb == "escrow.stand" and json.loads(asked.pop("template"))["template"] == "buy object"
    assert asked == {
        "seat": "seller",
        "values": {"amount": "40..", "brand": "USD"},
        "anything": ["task_id"],
        "only": [CARD],
        "until_s": 604_800,
        "max_cost": 3,
        "at_once": 5,
        "of_one": 1,
        "per_hour": 9,
        "within_s": 60,
    }
    assert "1 of 5" in text and "17 of 120" in good(node, "escrow", "standing")
    assert "amount 40..90, brand USD, task_id 5 or 6, simulator any" in text
    (tmp_path / "rule.json").write_text('{"template": "ab", "seat": "seller"}')
    good(node, "escrow", "stand", "--rule", str(tmp_path / "rule.json"))
    assert node.heard == ("escrow.stand", {"rule": {"template": "ab", "seat": "seller"}})
    own = tmp_path / "own.json"
    own.write_bytes(library_bytes("buy object").replace(b'"buy object"', b'"my sale"'))
    good(node, "escrow", "stand", "--rule", str(tmp_path / "rule.json"), "--file", str(own))
    assert json.loads(node.heard[1]["template"])["template"] == "my sale"


# ---------------------------------------------------------------- what is shown


def test_an_exchange_shows_whose_move_it_is(node: FakeNode) -> None:
    text = good(node, "escrow", "show", "4f")
    for said in (
        "buy parcel",
        "900 USD",
        "10 x Ahern 7 (parcel, parcel_id 7, region Ahern)",
        "only what it calls itself",
        "promised by its registrar",
        "You sit as buyer (SIGNED). All or nothing.",
        "Registrars keep at most 1 of leg 2 of what you get.",
        "You allow at most 910",
        "Leg 1 is payment 9a9a9a9a9a",
        "Next   Harbour: to decide, until",
        "else   what is locked stays locked",
        "ends by  a commit certificate or an abort certificate of the registry",
    ):
        assert said in text, said


def test_whoever_is_asked_sees_what_to_say(node: FakeNode) -> None:
    says(node, escrow_show=INVITED)
    text = good(node, "escrow", "show", "4f")
    assert "pledgeway escrow accept 4f4f4f4f4f" in text
    assert "pledgeway escrow cancel 4f4f4f4f4f" in text


def test_whoever_is_asked_sees_what_it_would_cost(node: FakeNode) -> None:
    says(node, escrow_show={**INVITED, "checks": DRY["checks"]})
    text = good(node, "escrow", "show", "4f")
    assert "could move now" in text and "costs 905" in text
    says(node, escrow_show={**EXCHANGE, "checks": []})
    assert "could move now" not in good(node, "escrow", "show", "4f")


def test_a_template_of_somebody_and_one_that_is_not_safe(node: FakeNode) -> None:
    says(node, escrow_show={**INVITED, "ships": False, "plan": None})
    text = good(node, "escrow", "show", "4f")
    assert "NO template that ships" in text and "does not find it safe" in text


def test_strangers_names_cannot_repaint_a_terminal(node: FakeNode) -> None:
    bad = "B\x1b[31mob\n"
    seats = [{**EXCHANGE["seats"][0], "alias": bad, "ours": False}]
    legs = [{**PARCEL, "name": bad, "attributes": json.dumps({"a\x1b": "b\r"})}]
    told = {**EXCHANGE, "seats": seats, "legs": legs, "note": bad, "registries": [bad]}
    says(node, escrow_show=told, escrow_list={"exchanges": [told]})
    for args in (("escrow", "show", "4f"), ("escrow", "list")):
        text = good(node, *args)
        assert "\x1b" not in text and "\r" not in text


def test_no_colour_where_none_is_wanted(node: FakeNode) -> None:
    for args in (("escrow", "show", "4f"), ("escrow", "list"), ("account", "list")):
        result = node.run(*args, color=True, env={"NO_COLOR": "1", "FORCE_COLOR": "1"})
        assert result.exit_code == 0 and "\x1b" not in result.stdout


def test_time_left_is_told() -> None:
    at_us = EXCHANGE["next"]["until_us"]
    assert str(next_move(EXCHANGE, at_us - 65_000_000)).endswith("(in 1 min 5 s)")
    assert str(next_move(EXCHANGE, at_us + 3_000_000)).endswith("(3 s ago)")
    assert next_move(COMMITTED) is None


def test_things_are_named() -> None:
    assert thing({"carrier": "money", "amount": 5, "name": ""}) == "5 brand "
    assert thing({**PARCEL, "amount": 1}) == "Ahern 7 (parcel, parcel_id 7, region Ahern)"
    assert thing({**PARCEL, "attributes": "[", "amount": 1}) == "Ahern 7 (parcel)"


def test_accounts_say_what_is_not_known(node: FakeNode) -> None:
    text = good(node, "account", "list")
    assert "?" in text and "Ahern 7: Land does not answer" in text


def test_empty_lists_say_what_to_do(node: FakeNode) -> None:
    says(
        node,
        escrow_list={"exchanges": []},
        escrow_standing={"standing": []},
        escrow_inbox={"inbox": []},
        rights_list={"rights": []},
        account_list={"accounts": []},
    )
    assert "escrow propose" in good(node, "escrow", "list")
    assert "escrow stand" in good(node, "escrow", "standing")
    assert "Nothing needs a human" in good(node, "escrow", "inbox")
    assert "rights learn" in good(node, "rights", "list")
    assert "account open" in good(node, "account", "list")


# ---------------------------------------------------------------- following


def test_following_tells_every_change_and_ends_as_it_ends(node: FakeNode) -> None:
    says(node, escrow_follow=[INVITED, EXCHANGE, COMMITTED])
    for args in (("show", "4f"), ("accept", "4f"), GIFT[1:]):
        result = node.run("escrow", *args, "--follow")
        assert result.exit_code == 0, result.output
        assert "INVITED; you: to accept" in result.stderr and "DECIDING" in result.stderr
        told = json.loads(node.run("escrow", *args, "--follow", "--json").stdout)
        assert told["state"] == "COMMITTED"


@pytest.mark.parametrize("reason", [r for r in EscrowReason if r is not EscrowReason.NONE])
def test_whatever_fails_says_why_and_what_to_do(node: FakeNode, reason: EscrowReason) -> None:
    says(node, escrow_follow=failed(reason))
    result = node.run("escrow", "show", "4f", "--follow")
    assert result.exit_code == 1
    assert (
        result.stderr.splitlines()[-1] == f"pledgeway: nothing moves: {why(reason.name, 'seller')}"
    )
    assert ":" in why(reason.name) and "{}" not in why(reason.name)


def test_every_reason_has_words() -> None:
    assert set(WORDS) == set(EscrowReason)
    assert why("SOMETHING_NEW") == "SOMETHING_NEW"


def test_what_is_not_decided_yet_is_unknown(node: FakeNode) -> None:
    says(node, escrow_follow=[EXCHANGE])
    result = node.run("escrow", "show", "4f", "--follow", "--wait", "1s")
    assert result.exit_code == 3
    assert "it goes on: see `pledgeway escrow show 4f`" in result.stderr


# ---------------------------------------------------------------- evidence and the inbox


def test_evidence_becomes_a_file(node: FakeNode, tmp_path: Path) -> None:
    file = tmp_path / "x.evidence"
    text = good(node, "escrow", "show", "4f", "--evidence", str(file))
    assert file.read_bytes() == b"\x0a\x01proof"
    assert f"pledgeway verify {file}" in text
    assert "exists already" in no(node, 2, "escrow", "show", "4f", "--evidence", str(file))
    assert "folder" in no(node, 2, "escrow", "show", "4f", "--evidence", str(tmp_path / "a" / "b"))


def test_the_inbox(node: FakeNode, tmp_path: Path) -> None:
    text = good(node, "escrow", "inbox")
    assert "1 d 2 h" in text and "contact the registry's operator" in text
    one = good(node, "escrow", "inbox", "7c7c")
    assert "do this" in one and ENTRY["id"] in one
    assert json.loads(good(node, "escrow", "inbox", "7c7c", "--json")) == ENTRY
    file = tmp_path / "case.json"
    good(node, "escrow", "inbox", "7c7c", "--evidence", str(file))
    assert json.loads(file.read_text()) == {"format": "x"}
    assert "inbox --all" in no(node, 1, "escrow", "inbox", "ffff")
    says(node, escrow_inbox={"inbox": [{**ENTRY, "settled": True}]})
    assert "nothing: it is settled" in good(node, "escrow", "inbox", "--all")


# ---------------------------------------------------------------- unusable input


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("escrow", "propose"), "name one template"),
        ((*GIFT, "--set", "amount"), "say NAME=VALUE"),
        ((*GIFT, "--set", "a=1", "--set", "a=2"), "said twice"),
        ((*GIFT, "--seat", "=me"), "say NAME=VALUE"),
        ((*GIFT, "--seat", "other=zoe.card"), "no such file"),
        (("escrow", "accept", "4f", "--account", "x=y"), "number of a leg"),
        (("escrow", "show", "4f", "--follow", "--evidence", "x"), "--follow first"),
        (("escrow", "inbox", "--evidence", "x"), "of which entry"),
        (("escrow", "stand", "gift"), "--seat"),
        (("escrow", "stand", "gift", "--rule", "x.json"), "leave out the rest"),
        (("escrow", "stand", "--rule", "/nowhere/x.json"), "/nowhere/x.json"),
        (("rights", "learn", CARD, "--attr", "x"), "say NAME=VALUE"),
        (("account", "import", "/nowhere/x.grant"), "/nowhere/x.grant"),
        (("account", "open", "./nowhere.card", "x"), "no such file"),
    ],
    ids=lambda part: " ".join(part[:3]) if isinstance(part, tuple) else "",
)
def test_unusable_input_is_one_line(node: FakeNode, args: tuple[str, ...], said: str) -> None:
    assert said in no(node, 2, *args)
    assert (node.directory / "heard.jsonl").read_text() == ""


@pytest.mark.parametrize("span", ["0s", "soon", "5", "-3s", "99999999999d"])
def test_spans_are_spans(node: FakeNode, span: str) -> None:
    result = node.run(*GIFT, "--within", span)
    assert (result.exit_code == 0) is (span == "5")


def test_a_no_of_the_node_is_its_line(node: FakeNode) -> None:
    failure = {"code": "ACCOUNT_UNKNOWN", "message": "", "next_step": "", "figure": 2}
    table = {"escrow.accept": [{"failure": failure}]}
    (node.directory / "replies.json").write_text(json.dumps(table))
    line = no(node, 1, "escrow", "accept", "4f")
    assert "a leg needs an account that this node does not have" in line
    assert "`pledgeway account open CARD BRAND`" in line
