"""The wallet's commands against a real daemon with a page: joins, pays, denies, looks."""

import json
import shutil
import socket
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

pytestmark = pytest.mark.e2e
LISTEN = 'listen = "127.0.0.1:%d"'


class Bank:
    """A node with a page, and two wallets of people who have their accounts there."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.origin = f"http://bank.localhost:{port}"
        home = str(folder / "bank")
        made = CliRunner().invoke(main, ["node", "init", home, "--alias", "Bank"])
        assert made.exit_code == 0, made.output
        config = folder / "bank" / "config.toml"
        head, _, page = config.read_text().partition("[page]")
        text = head + "[page]" + page.replace('listen = ""', LISTEN % port)
        config.write_text(text.replace('origin = ""', f'origin = "{self.origin}"'))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "node.command", "node", "run", home],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        assert ready.endswith(f"page {self.origin}\n"), ready

    def run(self, *args: str) -> Result:
        env = {
            "PLEDGEWAY_NODE": str(self.folder / "bank"),
            "PLEDGEWAY_WALLET": str(self.folder / "ann"),
        }
        return CliRunner().invoke(main, list(args), env=env)

    def good(self, *args: str) -> str:
        result = self.run(*args)
        assert result.exit_code == 0, (args, result.output)
        return result.stdout

    def json(self, *args: str) -> Any:
        return json.loads(self.good(*args, "--json"))

    def no(self, status: int, *args: str) -> str:
        result = self.run(*args)
        assert result.exit_code == status, (args, result.output)
        return result.stderr.splitlines()[-1]

    def invoice(self, amount: int, text: str) -> str:
        path = self.folder / f"{text}.txt"
        self.good(
            *("request", "create", str(amount), "USD", "--no-registry"),
            *("--description", text, "--out", str(path)),
        )
        return str(path)


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    folder = Path(tempfile.mkdtemp(prefix="pw-wallet-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    made = Bank(folder, port)
    yield made
    made.process.terminate()
    assert made.process.stdout is not None
    made.process.stdout.close()
    made.process.wait(20)
    shutil.rmtree(folder)


def test_a_life_with_a_wallet(bank: Bank) -> None:
    link = bank.json("people", "invite", "ann", "--limit", "900USD")["link"]
    assert "no account yet" in bank.no(2, "wallet", "balance")
    assert bank.good("wallet", "join", link) == f"You are ann at {bank.origin}.\n"
    assert (bank.folder / "ann" / "wallet.json").stat().st_mode & 0o777 == 0o600
    assert "has the account ann" in bank.no(2, "wallet", "join", link)
    eve = ("--wallet", str(bank.folder / "eve"))
    assert "invitation was used" in bank.no(1, "wallet", "join", link, *eve)

    lamp = bank.invoice(120, "lamp")
    assert "nobody can be asked" in bank.no(2, "wallet", "pay", lamp)
    assert "it may take 120 USD, which is 1 more than you allow" in bank.no(
        1, "wallet", "pay", lamp, "--yes", "--max-total", "119"
    )
    (waits,) = bank.json("wallet", "pending")["pending"]
    assert waits["description"] == "lamp"
    paid = bank.good("wallet", "approve", waits["id"][:6], "--yes", "--max-total", "120")
    for words in ("DEBITED AT MOST   120 USD", "You have never paid this payee", "COMMITTED"):
        assert words in paid
    assert bank.json("wallet", "pending") == {"pending": [], "running": [], "resting": []}
    again = bank.no(1, "wallet", "pay", lamp, "--yes", "--max-total", "120")
    assert "it is paid already, and nothing more is taken" in again
    listed = bank.good("wallet", "history")
    assert waits["id"][:10] in listed and "within this node" in listed
    assert max(len(line.rstrip()) for line in listed.splitlines()) <= 80
    shown = bank.good("wallet", "show", waits["id"][:6])
    assert "COMMITTED" in shown and "can be paid" not in shown
    file = str(bank.folder / "lamp.receipt")
    assert "name a file" in bank.no(2, "wallet", "receipt", waits["id"][:6])
    told = bank.good("wallet", "receipt", waits["id"][:6], "--out", file)
    assert f"receipt over 120 USD (in house) written: `pledgeway verify receipt {file}`" in told
    assert "120 USD" in bank.good("verify", "receipt", file)
    assert bank.json("wallet", "receipt", waits["id"])["amount"] == 120

    bank.no(1, "wallet", "pay", bank.invoice(7, "other"), "--yes", "--max-total", "6")
    (other,) = bank.json("wallet", "pending")["pending"]
    assert bank.json("wallet", "deny", other["id"][:8])["phase"] == "DENIED"
    assert "nothing was paid" in bank.no(1, "wallet", "receipt", other["id"], "--out", file + "2")
    dear = bank.no(1, "wallet", "pay", bank.invoice(790, "dear"), "--yes")
    assert "10 USD short" in dear and "ask the operator of this node for a higher limit" in dear
    assert "no request of yours begins" in bank.no(1, "wallet", "show", "abcdef")
    (purse,) = bank.json("wallet", "balance")["balances"]
    assert (purse["balance"], purse["available"], purse["reserved"]) == (-120, 780, 0)
    (entry,) = bank.json("wallet", "history")["entries"]
    assert (entry["amount"], entry["text"]) == (-120, "lamp")
    assert bank.json("wallet", "mandates") == {"mandates": []}


def test_people_of_one_node_pay_each_other(bank: Bank) -> None:
    link = bank.json("people", "invite", "bob")["link"]
    bob = ("--wallet", str(bank.folder / "bob"))
    bank.good("wallet", "join", link, "--label", "bob's laptop", *bob)
    file = str(bank.folder / "bread.txt")
    asked = ("wallet", "ask", "40", "USD", "--min", "10", "--description", "Bread", "--out", file)
    assert "pledgeway pay" in bank.good(*asked, *bob)
    assert "choose with --amount, 10 to 40" in bank.no(1, "wallet", "pay", file, "--yes")
    bank.no(1, "wallet", "pay", file, "--amount", "41", "--yes")
    paid = bank.json("wallet", "pay", file, "--amount", "25", "--yes", "--max-total", "25")
    assert (paid["phase"], paid["amount"], paid["debited"]) == ("COMMITTED", 25, 25)
    (purse,) = bank.json("wallet", "balance", *bob)["balances"]
    assert (purse["balance"], purse["limit"]) == (25, 0)
    (entry,) = bank.json("wallet", "history", *bob)["entries"]
    assert (entry["amount"], entry["other"], entry["kind"]) == (25, "ann", "IN_HOUSE")
    bank.good("people", "books")


def test_a_second_wallet_by_a_key_that_nobody_knows(bank: Bank) -> None:
    other = ("--wallet", str(bank.folder / "second"))
    text = bank.good("wallet", "key", *other)
    assert text.startswith("pledgeway-key:") and bank.good("wallet", "key", *other) == text
    no = bank.no(1, "wallet", "login", bank.origin, "ann", *other)
    assert "knows no account 'ann' with this wallet's key" in no and "/api/" not in no
    assert "not a page of a node" in bank.no(
        2, "wallet", "login", "http://x.example", "ann", *other
    )
    assert "cannot be reached" in bank.no(
        2, "wallet", "login", "http://bank.localhost:1", "ann", *other
    )


def test_keys_and_notices_are_shown(bank: Bank) -> None:
    (key,) = bank.json("node", "webhook-keys")["keys"]
    assert key.startswith("whpk_")
    assert bank.good("requester", "notices") == "No notices.\n"
    assert "no notice is called" in bank.no(1, "requester", "notices", "again", "12345678")
