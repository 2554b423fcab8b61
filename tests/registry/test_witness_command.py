"""Naming witnesses: what an operator wrote stays, and what is wrong is told before it counts."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.command import registry_witness as room
from node.command.witness import witness
from proto.registry_record import read_record
from registry.config import read_config
from tests.command_line import good, no

pytestmark = pytest.mark.edge

WORDS = "# The second shift knows why it is seven.\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "r"
    good("init", made, "--operators", "3")
    (made / "config.toml").write_text(WORDS + (made / "config.toml").read_text())
    return made


@pytest.fixture
def keys(tmp_path: Path) -> list[str]:
    made = []
    for name in ("a", "b", "c"):
        command = ["init", str(tmp_path / name), "--name", f"{name}.example/w", "--json"]
        made.append(json.loads(CliRunner().invoke(witness, command).stdout)["key"])
    return made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, dict[str, object]]]:
    """What answers at which address; nobody at any other."""
    answers: dict[str, dict[str, object]] = {}
    monkeypatch.setattr(room, "ask_witness", answers.get)
    yield answers


def test_every_command_teaches_with_an_example() -> None:
    assert "pledgeway registry witness add" in good("witness", "--help")
    for name in ("add", "list", "drop"):
        text = good("witness", name, "--help")
        assert f"pledgeway registry witness {name}" in text and "Exit status" in text


def test_three_are_added_and_one_is_dropped(
    home: Path, keys: list[str], asked: dict[str, object]
) -> None:
    config = home / "config.toml"
    config.chmod(0o640)
    before = config.read_text()
    for key in keys:
        said = good("witness", "add", home, key)
        assert "Nobody answers" in said and "witness add-log" in said
        assert "the next start of the registry signs a new one" in said
    found = read_config(config)
    assert [w.key.encode() for w in found.witnesses] == keys
    assert [w.url for w in found.witnesses] == [f"https://{x}.example" for x in "abc"]
    assert found.witness_quorum == 2, "more than half"
    assert config.read_text().startswith(before.rstrip()), "the rest stays as it was written"
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    listed = json.loads(good("witness", "list", home, "--json"))
    assert listed["quorum"] == 2 and not listed["signed"]
    assert [w["signed"] for w in listed["witnesses"]] == [False] * 3
    assert "not yet" in good("witness", "list", home)
    good("witness", "drop", home, "b.example/w")
    assert [w.key.encode() for w in read_config(config).witnesses] == [keys[0], keys[2]]
    good("witness", "drop", home, keys[0])
    good("witness", "drop", home, keys[2])
    assert read_config(config).witnesses == ()
    assert json.loads(good("witness", "list", home, "--json"))["signed"], "as in the beginning"
    assert "None" in good("witness", "list", home)
    assert {path.name for path in home.iterdir()} == {
        *("config.toml", "keys", "members", "registry.record", "root")
    }


def test_without_root_keys_the_next_step_is_a_draft(home: Path, keys: list[str]) -> None:
    """And the draft that operators sign names the witness."""
    good("witness", "add", home, keys[0], "--offline")
    sticks = [key.rename(home.parent / key.name) for key in sorted((home / "root").iterdir())]
    assert f"registry record draft {home} > next.draft" in good("witness", "list", home)
    draft = home.parent / "next.draft"
    draft.write_text(good("record", "draft", home))
    good("record", "sign", draft, "--key", sticks[0], "--key", sticks[2])
    good("record", "publish", home, draft)
    record = read_record((home / "registry.record").read_bytes())
    assert [w.key.encode() for w in record.witnesses] == keys[:1]
    assert record.witness_quorum == 1
    assert json.loads(good("witness", "list", home, "--json"))["signed"]


def test_what_answers_at_the_address(
    home: Path, keys: list[str], asked: dict[str, dict[str, object]]
) -> None:
    record = read_record((home / "registry.record").read_bytes())
    asked["http://w"] = {"key": keys[0], "logs": [{"registry": record.registry.hex()}, 7]}
    asked["http://new"] = {"key": keys[1], "logs": None}
    said = good("witness", "add", home, keys[0], "--url", "http://w/")
    assert "add-log" not in said and "Nobody" not in said, "it knows this registry"
    assert "add-log" in good("witness", "add", home, keys[1], "--url", "http://new")
    told = no(1, "witness", "add", home, keys[2], "--url", "http://w")
    assert "another key" in told and keys[0] in told
    assert len(read_config(home / "config.toml").witnesses) == 2
    good("witness", "add", home, keys[1], "--url", "http://other", "--quorum", "1")
    found = read_config(home / "config.toml")
    assert [w.url for w in found.witnesses] == ["http://w", "http://other"], "one of each name"
    assert found.witness_quorum == 1


def test_what_is_wrong_changes_nothing(
    home: Path, keys: list[str], asked: dict[str, object]
) -> None:
    config = home / "config.toml"
    good("witness", "add", home, keys[0])
    before = config.read_bytes()
    mistyped = keys[1].replace("b.example", "d.example")
    assert "mistyped" in no(2, "witness", "add", home, mistyped)
    assert "http" in no(2, "witness", "add", home, keys[1], "--url", "ftp://x")
    told = no(1, "witness", "add", home, keys[1], "--quorum", "3")
    assert f"{config}: log.quorum" in told and "draft" not in told
    assert "no witness 'b.example/w'" in no(1, "witness", "drop", home, "b.example/w")
    assert "registry.record" in no(2, "witness", "list", home.parent)
    assert config.read_bytes() == before
    config.write_text("nonsense")
    assert str(config) in no(1, "witness", "add", home, keys[1])
    assert config.read_text() == "nonsense"
