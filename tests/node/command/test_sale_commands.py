"""`pledgeway sale` and `agent run` against a node that only answers: what is asked, what people
see, what goes to a disk."""

import json
import stat
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from node.command.sale.next import COMMANDS
from node.command.sale.reasons import WORDS, why
from node.core.sale.moves import BY_ITSELF, What
from proto.sale.reasons import SaleReason
from tests.node.command.conftest import FakeNode
from tests.node.command.sale_answers import answers
from tests.node.command.test_terminal import on_terminal

pytestmark = pytest.mark.edge

CARD = "pledgeway-card:abc"
OFFERED = ("--seller", CARD, "--thing", "lamp.example", "--price", "1000", "--deposit", "Deposit",
           "--deposit-buyer", "120", "--deposit-seller", "430")  # fmt: skip


def says(fake: FakeNode, **told: dict[str, Any]) -> FakeNode:
    """The node's answers, by verb with "_" for its first dot."""
    table = {verb.replace("_", ".", 1): [{"json": answer}] for verb, answer in told.items()}
    (fake.directory / "replies.json").write_text(json.dumps(table))
    return fake


def good(node: FakeNode, *args: str, **more: Any) -> str:
    result = node.run(*args, **more)
    assert result.exit_code == 0, (args, result.output)
    assert "None" not in result.stdout, result.stdout
    return result.stdout


# ---------------------------------------------------------------- what is asked


@pytest.mark.parametrize(
    ("args", "verb", "asked"),
    [
        (("take", "4f"), "sale.take", {}),
        (("attest", "4f", "--on-my-word"), "sale.attest", {"on_my_word": True}),
        (("attest", "4f", "--not-delivered"), "sale.decline", {"decision": "DELIVERED"}),
        (("release", "4f"), "sale.sign", {"decision": "RELEASE"}),
        (("refund", "4f"), "sale.sign", {"decision": "REFUND"}),
        (("slash", "4f"), "sale.sign", {"decision": "SLASH"}),
        (("challenge", "4f"), "sale.sign", {"decision": "CHALLENGE"}),
        (("challenge", "4f", "--withdraw"), "sale.decline", {"decision": "CHALLENGE"}),
        (("concede", "4f"), "sale.decline", {"decision": "RELEASE"}),
        (("vote", "4f", "success"), "sale.vote", {"success": True}),
        (("vote", "4f", "failure"), "sale.vote", {"success": False}),
        (("close", "4f"), "sale.close", {}),
        (("choose-agent", "4f", "--close"), "sale.close", {}),
        (("hand-over", "4f", "--refuse"), "sale.refuse", {}),
        (("show", "4f"), "sale.show", {}),
    ],
)
def test_what_is_asked(
    fake: FakeNode, args: tuple[str, ...], verb: str, asked: dict[str, Any]
) -> None:
    says(fake, **{name.replace(".", "_"): answers()["locked"] for name in ("sale.show", verb)})
    out = good(fake, "sale", *args)
    assert fake.heard == (verb, {"id": "4f", **asked})
    assert "lamp.example" in out


def test_what_an_offer_asks(fake: FakeNode) -> None:
    says(fake, sale_open=answers()["opened"])
    good(fake, "sale", "open", *OFFERED, "--agent", "Ned", "--agent", "Nora", "--highest-tip", "30",
         "--arbiter", "Ada", "--window", "3d", "--arbitration", "be just", "--json")  # fmt: skip
    verb, asked = fake.heard
    assert verb == "sale.open"
    assert asked == {
        "seller": CARD, "thing": "lamp.example", "price": 1000, "deposit": "Deposit",
        "buyer_deposit": 120, "seller_deposit": 430, "vote_bond": 0, "refund_tip_permille": 500,
        "slash_permille": 0, "slashed_bond_permille": 1000, "agents": ["Ned", "Nora"],
        "highest_tip": 30, "arbiter": "Ada", "arbitration": "be just", "expires_s": 86_400,
        "agree_s": 3600, "lock_s": 86_400, "release_s": 604_800, "window_s": 259_200,
        "refund_s": 172_800, "slash_s": 604_800, "vote_s": 259_200,
    }  # fmt: skip


def test_figures_are_shown_before_an_offer_is_signed(fake: FakeNode) -> None:
    says(fake, sale_open=answers()["dry"])
    out = good(fake, "sale", "open", *OFFERED, "--dry-run")
    assert fake.heard[1]["dry_run"] is True
    assert "cannot be survived" in out
    rows = [line.split() for line in out.splitlines()]
    assert [
        "yours",
        "120",
        "112",
        "429",
        "where",
        "89.3",
        "%",
        "are",
        "caught,",
        "or",
        "more",
    ] in rows
    assert any(row[:4] == ["released:", "it", "is", "sold"] and row[4] == "-1020" for row in rows)


@pytest.mark.parametrize("hasty", [True, False])
def test_times_in_which_a_person_may_not_look_are_pointed_at(fake: FakeNode, hasty: bool) -> None:
    """The seller who falls asleep over them gives the thing away."""
    before = answers()["before"]
    says(fake, sale_bid=before | {"hasty": hasty})
    out = good(fake, "sale", "offer", "4f")
    assert ("Little time: " in out) is hasty
    assert ("in that time" in out) is hasty


@pytest.mark.parametrize("change", [{"enough": False, "balance": 3}, {"serves": False}])
def test_a_dry_run_that_would_fail_says_so(fake: FakeNode, change: dict[str, Any]) -> None:
    says(fake, sale_open=answers()["dry"] | change)
    result = fake.run("sale", "open", *OFFERED, "--dry-run")
    assert result.exit_code == 1
    assert "fill the account" in result.stdout or "[escrow] listen" in result.stdout


def test_an_answer_shows_before_it_signs(fake: FakeNode) -> None:
    says(fake, sale_bid=answers()["before"])
    out = good(fake, "sale", "offer", "4f")
    assert fake.heard == ("sale.bid", {"id": "4f", "dry_run": True})
    assert "You both accept ned or nora: the agent would be asked, for a tip of 20." in out
    says(fake, sale_bid=answers()["answered"])
    good(fake, "sale", "offer", "4f", "--agent", "ned", "--highest-tip", "20", "--json")
    asked = {"id": "4f", "agents": ["ned"], "highest_tip": 20}
    assert fake.heard == ("sale.bid", asked)
    good(fake, "sale", "choose-agent", "4f", "--all-known", "--json")
    assert fake.heard == ("sale.bid", {"id": "4f", "all_known": True})
    says(fake, sale_list=answers()["offers"])
    assert "answer the other side's rule" in good(fake, "sale", "offer")
    assert fake.heard[1] == {"live": True, "mine": True, "roles": ["SELLER"]}


@pytest.mark.parametrize(
    "args",
    [
        ("attest", "4f"),
        ("attest", "4f", "--on-my-word", "--not-delivered"),
        ("hand-over", "4f", "--show", "--refuse"),
        ("hand-over", "4f", "--show", "--credential-file", "-"),
        ("hand-over", "4f", "--unchanged"),
        ("choose-agent", "4f", "--close", "--agent", "Ned"),
        ("vote", "4f", "perhaps"),
        ("open", *OFFERED, "--window", "soon"),
        ("open", *OFFERED, "--slash-bond", "1001"),
        ("open", "--price", "1"),
    ],
)
def test_unusable_input_is_one_line(fake: FakeNode, args: tuple[str, ...]) -> None:
    result = fake.run("sale", *args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1


# ---------------------------------------------------------------- what people see


def test_whose_move_until_when_and_what_otherwise(fake: FakeNode) -> None:
    says(fake, sale_show=answers()["locked"])
    out = good(fake, "sale", "show", "4f")
    for words in (
        "the buyer", "open what was handed over", "the price goes back to the buyer, and the agent"
        " gets no tip", "T2 release", "You can now: pledgeway sale reveal",
        "You may: pledgeway sale release",
    ):  # fmt: skip
        assert words in out
    says(fake, sale_show=answers()["ended"])
    assert "Nothing is left to do." in good(fake, "sale", "show", "4f")


def test_every_answer_can_be_shown(fake: FakeNode) -> None:
    for name, told in answers().items():
        if "phase" in told and told["id"]:
            says(fake, sale_show=told)
            assert "lamp.example" in good(fake, "sale", "show", "4f"), name


def test_following_ends_as_the_sale_does(fake: FakeNode) -> None:
    replies = {"sale.follow": [{"json": answers()[n]} for n in ("locked", "split", "ended")]}
    (fake.directory / "replies.json").write_text(json.dumps(replies))
    result = fake.run("sale", "show", "4f", "--follow")
    assert result.exit_code == 0
    assert "SPLIT; " in result.stderr
    replies["sale.follow"] = [{"json": answers()["closed"]}]
    (fake.directory / "replies.json").write_text(json.dumps(replies))
    result = fake.run("sale", "show", "4f", "--follow")
    assert result.exit_code == 1
    assert "nothing was sold: somebody does not want it" in result.stderr
    replies["sale.follow"] = [{"json": answers()["locked"]}]
    (fake.directory / "replies.json").write_text(json.dumps(replies))
    assert fake.run("sale", "show", "4f", "--follow").exit_code == 3


def test_lists(fake: FakeNode) -> None:
    says(fake, sale_list=answers()["list"])
    out = good(fake, "sale", "list", "--mine")
    assert "sally (seller), ned (agent)" in out
    assert fake.heard[1] == {"limit": 20, "mine": True}
    says(fake, sale_list={"sales": []})
    assert "No sales" in good(fake, "sale", "list")


def test_an_agents_cases(fake: FakeNode) -> None:
    told = {"agent_cases": answers()["cases"], "agent_rule": {"take": True, "price_max": 500}}
    says(fake, **told)
    out = good(fake, "agent", "run", "--accept", "--price-max", "500", "--once")
    assert "up to 500" in out
    assert ": pledgeway sale take" in out
    assert "nobody is bound" in out
    assert json.loads(good(fake, "agent", "run", "--json")) == answers()["cases"]
    assert "ned" not in good(fake, "agent", "run")  # the fake ends the stream
    assert fake.run("agent", "run", "--price-max", "5").exit_code == 2


def test_a_move_of_ours_has_a_command_and_a_reason_has_words() -> None:
    by_hand = {what.name for what in What if what not in BY_ITSELF}
    assert set(COMMANDS) == by_hand
    assert set(WORDS) == set(SaleReason)
    assert why("EXPIRED", "AGENT").startswith("the agent did not answer in time")


# ---------------------------------------------------------------- secrets


SECRET = "pass\x1b[2Jword\n"


def test_a_credential_goes_in_by_a_file_and_out_by_a_pipe(fake: FakeNode, tmp_path: Path) -> None:
    says(fake, sale_show=answers()["agreed"], sale_give=answers()["given"],
         sale_pass_on=answers()["passed"])  # fmt: skip
    file = tmp_path / "secret"
    file.write_text(SECRET)
    file.chmod(0o600)
    encoded = b64encode(SECRET.encode()).decode()
    good(fake, "sale", "hand-over", "4f", "--credential-file", str(file))
    assert fake.heard == ("sale.give", {"id": "4f", "credential": encoded})
    good(fake, "sale", "hand-over", "4f", "--new-credential-file", str(file), "--unchanged")
    asked = {"id": "4f", "credential": encoded, "unchanged": True}
    assert fake.heard == ("sale.pass_on", asked)
    says(fake, sale_credential={"id": "4f", "credential": encoded},
         sale_reveal={"id": "4f", "credential": encoded})  # fmt: skip
    assert fake.run("sale", "reveal", "4f").stdout_bytes == SECRET.encode()
    assert fake.run("sale", "hand-over", "4f", "--show").stdout_bytes == SECRET.encode()


def test_it_is_written_for_the_owner_alone_and_never_over_a_file(
    fake: FakeNode, tmp_path: Path
) -> None:
    encoded = b64encode(SECRET.encode()).decode()
    says(fake, sale_reveal={"id": "4f", "credential": encoded})
    out = tmp_path / "out"
    shown = json.loads(good(fake, "sale", "reveal", "4f", "--out", str(out), "--json"))
    assert shown == {"id": "4f", "file": str(out), "bytes": len(SECRET)}
    assert out.read_text() == SECRET
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert fake.run("sale", "reveal", "4f", "--out", str(out)).exit_code == 2


def test_only_a_seller_is_asked_for_a_credential(fake: FakeNode, tmp_path: Path) -> None:
    says(fake, sale_show=answers()["locked_ned"])
    result = fake.run("sale", "hand-over", "4f", "--credential-file", str(tmp_path / "none"))
    assert result.exit_code == 2
    assert "as the agent say --show" in result.stderr


# ---------------------------------------------------------------- the proof of control


def test_the_line_is_printed_alone_and_the_agent_told(fake: FakeNode) -> None:
    control = answers()["control"]
    says(fake, sale_control=control)
    result = fake.run("sale", "control", "4f")
    assert result.stdout == control["line"] + "\n"
    assert fake.heard == ("sale.control", {"id": "4f", "send": True})
    fake.run("sale", "control", "4f", "--no-send")
    assert fake.heard == ("sale.control", {"id": "4f"})


def test_a_page_is_searched_and_the_agent_attests_with_what_is_in_it(
    fake: FakeNode, tmp_path: Path
) -> None:
    line, page = answers()["control"]["line"], tmp_path / "page.html"
    page.write_text(f"<html><p>{line[:60]}\n{line[60:]}</p></html>")
    says(fake, sale_control=answers()["control_ned"], sale_attest=answers()["attested"])
    good(fake, "sale", "attest", "4f", "--page", str(page))
    assert fake.heard == ("sale.attest", {"id": "4f", "proof": line})
    assert "is there" in good(fake, "sale", "control", "4f", "--page", str(page))
    found = json.loads(good(fake, "sale", "control", "4f", "--page", str(page), "--json"))
    assert found == {"id": "4f", "found": True, "line": line}


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("<html>nothing</html>", "holds no proof of control"),
        ("pledgeway-control:AAAA", "begins like a proof, and cannot be read"),
    ],
)
def test_a_page_without_the_proof_attests_nothing(
    fake: FakeNode, tmp_path: Path, page: str, words: str
) -> None:
    file = tmp_path / "page.html"
    file.write_text(page)
    says(fake, sale_control=answers()["control_ned"])
    result = fake.run("sale", "attest", "4f", "--page", str(file))
    assert result.exit_code == 1
    assert words in result.stderr
    assert fake.heard[0] == "sale.control"


# ---------------------------------------------------------------- at a terminal


def heard_verbs(fake: FakeNode) -> list[str]:
    lines = (fake.directory / "heard.jsonl").read_text().splitlines()
    return [
        f"{one['verb']} {one['arguments'].get('dry_run', '')}" for one in map(json.loads, lines)
    ]


@pytest.mark.parametrize(("typed", "status"), [(b"n\n", 1), (b"y\n", 0)])
def test_people_see_the_figures_and_are_asked(fake: FakeNode, typed: bytes, status: int) -> None:
    says(fake, sale_take=answers()["taken"] | answers()["before"])
    before = len(heard_verbs(fake)) if (fake.directory / "heard.jsonl").exists() else 0
    ended, text = on_terminal(fake, "sale", "take", "4f", typed=typed)
    assert ended == status
    assert text.index("cannot be survived") < text.index("Take the case?")
    told = ["sale.take True"] + (["sale.take "] if status == 0 else [])
    assert heard_verbs(fake)[before:] == told
    if status:
        assert "nothing was done" in text


def test_nothing_of_a_credential_moves_the_cursor(fake: FakeNode) -> None:
    encoded = b64encode(SECRET.encode() + b"\xff").decode()
    says(fake, sale_reveal={"id": "4f", "credential": encoded})
    status, text = on_terminal(fake, "sale", "reveal", "4f", NO_COLOR="1")
    assert status == 0
    assert "pass\\x1b[2Jword" in text
    assert "\x1b" not in text
