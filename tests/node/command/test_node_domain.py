"""`node domain-proof`: what a domain is to show."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.command.__main__ import main
from proto.domain import domain_document, nodes_of, sign_domain_proof
from proto.keys import SigningKey
from runtime.identity import load_identity

pytestmark = pytest.mark.edge
OTHER = SigningKey(b"o" * 32)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = CliRunner().invoke(main, ["node", "init", str(tmp_path / "n")])
    assert made.exit_code == 0, made.output
    return tmp_path / "n"


def ask(home: Path, *words: str | Path) -> Result:
    arguments = ["node", "domain-proof", *(str(w) for w in words), "--node", str(home)]
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize("given", ["shop.example", "Shop.Example", "shop.example."])
def test_what_it_prints_is_the_document(home: Path, given: str) -> None:
    done = ask(home, given, "--days", "30")
    assert done.exit_code == 0
    (proof,) = nodes_of(done.stdout.encode(), "shop.example")
    assert proof.node == load_identity(home).node
    assert done.stderr == "Put it at https://shop.example/.well-known/pledgeway\n"
    longer = nodes_of(ask(home, given).stdout.encode(), "shop.example")
    days = (longer[0].until_us - proof.until_us) / 86_400_000_000
    assert 334.9 < days < 335.1


def test_json(home: Path) -> None:
    said = json.loads(ask(home, "shop.example", "--json").stdout)
    (proof,) = nodes_of(json.dumps(said["document"]).encode(), "shop.example")
    assert (said["domain"], said["until_us"]) == ("shop.example", proof.until_us)
    assert said["url"] == "https://shop.example/.well-known/pledgeway"


def test_other_nodes_of_the_domain_stay(home: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.json"
    there.write_text(domain_document([sign_domain_proof(OTHER, "shop.example", 9**15)]))
    there.write_text(ask(home, "shop.example", "--beside", there).stdout)
    again = ask(home, "shop.example", "--beside", there)  # its own is renewed, not added
    nodes = [p.node for p in nodes_of(again.stdout.encode(), "shop.example")]
    assert nodes == [OTHER.node_id, load_identity(home).node]


BAD = (
    "https://shop.example",
    "shop.example/x",
    "localhost",
    "1.2.3.4",
    "a..b",
    "sh\u043ep.example",
)


@pytest.mark.parametrize("given", BAD)
def test_no_domain(home: Path, given: str) -> None:
    done = ask(home, given)
    assert done.exit_code == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "not a domain: name it as in shop.example" in line


def test_no_node_and_no_file(home: Path, tmp_path: Path) -> None:
    nowhere = ask(tmp_path / "nowhere", "shop.example")
    assert nowhere.exit_code == 2 and "identity.key: cannot be read" in nowhere.stderr
    missing = ask(home, "shop.example", "--beside", tmp_path / "missing")
    assert missing.exit_code == 2 and "missing: cannot be read" in missing.stderr
    (tmp_path / "page").write_text("<html>")
    assert "no JSON" in ask(home, "shop.example", "--beside", tmp_path / "page").stderr
