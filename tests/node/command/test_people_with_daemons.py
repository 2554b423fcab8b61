"""Accounts of people and what the owner is asked, typed against real daemons: Alice and Bob with
one line, and Ann, who has her account at Alice's node."""

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert

from node.core.people.rows import Person, PersonPhase, person_id
from node.store import ROWS, SCHEMA_VERSION, STORE_KIND, metadata
from runtime.store import open_store
from tests.node.command.test_escrow_with_daemons import Town
from tests.node.command.test_with_daemon import free_port

pytestmark = pytest.mark.e2e

KEY = "5f" * 32
ORIGIN = "http://bank.localhost:8080"
TRIES = 3000  # each asks the node once: a minute's worth


class Bank(Town):
    """Alice keeps accounts; Bob sells."""

    def begin(self) -> None:
        for name in ("Alice", "Bob"):
            listen = f"127.0.0.1:{free_port()}"
            made = ("--alias", name, "--listen", listen)
            self.good("", "node", "init", self.path(name), *made)
        config = Path(self.path("Alice"), "config.toml")
        head, page, tail = config.read_text().partition("[page]")
        tail = tail.replace('listen = ""', f'listen = "127.0.0.1:{free_port()}"', 1)
        config.write_text(head + page + tail.replace('origin = ""', f'origin = "{ORIGIN}"', 1))
        self.admit("ann")
        for name in ("Alice", "Bob"):
            self.start(name, "node", "run")
            (self.folder / f"{name}.card").write_text(self.good(name, "node", "card"))
        offer = (self.path("Bob.card"), "--brand", "USD", "--limit", "0")
        self.good("Alice", "line", "offer", *offer)
        accept = (self.path("Alice.card"), "--limit", "20000", "--wait", "20s")
        self.good("Bob", "line", "accept", *accept)
        for _ in range(TRIES):
            if self.json("Alice", "node", "status")["graph"]["lines"] == 2:
                break

    def admit(self, name: str) -> None:
        """As if somebody had taken an invitation up: that takes a browser."""
        row = Person(person_id(name), name, name.title(), PersonPhase.ACTIVE, 1_790_000_000_000_000)
        entry = ROWS[row.table]
        with open_store(self.books, STORE_KIND, metadata, SCHEMA_VERSION) as store:
            columns = dict(zip(entry.columns, entry.inserted(row, 1), strict=True))
            with store.engine.begin() as connection:
                connection.execute(insert(entry.table), [columns])

    @property
    def books(self) -> Path:
        return Path(self.path("Alice"), "data", "node.sqlite")

    def invoice(self, name: str, *more: str) -> str:
        file = str(self.folder / f"{name}.txt")
        words = ("700", "USD", "--description", "One lamp", "--out", file, *more)
        self.good("Bob", "request", "create", *words)
        return file

    def unusable(self, *args: str) -> str:
        """The one line about input that cannot be used."""
        result = self.run("Alice", *args)
        assert result.exit_code == 2, (args, result.output)
        (line,) = result.stderr.splitlines()
        return line


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    bank = Bank(Path(tempfile.mkdtemp(prefix="pw-")))
    try:
        bank.begin()
        yield bank
    finally:
        statuses = [bank.end(name) for name in list(bank.running)]
        shutil.rmtree(bank.folder)
    assert statuses == [0, 0]


def test_who_is_invited_gets_a_link_that_is_shown_once(bank: Bank) -> None:
    words = ("--display", "Carl Gauss", "--limit", "500USD", "--limit", "20 EUR", "--days", "3")
    told = bank.good("Alice", "people", "invite", "carl", *words)
    link = told.splitlines()[0]
    assert link.startswith(f"{ORIGIN}/join/") and len(link.rpartition("/")[2]) == 32
    assert "20 EUR, 500 USD" in told
    (invited,) = bank.json("Alice", "people", "list")["invited"]
    assert (invited["name"], invited["limits"]) == ("carl", {"USD": 500, "EUR": 20})
    assert link.rpartition("/")[2] not in json.dumps(bank.json("Alice", "people", "list"))
    assert "carl" in bank.good("Alice", "people", "list")
    early = bank.run("Alice", "people", "show", "carl")
    assert early.exit_code == 1 and "has not come yet" in early.stderr
    bank.good("Alice", "people", "withdraw", "carl")
    assert bank.json("Alice", "people", "list")["invited"] == []
    bank.no("Alice", "people", "withdraw", "carl", code="NOT_FOUND")
    again = bank.good("Alice", "people", "invite", "ANN")
    assert "adds a passkey" in again
    bank.good("Alice", "people", "withdraw", "ann")


@pytest.mark.parametrize(
    "words",
    [
        ("people", "invite", "A nn"),
        ("people", "invite", "carl", "--limit", "USD"),
        ("people", "invite", "carl", "--limit", "50"),
        ("people", "invite", "carl", "--limit", "99999999999999999999USD"),
        ("people", "invite", "carl", "--days", "0"),
        ("people", "pay-in", "ann", "0", "USD"),
        ("people", "statement", "ann", "--from", "tomorrow"),
        ("requester", "add", "5f", "Shop"),
        ("requester", "add", KEY, "Shop", "--notify", "http://shop.example/paid"),
        ("requester", "add", KEY, "Shop", "--return", "https://a@shop.example/"),
        ("pending", "take", "pledgeway-request:AAAA"),
        ("pending", "show", "4f1c", "--level", "SAFE"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_used_is_told_in_one_line(bank: Bank, words: tuple[str, ...]) -> None:
    assert bank.unusable(*words)


def test_a_purse_is_the_sum_of_its_entries(bank: Bank) -> None:
    bank.good("Alice", "people", "limit", "ann", "300", "USD")
    bank.good("Alice", "people", "pay-in", "ann", "1000", "USD", "--text", "=cash, receipt 81")
    bank.good("Alice", "people", "pay-out", "ann", "200", "USD")
    short = bank.no("Alice", "people", "pay-out", "ann", "1101", "USD", code="BALANCE_SHORT")
    assert "1 units short" in short or "1 USD short" in short
    shown = bank.json("Alice", "people", "show", "ann")
    (purse,) = shown["purses"]
    assert (purse["balance"], purse["limit"], purse["available"]) == (800, 300, 1100)
    assert [e["amount"] for e in shown["entries"]] == [-200, 1000]
    assert "paid in" in bank.good("Alice", "people", "show", "ann")
    books = bank.json("Alice", "people", "books")
    assert (books["ok"], books["entries"]) == (True, 2)
    assert "Sound: 2 entries" in bank.good("Alice", "people", "books")
    rows = list(csv.reader(io.StringIO(bank.good("Alice", "people", "statement", "ann", "--csv"))))
    assert [row[2] for row in rows[1:]] == ["1000", "-200"]
    assert rows[1][5] == "'=cash, receipt 81"  # no formula to a spreadsheet
    told = bank.good("Alice", "people", "statement", "ann", "--from", "2026-01-01")
    assert "1000 USD came in, 200 went out." in told
    assert bank.json("Alice", "people", "statement", "ann", "--until", "2026-01-01") == {
        "name": "ann",
        "entries": [],
    }
    bank.no("Alice", "people", "show", "nobody", code="NOT_FOUND")


def test_requesters_are_entered_and_end(bank: Bank) -> None:
    urls = ("--notify", "https://shop.example/paid", "--return", "https://shop.example/thanks?a=1")
    added = bank.json("Alice", "requester", "add", KEY, "Lamp shop", *urls)
    assert added["notify"] == ["https://shop.example/paid"] and not added["ended_at_us"]
    bank.good("Alice", "requester", "add", KEY, "Desk shop")
    (one,) = bank.json("Alice", "requester", "list")["requesters"]
    assert (one["name"], one["notify"], one["return"]) == ("Desk shop", [], [])
    assert bank.json("Alice", "requester", "end", "Desk shop")["ended_at_us"]
    bank.no("Alice", "requester", "end", "Lamp shop", code="NOT_FOUND")


def test_the_owner_takes_looks_and_pays(bank: Bank) -> None:
    before = bank.json("Alice", "people", "books")["positions"][0]["own"]
    taken = bank.json("Alice", "pending", "take", bank.invoice("first"))
    assert taken["phase"] == "PRESENTED" and taken["owned"]
    assert bank.json("Alice", "pending", "take", str(bank.folder / "first.txt")) == taken
    shown = bank.good("Alice", "pending", "show", taken["id"][:8])
    assert "CAREFUL: You have never paid this payee" in shown and "700 USD" in shown
    paid = bank.run("Alice", "pending", "approve", taken["id"][:8], "--max-fee", "0")
    assert paid.exit_code == 0, paid.output
    assert "COMMITTED" in paid.stdout
    done = bank.json("Alice", "pending", "show", taken["id"])
    assert (done["phase"], done["debited"], done["payment"]["paid"]) == ("COMMITTED", 700, 700)
    again = bank.run("Alice", "pending", "approve", taken["id"], "--yes")
    assert again.exit_code == 1 and "answered already" in again.stderr
    assert bank.json("Alice", "people", "books")["positions"][0]["own"] == before - 700
    # He knows this payee now.
    second = bank.json("Alice", "pending", "take", bank.invoice("second"))
    plan = bank.json("Alice", "pending", "show", second["id"])["plan"]
    assert plan["cautions"] == [] and plan["payable"] and plan["levels"] == ["BARE"]
    denied = bank.json("Alice", "pending", "deny", second["id"])
    assert (denied["phase"], denied["debited"]) == ("DENIED", 0)
    phases = [r["phase"] for r in bank.json("Alice", "pending", "list", "--all")["requests"]]
    assert sorted(phases) == ["COMMITTED", "DENIED"]
    assert bank.json("Alice", "pending", "list")["requests"] == []


def test_what_cannot_be_paid_says_why(bank: Bank) -> None:
    taken = bank.json("Alice", "pending", "take", bank.invoice("atomic", "--no-registry"))
    words = ("pending", "approve", taken["id"], "--yes", "--level", "ATOMIC")
    no = bank.run("Alice", *words)
    assert no.exit_code == 1 and "cannot be paid" in no.stderr
    plan = bank.json("Alice", "pending", "show", taken["id"], "--amount", "5")["plan"]
    assert plan["because"]["reason"] == "REQUEST_MISMATCH" and plan["approval"] is None
    bank.no("Alice", "pending", "show", "00000000", code="NOT_FOUND")
    bank.no("Alice", "pending", "revoke", "00000000", code="NOT_FOUND")
    bank.good("Alice", "pending", "deny", taken["id"])


def test_a_closed_account_stays_owed(bank: Bank) -> None:
    bank.good("Alice", "people", "sessions", "end", "ann")
    told = bank.good("Alice", "people", "close", "ann", "--yes")
    assert "800 USD: you owe it still; `people pay-out ann 800 USD` books it." in told
    closed = bank.json("Alice", "people", "close", "ann", "--yes")
    assert closed["phase"] == "CLOSED" and closed["purses"][0]["balance"] == 800
    assert closed["belongings"] == []
    bank.no("Alice", "people", "invite", "ann", code="NAME_TAKEN")
    bank.no("Alice", "people", "pay-in", "ann", "5", "USD", code="PERSON_UNKNOWN")
    out = bank.json("Alice", "people", "pay-out", "ann", "800", "USD")
    assert out["purses"][0]["balance"] == 0
    assert bank.json("Alice", "people", "books")["ok"]


def test_a_restart_forgets_nothing_and_a_changed_disk_shows(bank: Bank) -> None:
    before = bank.json("Alice", "people", "statement", "ann")
    asked = bank.json("Alice", "pending", "list", "--all")["requests"]
    assert before["entries"] and asked
    assert bank.end("Alice") == 0
    engine = create_engine(f"sqlite:///{bank.books}")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE purse SET booked_in = booked_in + 7")
    engine.dispose()
    bank.start("Alice", "node", "run")
    assert bank.json("Alice", "people", "statement", "ann") == before
    assert bank.json("Alice", "pending", "list", "--all")["requests"] == asked
    told = bank.run("Alice", "people", "books")
    assert told.exit_code == 1 and "NOT SOUND: 1 things" in told.stdout
    assert person_id("ann").hex() in told.stdout
