"""The commands against real daemons: Alice and Bob, one line, payments made and not made."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.command.__main__ import main
from tests.node.command.conftest import ROOT
from tests.proto.successions import FIRST, NEW, OLD, OWNER, record_by
from tests.proto.witnessed import W1

pytestmark = pytest.mark.e2e


class Pair:
    """Two nodes in one folder. Bob is dialled, Alice dials."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []

    def run(self, node: str, *args: str) -> Result:
        return CliRunner().invoke(main, list(args), env={"PLEDGEWAY_NODE": str(self.folder / node)})

    def good(self, node: str, *args: str) -> str:
        result = self.run(node, *args)
        assert result.exit_code == 0, (args, result.output)
        assert "None" not in result.stdout
        return result.stdout

    def json(self, node: str, *args: str) -> Any:
        return json.loads(self.good(node, *args, "--json"))

    def file(self, name: str, content: str) -> str:
        (self.folder / name).write_text(content)
        return str(self.folder / name)

    def wait_until_lines_are_known(self, node: str) -> None:
        """Adverts take a moment. Each question takes milliseconds; a minute's worth is enough."""
        for _ in range(3000):
            if self.json(node, "node", "status")["graph"] == {"nodes": 2, "lines": 2}:
                return
        raise AssertionError(f"{node} never heard of both directions of the line")

    def gossip(self, node: str) -> Any:
        return self.json(node, "node", "status")["gossip"]

    def start(self, node: str, *options: str) -> None:
        directory = str(self.folder / node)
        made = CliRunner().invoke(main, ["node", "init", directory, "--alias", node, *options])
        assert made.exit_code == 0, made.output
        process = subprocess.Popen(
            [sys.executable, "-m", "node.command", "node", "run", directory],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().startswith(f"ready: {node} ")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    pair = Pair(Path(tempfile.mkdtemp(prefix="pw-")))
    try:
        pair.start("Bob", "--listen", f"127.0.0.1:{free_port()}")
        pair.start("Alice")
        card = pair.file("alice.card", pair.good("Alice", "node", "card"))
        pair.good("Bob", "line", "offer", card, "--brand", "USD", "--limit", "50000")
        card = pair.file("bob.card", pair.good("Bob", "node", "card"))
        opened = pair.json("Alice", "line", "accept", card, "--limit", "20000", "--wait", "20s")
        assert opened["phase"] == "OPEN"
        for node in ("Alice", "Bob"):
            pair.wait_until_lines_are_known(node)
        yield pair
    finally:
        for process in pair.processes:
            process.terminate()
        statuses = [process.wait(timeout=60) for process in pair.processes]
        for process in pair.processes:
            assert process.stdout is not None
            process.stdout.close()
        shutil.rmtree(pair.folder)
    assert statuses == [0, 0]


def test_status_tells_what_gossip_has_brought(pair: Pair) -> None:
    told = [pair.gossip(node) for node in ("Alice", "Bob")]
    for gossip in told:
        assert gossip["per_kind"]["nodes"] == gossip["per_kind"]["lines"] == 2
        assert gossip["refused"] == gossip["untimely"] == gossip["waiting"] == 0
        assert gossip["known"] == sum(gossip["per_kind"].values()) and gossip["bytes"] > 500
    assert sum(gossip["compared"] for gossip in told) >= 1, "they met, and one of them drove"
    (line,) = (s for s in pair.good("Alice", "node", "status").splitlines() if "adverts" in s)
    assert "known (nodes 2, lines 2" in line


def test_a_payment(pair: Pair) -> None:
    before = pair.json("Alice", "line", "list")["lines"][0]["balance"]
    invoice = str(pair.folder / "invoice.txt")
    about = ("--description", "One lamp", "--out", invoice)
    pair.good("Bob", "request", "create", "700", "USD", *about)
    plan = pair.json("Alice", "pay", invoice, "--dry-run")
    assert (plan["found"], plan["cost"]) == (True, 700)
    assert "700 USD" in pair.good("Alice", "pay", invoice, "--dry-run")
    paid = pair.json("Alice", "pay", invoice)
    assert paid["phase"] == "COMMITTED"
    assert pair.json("Alice", "line", "list")["lines"][0]["balance"] == before - 700
    assert "COMMITTED" in pair.good("Alice", "payment", "show", paid["id"][:10])
    assert "700 USD" in pair.good("Alice", "payment", "list", "--limit", "1")
    assert "One lamp" in pair.good("Bob", "request", "list")
    again = pair.run("Alice", "pay", invoice)
    assert again.exit_code == 1
    evidence = pair.run("Alice", "payment", "evidence", paid["id"][:10], "--json")
    assert evidence.exit_code == 1  # all BARE: no registry has decided about it
    assert json.loads(evidence.stdout)["failure"]["code"] == "NOT_FOUND"


def test_receipts_of_a_payment(pair: Pair) -> None:
    """No registry decided: what is shown is the payee's own signature, and Alice's booking."""
    made = pair.json("Bob", "request", "create", "40", "USD")
    early = pair.run("Bob", "request", "receipt", made["id"], "--json")
    assert (early.exit_code, json.loads(early.stdout)["failure"]["code"]) == (1, "NOT_FOUND")
    paid = pair.json("Alice", "pay", made["text"])
    mine, theirs = (str(pair.folder / f"{name}.receipt") for name in ("alice", "bob"))
    said = pair.good("Alice", "payment", "receipt", paid["id"][:12], "-o", mine)
    assert said == f"receipt over 40 USD (bare commit) written: `pledgeway verify receipt {mine}`\n"
    pair.good("Bob", "request", "receipt", made["id"][:12], "-o", theirs)
    alice, bob = (pair.json("Alice", "verify", "receipt", file) for file in (mine, theirs))
    assert alice["booked_by"] is None and bob["rests_on"] == "BARE_COMMIT"
    assert bob == alice | {
        "booked_by": pair.json("Alice", "node", "status")["node"],
        "does_not_prove": bob["does_not_prove"],
    }
    wrong = pair.run("Alice", "verify", mine)
    assert wrong.exit_code == 2 and f"`pledgeway verify receipt {mine}` reads it" in wrong.stderr


def test_a_payment_that_finds_no_chain(pair: Pair) -> None:
    invoice = pair.file("much.txt", pair.good("Bob", "request", "create", "90000", "USD"))
    plan = pair.run("Alice", "pay", invoice, "--dry-run")
    assert plan.exit_code == 1
    assert "V10" in plan.stdout
    assert pair.run("Alice", "pay", invoice).exit_code == 1
    assert "ABORTED" in pair.good("Alice", "payment", "list", "--limit", "1")


def test_how_much_can_be_sent_and_whom_to_avoid(pair: Pair) -> None:
    at = str(pair.folder / "Alice")
    found = pair.json("Alice", "max-sendable", "--at", at, "--to", "Bob", "--parts", "2")
    assert found["exact"] and found["amount"] == found["cost"] == found["cut"] > 0
    assert found["bottleneck"][0]["to"] == "Bob" and found["routes"][0]["hops"][0]["to"] == "Bob"
    text = pair.good("Alice", "max-sendable", "--at", at, "--to", "Bob", "--budget", "7")
    assert "Bob can receive 7 USD from Alice over one chain, for 7: 0 in fees." in text
    request = pair.json("Bob", "request", "create", "9", "USD")["text"]
    none = pair.run("Alice", "pay", request, "--dry-run", "--avoid", "Alice→Bob", "--max-risk", "0")
    assert none.exit_code == 1 and "No chain" in none.stdout
    for args in (["--avoid", "Zoe"], ["--avoid", "Alice"], ["--max-risk", "58"]):
        bad = pair.run("Alice", "pay", request, "--dry-run", *args)
        assert (bad.exit_code, bad.stderr.count("\n")) == (2, 1), args


def test_a_request_taken_back(pair: Pair) -> None:
    made = pair.json("Bob", "request", "create", "5", "USD", "--manual")
    assert made["manual"] is True
    assert "to be confirmed" in pair.good("Bob", "request", "show", made["id"][:10])
    assert "DECLINED" in pair.good("Bob", "request", "decline", made["id"][:10])


@pytest.mark.parametrize("node", ["Alice", "Bob"])
def test_every_view(pair: Pair, node: str) -> None:
    other = {"Alice": "Bob", "Bob": "Alice"}[node]
    assert other in pair.good(node, "node", "status")
    assert f"{other}/USD" in pair.good(node, "line", "list")
    assert "USD" in pair.good(node, "balance")
    assert "sound" in pair.good(node, "node", "audit")
    assert "No incidents" in pair.good(node, "node", "incidents")
    assert "None:" not in pair.good(node, "fees", "show")
    listed = pair.run(node, "node", "registry", "list")
    assert (listed.exit_code, "--accept" in listed.stdout) == (0, True)
    network = json.loads(pair.good(node, "network", "export"))
    assert {*network["nodes"]} == {"Alice", "Bob"}
    assert pair.json(node, "node", "card")["card"] == pair.good(node, "node", "card").strip()


def test_the_network_goes_from_one_node_to_another(pair: Pair) -> None:
    """As adverts that are verified, as a file that is asked, and as a question to the node."""
    adverts = str(pair.folder / "net.adverts")
    pair.good("Alice", "network", "export", "--format", "adverts", "--out", adverts)
    taken = pair.json("Bob", "network", "import", adverts)
    assert (taken["applied"], taken["refused"], taken["expired"]) == (0, 0, 0)
    assert (taken["stale"], taken["limited"]) == (4, 0)
    first, *lines = Path(adverts).read_text().splitlines()
    changed = [x[:90] + ("A" if x[90] != "A" else "B") + x[91:] for x in lines]
    forged = pair.run(
        "Bob", "network", "import", pair.file("forged.adverts", "\n".join([first, *changed]))
    )
    assert forged.exit_code == 1 and "a wrong signature" in forged.stdout
    shown = pair.json("Alice", "network", "show", "Bob")
    assert [one["name"] for one in shown["nodes"]] == ["Bob"] and len(shown["lines"]) == 2
    assert shown["nodes"][0]["said_us"] <= shown["at_us"] < shown["nodes"][0]["expires_at_us"]
    assert "2 nodes, 2 lines (USD 2)" in pair.good("Alice", "network", "show")
    net = str(pair.folder / "net.json")
    pair.good("Alice", "network", "export", "--out", net)
    bob = shown["nodes"][0]["id"]
    by_node = pair.json("Alice", "route", "--to", bob[:8], "--amount", "700")
    by_file = ("--network", net, "--from", "Alice", "--to", "Bob", "--amount", "700")
    assert by_node == pair.json("Alice", "route", *by_file)
    assert pair.run("Alice", "route", "--to", "Bob", "--amount", "99999").exit_code == 1
    assert pair.run("Alice", "route", "--to", "Zoe", "--amount", "1").exit_code == 2


def test_terms(pair: Pair) -> None:
    args = ("fees", "set", "ATOMIC", "1.002", "3", "--refuse", "GATEWAY", "--hold-max", "2min")
    said = pair.json("Alice", *args, "--watch")
    assert said["fees"]["ATOMIC"] == {"rate": "1.002", "flat": 3}
    assert "GATEWAY" not in said["fees"]
    assert said["watches_registry"] is True
    assert said["hold_max_ms"] == 120_000
    assert "ATOMIC 100203" in pair.good("Alice", "fees", "show")


def test_policies(pair: Pair) -> None:
    """Three registries that need not run: naming them asks nobody."""
    for name in ("R1", "R2", "R3"):
        home = str(pair.folder / name)
        assert pair.run("Bob", "registry", "init", home, "--name", name).exit_code == 0
        pair.good("Bob", "node", "registry", "add", f"{home}/registry.record", "--accept")
    assert "makes one" in pair.run("Bob", "node", "policy", "list").stdout
    named = ("--member", "R1", "--member", "R2", "--member", "R3")
    shown = pair.good("Bob", "node", "policy", "add", "harbours", *named)
    assert "2/2 of 3, f=0" in shown and "1 member may be down" in shown
    file = str(pair.folder / "all.policy")
    homes = [str(pair.folder / name) for name in ("R1", "R2", "R3")]
    pair.good("Bob", "registry", "policy", "make", *homes, "--delta", "3000", "--out", file)
    assert pair.json("Bob", "node", "policy", "add", "slow", file)["delta_ms"] == 3000
    listed = pair.json("Bob", "node", "policy", "list")["policies"]
    assert [(p["name"], p["qc"], p["accepted"]) for p in listed] == [
        ("harbours", 2, True),
        ("slow", 2, True),
    ]
    every = pair.json("Bob", "request", "create", "5", "USD")
    assert every["registries"][:2] == ["harbours", "slow"] and len(every["registries"]) == 5
    one = pair.json("Bob", "request", "create", "5", "USD", "--policy", "slow", "--registry", "R2")
    assert sorted(one["registries"]) == ["R2", "slow"]
    pair.good("Bob", "node", "policy", "drop", "slow")
    for refused in (
        ("node", "policy", "drop", "slow"),
        ("node", "policy", "add", "R1", *named),
        ("node", "policy", "add", "alone", "--member", "R1"),
        ("node", "policy", "add", "unsafe", *named, "--commit-quorum", "1"),
        ("node", "policy", "add", "unreachable", *named, "--liars", "1"),
        ("request", "create", "5", "USD", "--policy", "slow"),
    ):
        result = pair.run("Bob", *refused)
        assert result.exit_code in (1, 2) and len(result.stderr.splitlines()) == 1, refused
    pair.good("Bob", "node", "registry", "drop", "R3")
    assert pair.json("Bob", "node", "policy", "list")["policies"][0]["accepted"] is False
    assert pair.run("Bob", "request", "create", "5", "USD", "--policy", "harbours").exit_code == 2
    left = pair.json("Bob", "request", "create", "5", "USD")["registries"]
    assert sorted(left) == ["R1", "R2"]


def test_a_limit(pair: Pair) -> None:
    assert "granted to you" in pair.good("Bob", "line", "limit", "Alice/USD", "60000")
    assert pair.json("Bob", "line", "list")["lines"][0]["granted"] == 60_000


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (("line", "limit", "Nobody", "5"), 1),
        (("payment", "show", "ffff"), 1),
        (("request", "show", "ffff"), 1),
        (("node", "registry", "accept", "Nobody"), 1),
        (("pay", "pledgeway-request:nonsense"), 2),
        (("line", "offer", "pledgeway-card:nonsense", "--brand", "USD", "--limit", "1"), 2),
        (("request", "create", "5", "USD", "--deadline", "1s"), 2),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_a_no_is_one_line(pair: Pair, args: tuple[str, ...], status: int) -> None:
    result = pair.run("Alice", *args)
    assert result.exit_code == status, result.output
    assert len(result.stderr.splitlines()) == 1
    failure = json.loads(pair.run("Alice", *args, "--json").stdout)["failure"]
    assert failure["code"] in ("NOT_FOUND", "BAD_ARGUMENT")


def test_how_many_witnesses_a_late_proof_needs(pair: Pair) -> None:
    path = pair.folder / "witnessed.record"
    path.write_bytes(W1.record.signed)
    added = pair.json("Alice", "node", "registry", "add", str(path), "--accept")
    assert (added["witnesses"], added["witness_quorum"]) == (3, 2), "as its record says"
    said = pair.json("Alice", "node", "registry", "accept", W1.id.hex(), "--witnesses", "3")
    assert said["witness_quorum"] == 3
    again = pair.good("Alice", "node", "registry", "accept", W1.id.hex())
    assert "3, of whom 3 vouch for a late proof" in again, "accepting anew keeps it"
    refused = pair.run("Alice", "node", "registry", "accept", W1.id.hex(), "--witnesses", "4")
    assert (refused.exit_code, "its record names 3 of them" in refused.stderr) == (2, True)
    pair.good("Alice", "node", "registry", "drop", W1.id.hex())
    accepted = pair.json("Alice", "node", "registry", "accept", W1.id.hex())
    assert accepted["witness_quorum"] == 2, "dropping it forgets the owner's number"


def test_registries_become_known_and_lists_are_followed_without_anybodys_hand(pair: Pair) -> None:
    """What Bob is given reaches Alice by gossip: a record, its successor, a list's next edition."""

    def until(said: Callable[[Any], bool]) -> Any:
        for _ in range(1000):
            answer = pair.json("Alice", "node", "registry", "list")
            if said(answer):
                return answer
        raise AssertionError(answer)

    def target(answer: Any) -> str | None:
        known = {r["id"]: r["grpc_target"] for r in answer["registries"]}
        return known.get(OWNER.hex())

    moved = record_by(OLD, NEW, sequence=3, target="elsewhere:1")
    for record in (FIRST, moved):
        path = pair.folder / f"{record.sequence}.record"
        path.write_bytes(record.signed)
        pair.good("Bob", "node", "registry", "add", str(path))
        until(lambda answer, record=record: target(answer) == record.grpc_target)
    shared, key = str(pair.folder / "shared.list"), str(pair.folder / "list.key")
    made = pair.json("Alice", "registry", "list", "make", shared, str(path), "--key", key)
    assert made["registries"] == [OWNER.hex()]
    followed = pair.json("Alice", "node", "registry", "follow", shared)
    assert (followed["id"], followed["in_force"], followed["missing"]) == (made["id"], True, 0)
    states = {r["id"]: r["by_list"] for r in until(bool)["registries"]}
    assert states[OWNER.hex()] is True
    other = pair.folder / "witnessed.record"
    other.write_bytes(W1.record.signed)
    pair.good("Alice", "registry", "list", "make", shared, str(other), "--key", key)
    assert W1.id.hex() in pair.good("Alice", "registry", "list", "show", shared)
    pair.good("Bob", "node", "registry", "follow", shared)
    answer = until(lambda answer: answer["list"]["sequence"] == 2)
    assert {r["id"]: r["by_list"] for r in answer["registries"]}[OWNER.hex()] is False
    old = pair.file("old.list", "nonsense")
    assert pair.run("Alice", "node", "registry", "follow", old).exit_code == 2
    for node in ("Alice", "Bob"):
        pair.good(node, "node", "registry", "unfollow")
    assert pair.run("Alice", "node", "registry", "unfollow").exit_code == 1
