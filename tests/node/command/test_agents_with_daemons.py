"""Agents as people look for them, on real daemons: Ned offers to judge, a house lists him and keeps
his past, Alice asks for both."""

import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from proto.keys import SigningKey
from proto.sale.stakes import Branch
from proto.sale.votes import Rating, Vote, rating_head, sign_rating, sign_vote
from runtime.identity import IDENTITY_KEY
from tests.node.command.test_agent_commands import AGENT, RATED, SCORE
from tests.node.command.test_escrow_with_daemons import TRIES, Town
from tests.node.command.test_with_daemon import free_port

pytestmark = pytest.mark.e2e

SALES = 70  # more than a page of the house's list


class Agents(Town):
    """A house, Ned the agent, and Alice, who grants Bob credit; Bob grants the house some."""

    def begin(self) -> None:
        record = self.path("r/registry.record")
        port = f"127.0.0.1:{free_port()}"
        made = ("--name", "Harbour", "--listen", port, "--archive", "127.0.0.1:0")
        self.good("", "registry", "init", self.path("r"), *made)
        for name in ("House", "Ned", "Alice", "Bob"):
            listen, service = (f"127.0.0.1:{free_port()}" for _ in range(2))
            made = ("--alias", name, "--listen", listen, "--service", service)
            self.good("", "node", "init", self.path(name), *made)
            self.start(name, "node", "run")
            (self.folder / f"{name}.card").write_text(self.good(name, "node", "card"))
        self.good("House", "node", "registry", "add", record, "--accept")
        about = ("--type", "deposit", "--supply", "100000")
        self.good("House", "registrar", "brand", "create", "deposit-usd", *about)
        for granter, taker, limit in (("Alice", "Bob", "1000"), ("Bob", "House", "300")):
            card = self.path(f"{taker}.card")
            self.good(granter, "line", "offer", card, "--brand", "USD", "--limit", limit)
            card = self.path(f"{granter}.card")
            self.good(taker, "line", "accept", card, "--limit", "9000", "--wait", "20s")
        for _ in range(TRIES):
            if self.json("Alice", "node", "status")["graph"]["lines"] == 4:
                return
        raise AssertionError("Alice never heard of all directions of the lines")

    def key(self, name: str) -> SigningKey:
        return SigningKey(bytes.fromhex(Path(self.path(name), IDENTITY_KEY).read_text().strip()))

    def sold(self, brand: bytes, at_us: int) -> None:
        """As if the house had kept the stakes of so many sales. Bob and the house itself vote on
        the first two, on each of the others two voters whom Ned has invented."""
        house, ned, head = self.key("House"), self.key("Ned"), b""
        rows = []
        for n in range(SALES):
            invented = [SigningKey(sha256(b"%d %d" % (n, i)).digest()) for i in range(2)]
            voters = [self.key("Bob"), house] if n < 2 else invented
            pool, deciding = (sha256(b"%d" % n + word).digest() for word in (b"pool", b"end"))
            value, success = (400 if n < 2 else 10**6), n != 1
            about = (house.node_id, pool, brand, ned.node_id)
            votes = tuple(
                sign_vote(k, Vote(*about, k.node_id, value, deciding, success, bytes(32)))
                for k in voters
            )
            numbered = (house.node_id, brand, ned.node_id, n + 1, head)
            rating = Rating(*numbered, pool, value, Branch.RELEASED, deciding, votes, at_us)
            head = rating_head(rating)
            rows.append((brand, bytes(ned.node_id), n + 1, sign_rating(house, rating), 1))
        (file,) = Path(self.path("House")).rglob("registrar.sqlite")
        with closing(sqlite3.connect(file, timeout=60)) as database, database:
            database.executemany(
                "INSERT INTO rating (brand, agent, sequence, signed, version)"
                " VALUES (?, ?, ?, ?, ?)",
                rows,
            )


@pytest.fixture(scope="module")
def town() -> Iterator[Agents]:
    town = Agents(Path(tempfile.mkdtemp(prefix="pw-")))
    try:
        town.begin()
        yield town
        assert [town.end(name) for name in list(town.running)] == [0] * 4
    finally:
        for name in list(town.running):
            town.end(name, signal.SIGKILL)
        shutil.rmtree(town.folder)


def test_an_agent_is_offered_listed_learned_scored_and_forgotten(town: Agents) -> None:
    house = town.path("House.card")
    for name in ("Ned", "Alice"):
        town.good(name, "rights", "learn", house)
    price = ("--tip", "5", "--tip-permille", "12", "--bond-max", "2000", "--judges", "domains")
    where = ("--brand", "deposit-usd", "--house", house)
    line = town.good("Ned", "agent", "offer", *price, *where)
    made = town.json("Ned", "agent", "list")["agents"][0]
    assert set(AGENT) | set(RATED) == set(made), "the answers that other tests rely on"
    assert "No agents" in town.good("Alice", "agent", "list")

    town.good("Alice", "agent", "learn", "--house", house, "--brand", "deposit-usd")
    (found,) = town.json("Alice", "agent", "list", "--price", "501")["agents"]
    assert (found["alias"], found["tip_for_price"], found["sales"]) == ("Ned", 12, 0)
    assert "he has judged no sale" in town.good("Alice", "agent", "score", "Ned")

    town.sold(bytes.fromhex(made["brands"][0]), made["created_at_us"])
    told = town.json("Alice", "agent", "score", "Ned")
    assert set(told) == set(SCORE)
    # Bob's 800 and the house's 800 share the 1,000 that Alice grants Bob, of which 300 reach the
    # house. Of each the newer vote counts first, and that is a bad one.
    assert (told["sales"], told["raters"], told["raters_unknown"]) == (SALES, 138, 136)
    assert told["good"] + told["bad"] == 1000
    assert told["bad"] >= 400 + 200
    text = town.good("Alice", "agent", "score", "Ned", "--explain")
    assert "Bob" in text and "136 of whom none of your credit reaches" in text

    assert "open until" not in line, "the line alone goes to standard output"
    (town.folder / "ned.agent").write_text(line)
    town.good("Bob", "agent", "learn", town.path("ned.agent"))
    assert town.json("Bob", "agent", "list")["agents"][0]["score"] is None
    town.good("Alice", "agent", "forget", "Ned")
    town.no("Alice", "agent", "score", "Ned", code="NOT_FOUND")
