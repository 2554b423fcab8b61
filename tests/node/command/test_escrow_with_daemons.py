"""Exchanges as people type them, on real daemons: Bob keeps titles and sells, Alice buys."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.command.__main__ import main
from tests.node.command.conftest import ROOT
from tests.node.command.escrow_answers import (
    ACCOUNT,
    DEAL,
    EXCHANGE,
    PLAN,
    RIGHT,
    SEAT,
    STANDING,
)
from tests.node.command.test_with_daemon import free_port

pytestmark = pytest.mark.e2e

TRIES = 3000  # questions of milliseconds each: a minute's worth
PARCEL = ("--set", "brand=USD", "--set", "region=Ahern", "--set", "parcel_id=7")
BUY = ("escrow", "propose", "buy-parcel", "--seat", "buyer=me", "--seat", "seller=Bob", *PARCEL)


class Town:
    """A registry, Alice and Bob, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[str]] = {}

    def run(self, node: str, *args: str) -> Result:
        return CliRunner().invoke(main, list(args), env={"PLEDGEWAY_NODE": self.path(node)})

    def good(self, node: str, *args: str) -> str:
        result = self.run(node, *args)
        assert result.exit_code == 0, (args, result.output)
        assert "None" not in result.stdout
        return result.stdout

    def json(self, node: str, *args: str) -> Any:
        return json.loads(self.good(node, *args, "--json"))

    def no(self, node: str, *args: str, code: str = "") -> str:
        """The one line of a clean no."""
        result = self.run(node, *args)
        assert result.exit_code == 1, (args, result.output)
        (line,) = result.stderr.splitlines()
        said = self.run(node, *args, "--json")
        assert not code or json.loads(said.stdout)["failure"]["code"] == code
        return line

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def start(self, name: str, *command: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "node.command", *command, self.path(name)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.running[name] = process
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready")

    def end(self, name: str, how: int = signal.SIGTERM) -> int:
        process = self.running.pop(name)
        process.send_signal(how)
        status = process.wait(timeout=60)
        assert process.stdout is not None
        process.stdout.close()
        return status

    def until(self, node: str, identifier: str, state: str) -> Any:
        """The exchange once it is in this state."""
        for _ in range(TRIES):
            found = self.run(node, "escrow", "show", identifier, "--json")
            if found.exit_code == 0 and json.loads(found.stdout)["state"] == state:
                return json.loads(found.stdout)
        raise AssertionError(f"{identifier} is never {state} at {node}: {found.output}")


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    town = Town(Path(tempfile.mkdtemp(prefix="pw-")))
    port = f"127.0.0.1:{free_port()}"
    try:
        made = ("--name", "Harbour", "--listen", port, "--archive", "127.0.0.1:0")
        town.good("", "registry", "init", town.path("r"), *made)
        town.start("r", "registry", "run")
        for node in ("Alice", "Bob"):
            service, listen = (f"127.0.0.1:{free_port()}" for _ in range(2))
            made = ("--alias", node, "--listen", listen, "--service", service)
            town.good("", "node", "init", town.path(node), *made)
            town.start(node, "node", "run")
            record = town.path("r/registry.record")
            town.good(node, "node", "registry", "add", record, "--accept")
            (town.folder / f"{node}.card").write_text(town.good(node, "node", "card"))
        _settle_in(town)
        yield town
        ends = [town.end(name) for name in list(town.running)]
        assert ends == [0, 0, 0]
    finally:
        for name in list(town.running):
            town.end(name, signal.SIGKILL)
        shutil.rmtree(town.folder)


def _settle_in(town: Town) -> None:
    """A line, and Bob's parcel and lamps in his own treasury."""
    alice, bob = town.path("Alice.card"), town.path("Bob.card")
    town.good("Bob", "line", "offer", alice, "--brand", "USD", "--limit", "50000")
    town.good("Alice", "line", "accept", bob, "--limit", "50000", "--wait", "20s")
    about = ("--type", "parcel", "--attr", "region=Ahern", "--attr", "parcel_id=7")
    town.good("Bob", "registrar", "brand", "create", "Ahern 7", *about)
    lamps = ("--type", "object", "--attr", "region=Ahern", "--attr", "task_id=5", "--supply", "9")
    town.good("Bob", "registrar", "brand", "create", "Lamp", *lamps)
    for name in ("Ahern 7", "Lamp"):
        town.good("Bob", "account", "open", "me", name)
    for _ in range(TRIES):
        if town.json("Alice", "node", "status")["graph"]["lines"] == 2:
            return
    raise AssertionError("Alice never heard of both directions of the line")


def balance(town: Town, node: str, name: str) -> int:
    balance: int = town.json(node, "account", "show", name)["balance"]
    return balance


def owed(town: Town) -> int:
    """What Alice owes Bob."""
    owed: int = -town.json("Alice", "line", "list")["lines"][0]["balance"]
    return owed


def test_status_tells_of_exchanges_and_titles(town: Town) -> None:
    told = town.json("Bob", "node", "status")
    assert told["exchanges"]["serves"] and told["exchanges"]["address"].startswith("127.0.0.1:")
    assert told["registrar"]["place"].endswith("registrar.sqlite")
    assert "others reach it at" in town.good("Bob", "node", "status")


def test_what_is_unknown_says_how_to_learn_it(town: Town) -> None:
    bare = (*BUY[:6], f"seller={town.path('Bob.card')}", *PARCEL, "--set", "amount=9")
    if not town.json("Alice", "rights", "list")["rights"]:
        line = town.no("Alice", *bare[:5], "--seat", *bare[6:], code="TEMPLATE")
        assert "rights learn" in line
    learned = town.json("Alice", "rights", "learn", town.path("Bob.card"))["rights"]
    assert {one["name"] for one in learned} == {"Ahern 7", "Lamp"}
    assert town.json("Alice", "rights", "list")["rights"][0].keys() == RIGHT.keys()
    assert "Lamp" not in town.good("Alice", "rights", "list", "--type", "parcel")


def test_a_parcel_is_bought(town: Town) -> None:
    town.good("Alice", "rights", "learn", town.path("Bob.card"))
    before = owed(town)
    dry = town.run("Alice", *BUY, "--set", "amount=900", "--dry-run", "--json")
    checks = json.loads(dry.stdout)["checks"]
    assert (dry.exit_code, [c["ok"] for c in checks]) == (1, [True, False])
    assert checks[0]["cost"] == 900 and "--open-accounts" in checks[1]["says"]
    assert "--open-accounts" in town.no(
        "Alice", *BUY, "--set", "amount=900", code="ACCOUNT_UNKNOWN"
    )
    made = town.json("Alice", *BUY, "--set", "amount=900", "--open-accounts", "--note", "as agreed")
    assert made.pop("proposed") and made.keys() == EXCHANGE.keys()
    assert made["deal"].keys() == DEAL.keys()
    town.until("Bob", made["id"], "INVITED")
    asked = town.good("Bob", "escrow", "show", made["id"][:10])
    assert "You sit as seller (INVITED). Nothing of yours moves before" in asked
    assert "a neighbour of yours" in asked and "as agreed" in asked
    checks = town.json("Bob", "escrow", "show", made["id"])["checks"]
    assert [(c["leg"], c["gives"], c["ok"]) for c in checks] == [(1, False, None), (2, True, True)]
    assert "waiting for you: 1" in town.good("Bob", "node", "status")
    ended = town.json("Bob", "escrow", "accept", made["id"], "--follow")
    assert ended["state"] == "COMMITTED" and ended["next"] is None
    assert [leg["state"] for leg in ended["legs"]] == ["delivered", "delivered"]
    assert ended["seats_of_ours"][0].keys() == SEAT.keys()
    assert ended["plan"][0].keys() == PLAN[0].keys()
    assert town.json("Alice", "escrow", "show", made["id"], "--follow")["state"] == "COMMITTED"
    assert (balance(town, "Alice", "Ahern 7"), balance(town, "Bob", "Ahern 7")) == (1, 0)
    assert owed(town) - before == 900
    file = town.path("parcel.evidence")
    town.good("Alice", "escrow", "show", ended["uuid"], "--evidence", file)
    assert town.good("", "verify", file).startswith("COMMITTED")
    receipts_of_its_money(town, made["id"])
    listed = town.json("Bob", "escrow", "list")["exchanges"]
    assert made["id"] in [one["id"] for one in listed]
    assert town.json("Bob", "escrow", "list", "--live")["exchanges"] == []
    assert "gone on, or has ended" in town.no("Alice", "escrow", "cancel", made["id"])
    for node in ("Alice", "Bob"):
        assert "sound" in town.good(node, "node", "audit")


def receipts_of_its_money(town: Town, exchange: str) -> None:
    """Payer and payee show the money's leg, and nobody else's."""
    payment = town.json("Alice", "payment", "list", "--limit", "1")["payments"][0]
    for node, group, named in (
        ("Alice", "payment", payment["id"]),
        ("Bob", "request", payment["request_id"]),
    ):
        file = town.path(f"{node}.receipt")
        town.good(node, group, "receipt", named, "--out", file)
        said = town.json("", "verify", "receipt", file)
        assert (said["rests_on"], said["amount"], said["brand"]) == ("CERTIFIED", 900, "USD")
        assert said["exchange"].startswith(exchange)
        ids = [town.json(name, "node", "status")["node"] for name in ("Alice", "Bob")]
        assert [said["payer"], said["payee"]] == ids


def test_an_account_opened_twice_is_one(town: Town) -> None:
    first, second = (
        town.json("Alice", "account", "open", town.path("Bob.card"), "Lamp") for _ in range(2)
    )
    assert first["account"] == second["account"] and first.keys() == ACCOUNT.keys()
    listed = town.json("Alice", "account", "list", "--no-balances")["accounts"]
    assert [one["account"] for one in listed].count(first["account"]) == 1


def test_a_grant_is_an_account(town: Town) -> None:
    out = town.path("lamps.grant")
    given = ("--for", town.path("Alice.card"), "--balance", "2", "--out", out)
    town.good("Bob", "registrar", "account", "create", "Lamp", *given)
    before = balance(town, "Alice", "Lamp") if _has(town, "Lamp") else 2
    assert town.json("Alice", "account", "import", out)["name"] == "Lamp"
    assert balance(town, "Alice", "Lamp") == before == 2
    stolen = town.run("Bob", "account", "import", out)
    assert stolen.exit_code == 2 and "a grant to another node" in stolen.stderr


def _has(town: Town, name: str) -> bool:
    listed = town.json("Alice", "account", "list", "--no-balances")["accounts"]
    return name in [one["name"] for one in listed]


def test_declined_and_cancelled(town: Town) -> None:
    gift = ("escrow", "propose", "gift", "--seat", "giver=me", "--set", "brand=USD")
    whom = ("--seat", f"receiver={town.path('Alice.card')}", "--set", "amount=5")
    made = town.json("Bob", *gift, *whom)
    town.until("Alice", made["id"], "INVITED")
    assert town.json("Alice", "escrow", "cancel", made["id"])["state"] == "FAILED"
    ended = town.until("Bob", made["id"], "FAILED")
    assert (ended["deal"]["because"], ended["deal"]["blamed"]) == ("REFUSED_BY_OWNER", "receiver")
    assert "declined" in town.good("Bob", "escrow", "show", made["id"])
    again = town.json("Bob", *gift, "--seat", "receiver=Alice", "--set", "amount=5")
    assert town.json("Bob", "escrow", "cancel", again["id"])["state"] == "FAILED"
    assert "no certificate" in town.no(
        "Bob", "escrow", "show", again["id"], "--evidence", town.path("none")
    )


def test_a_shop_sells_while_nobody_looks(town: Town) -> None:
    town.good("Alice", "rights", "learn", town.path("Bob.card"))
    offer = ("escrow", "stand", "buy-object", "--seat", "seller", "--value", "brand=USD")
    assert "amount" in town.no("Bob", *offer, "--value", "region=Ahern", code="UNBOUNDED")
    bounds = ("--value", "amount=40..", "--value", "region=Ahern", "--value", "task_id=5|6")
    stands = town.json("Bob", *offer, *bounds, "--until", "1h")
    assert stands.keys() == STANDING.keys() and stands["transaction"] == "buy object"
    assert "amount 40.." in town.good("Bob", "escrow", "standing")
    seats = ("--seat", "buyer=me", "--seat", "seller=Bob", "--set", "region=Ahern")
    buy = ("escrow", "propose", "buy-object", *seats, "--set", "brand=USD", "--set", "task_id=5")
    before = balance(town, "Bob", "Lamp")
    sold = town.json("Alice", *buy, "--set", "amount=40", "--open-accounts", "--follow")
    assert sold["state"] == "COMMITTED" and balance(town, "Bob", "Lamp") == before - 1
    cheap = town.json("Alice", *buy, "--set", "amount=39")
    town.until("Bob", cheap["id"], "INVITED")  # it asks its owner
    town.good("Bob", "escrow", "unstand", stands["id"][:8])
    assert "No standing offers" in town.good("Bob", "escrow", "standing")
    dear = town.json("Alice", *buy, "--set", "amount=99")
    town.until("Bob", dear["id"], "INVITED")
    for one in (cheap, dear):
        town.good("Alice", "escrow", "cancel", one["id"])


def test_an_exchange_survives_the_end_of_its_coordinator(town: Town) -> None:
    """Without money, so it may last: what was told before the end is done after it."""
    out = town.path("eight.grant")
    about = ("--type", "parcel", "--attr", "region=Ahern", "--attr", "parcel_id=8")
    town.good("Bob", "registrar", "brand", "create", "Ahern 8", *about)
    given = ("--for", town.path("Alice.card"), "--balance", "1", "--out", out)
    town.good("Bob", "registrar", "account", "create", "Ahern 8", *given)
    town.good("Alice", "account", "import", out)
    town.good("Bob", "rights", "learn", "me")
    seats = ("--seat", f"owner={town.path('Alice.card')}", "--seat", "group=me")
    named = ("--set", "region=Ahern", "--set", "parcel_id=8", "--within", "2min")
    deed = ("escrow", "propose", "deed-parcel", *seats, *named, "--open-accounts")
    made = town.json("Bob", *deed)
    town.until("Alice", made["id"], "INVITED")
    town.good("Alice", "escrow", "accept", made["id"])
    town.end("Bob", signal.SIGKILL)
    town.start("Bob", "node", "run")
    ended = town.json("Bob", "escrow", "show", made["id"], "--follow", "--wait", "2min")
    assert ended["state"] == "COMMITTED" and balance(town, "Bob", "Ahern 8") == 1
    town.until("Alice", made["id"], "COMMITTED")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("escrow", "show", "ffff"), "escrow list"),
        (("escrow", "accept", "ffff"), "escrow list"),
        (("escrow", "unstand", "ffff"), "escrow standing"),
        (("escrow", "inbox", "ffff"), "inbox --all"),
        (("account", "show", "Moon"), "account list"),
        (("account", "open", "Zoe", "Moon"), "node card"),
        (("account", "open", "me", "Moon"), "rights learn"),
        (("escrow", "propose", "gift", "--seat", "giver=me"), "--seat receiver="),
        (("escrow", "propose", "gift", "--seat", "giver=me", "--seat", "receiver=me"), "--set"),
        (
            (
                *("escrow", "propose", "gift", "--seat", "giver=me", "--seat", "receiver=Alice"),
                *("--set", "brand=USD", "--set", "amount=5", "--within", "2h"),
            ),
            "deposit",
        ),
        (
            (
                *("escrow", "propose", "gift", "--seat", "giver=me", "--seat", "receiver=Alice"),
                *("--set", "brand=EUR", "--set", "amount=5"),
            ),
            "line offer",
        ),
    ],
    ids=lambda part: " ".join(part[:4]) if isinstance(part, tuple) else "",
)
def test_a_no_names_the_next_step(town: Town, args: tuple[str, ...], said: str) -> None:
    town.good("Bob", "rights", "learn", "me")
    alice = f"receiver={town.path('Alice.card')}"  # he knows her, whatever ran before
    assert said in town.no("Bob", *(alice if arg == "receiver=Alice" else arg for arg in args))


def test_the_inbox_is_empty_in_peace(town: Town) -> None:
    assert town.json("Alice", "escrow", "inbox")["inbox"] == []
