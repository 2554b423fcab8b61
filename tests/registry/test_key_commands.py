"""`pledgeway registry keys | record | root`: in one go, and by operators on other machines."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from node.command.registry import registry
from node.command.sim.cast import NOW_US
from proto.keys import KeyPurpose
from proto.registry_record import RegistryRecord
from registry.home import Home, create, load_keys, load_record
from tests.registry.serving import CONFIG

pytestmark = pytest.mark.edge

DAY_US = 86_400_000_000


@pytest.fixture(autouse=True)
def at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: NOW_US * 1000)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(registry, [str(argument) for argument in arguments])


def done(*arguments: object) -> dict[str, object]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, object] = json.loads(result.stdout)
    return answer


@pytest.fixture
def home(tmp_path: Path) -> Home:
    create(tmp_path / "r", CONFIG, 3, 2, NOW_US - DAY_US, os.urandom)
    return Home(tmp_path / "r")


def away(home: Home, how_many: int) -> list[Path]:
    """So many operators take their keys home."""
    offline = home.path.parent / "offline"
    offline.mkdir(exist_ok=True)
    moved = []
    for path in home.root_keys()[:how_many]:
        moved.append(Path(shutil.move(path, offline)))
    return moved


def states(home: Home) -> list[tuple[str, str]]:
    keys = done("keys", "list", home.path)["keys"]
    assert isinstance(keys, list)
    return [(k["purpose"], k["state"]) for k in keys]


def test_rotation_in_one_go(home: Home) -> None:
    before = load_keys(home, load_record(home.record), NOW_US)
    assert done("keys", "rotate", home.path, "--lead", "2d")["published"] is True
    record = load_record(home.record)
    assert record.sequence == 2
    assert states(home) == [
        ("statement", "signs"),
        ("statement", "to come"),
        ("log", "signs"),
        ("log", "to come"),
    ]
    assert len(load_keys(home, record, NOW_US).to_log) == 4, "logged before their first use"
    after = load_keys(home, record, NOW_US + 2 * DAY_US)
    assert before.statement.public == load_keys(home, record, NOW_US).statement.public
    assert {after.statement.public, after.log.public}.isdisjoint(
        {before.statement.public, before.log.public}
    )
    assert before.statement_at(NOW_US + 2 * DAY_US).public == before.statement.public
    until_us = after.ring.covered_until_us(KeyPurpose.STATEMENT, NOW_US)
    assert until_us == NOW_US + 402 * DAY_US, "from the first key's life to the end of the next"


def test_rotation_at_once_and_of_one_key(home: Home) -> None:
    done("keys", "rotate", home.path, "--purpose", "statement", "--now")
    assert states(home) == [
        ("statement", "followed by another"),
        ("statement", "signs"),
        ("log", "signs"),
    ]


def test_revocation_makes_a_successor_where_none_is_left(home: Home) -> None:
    record = load_record(home.record)
    first = record.statement_keys[0].key
    answer = done("keys", "revoke", home.path, first.hex()[:12])
    assert (answer["published"], answer["successor"], answer["at_us"]) == (True, True, NOW_US)
    record = load_record(home.record)
    assert record.revoked_from_us(first) == NOW_US
    assert load_keys(home, record, NOW_US + 1).statement.public != first
    second = load_keys(home, record, NOW_US + 1).statement.public
    done("keys", "rotate", home.path, "--purpose", "statement", "--now")
    answer = done("keys", "revoke", home.path, second.hex(), "--at", "2026-09-20T00:00:00Z")
    assert answer["successor"] is False, "another was in force"
    assert load_record(home.record).revoked_from_us(second) == 1_789_862_400_000_000
    shown = run("keys", "list", home.path).output
    assert shown.count("revoked") == 2 and shown.count("signs") == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("keys", "revoke", "R", "00"), "at least 8 digits"),
        (("keys", "revoke", "R", "00" * 32), "at least 8 digits of one key"),
        (("keys", "revoke", "R", "KEY", "--at", "yesterday"), "no time"),
        (("keys", "revoke", "R", "KEY", "--at", "2999-01-01"), "lies in the future"),
        (("keys", "list", "/nowhere"), "cannot be read"),
        (("keys", "rotate", "/nowhere"), "cannot be read"),
        (("record", "show", "/nowhere"), "cannot be read"),
        (("record", "sign", "R/registry.record", "--key", "x"), "registry.record"),
        (("root", "rotate", "R"), "name 1 to 16"),
        (("root", "rotate", "R", "--operator", "zz"), "64 hex digits"),
        (("root", "rotate", "R", "--new", "1", "--threshold", "2"), "more than 1 operators"),
    ],
)
def test_what_cannot_be_done(home: Home, arguments: tuple[str, ...], words: str) -> None:
    key = load_record(home.record).statement_keys[0].key.hex()
    before = home.record.read_bytes()
    filled = [a.replace("R", str(home.path)).replace("KEY", key) for a in arguments]
    result = run(*filled)
    assert result.exit_code in (1, 2)
    assert words in result.output
    assert result.output.count("\n") == 1 and "Traceback" not in result.output
    assert home.record.read_bytes() == before


def publish(home: Home, *files: Path) -> tuple[int, RegistryRecord]:
    result = run("record", "publish", home.path, *files)
    return result.exit_code, load_record(home.record)


def test_the_ceremony_of_two_operators_elsewhere(home: Home, tmp_path: Path) -> None:
    anna, ben, _ = away(home, 3)
    result = run("keys", "rotate", home.path)
    assert result.exit_code == 0 and "record sign" in result.output
    assert load_record(home.record).sequence == 1, "nothing is in force yet"
    drafts = []
    for key in (anna, ben):
        draft = tmp_path / f"{key.stem}.draft"
        draft.write_text(run("record", "draft", home.path).output)
        shown = run("record", "show", draft)
        assert load_record(home.record).registry.hex() in shown.output
        signed = run("record", "sign", draft, "--key", key)
        assert signed.exit_code == 0 and "Signed: key 3, key 4" in signed.output
        drafts.append(draft)
    status, record = publish(home, *drafts)
    assert (status, record.sequence) == (1, 1), "the record around the keys has no signature yet"
    for key in (anna, ben):
        signed = run("record", "sign", home.draft, "--key", key)
        assert "Signed: the record" in signed.output
    status, record = publish(home, home.draft)
    assert (status, record.sequence, len(record.statement_keys)) == (0, 2, 2)
    assert not home.draft.exists()
    status, record = publish(home, drafts[0])
    assert (status, record.sequence) == (1, 2), "a draft of the past is none"


def test_a_change_of_configuration_by_operators_elsewhere(home: Home, tmp_path: Path) -> None:
    anna, ben, _ = away(home, 3)
    text = home.config.read_text()
    home.config.write_text(text.replace('name = "test"', 'name = "renamed"'))
    draft = tmp_path / "next.draft"
    draft.write_text(run("record", "draft", home.path).output)
    assert done("record", "sign", draft, "--key", anna, "--key", ben)["missing"] == []
    status, record = publish(home, draft)
    assert (status, record.name) == (0, "renamed")


def test_new_operators_follow_the_old_ones(home: Home, tmp_path: Path) -> None:
    first = load_record(home.record)
    carla = tmp_path / "carla.key"
    public = run("root", "key", carla).output.strip()
    assert run("root", "key", carla).output.strip() == public, "a key that is there is shown"
    answer = done("root", "rotate", home.path, "--operator", public, "--new", "1")
    assert answer["published"] is False, "Carla signs elsewhere"
    done("record", "sign", home.draft, "--key", carla)
    status, record = publish(home, home.draft)
    assert status == 0 and record.replaces(first) and len(record.roots) == 2
    assert record.statement_keys == first.statement_keys
    # The keys of the former operators lie in root/ still: they are used no more.
    answer = done("keys", "rotate", home.path)
    assert answer["published"] is False
    done("record", "sign", home.draft, "--key", carla)
    assert publish(home, home.draft)[0] == 0


def groups(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if path or name in ("keys", "list", "record", "root"):
            yield (*path, name)
            if isinstance(command, click.Group):
                yield from groups(command, (*path, name))


@pytest.mark.parametrize("path", list(groups(registry)), ids=" ".join)
def test_help_teaches(path: tuple[str, ...]) -> None:
    text = run(*path, "--help").output
    assert f"pledgeway registry {' '.join(path)}" in text.split("Example", 1)[1]
    if len(path) > 1:
        assert "--json" in text


def test_lists_are_made_and_renewed(home: Home, tmp_path: Path) -> None:
    shared, key = tmp_path / "shared.list", tmp_path / "list.key"
    first = done("list", "make", shared, home.path, "--key", key)
    assert first["registries"] == [load_record(home.record).registry.hex()]
    assert first["sequence"] == 1 and first["expires_at_us"] == NOW_US + 365 * DAY_US
    second = done("list", "make", shared, home.record, "--key", key, "--lasts", "1d")
    assert (second["id"], second["sequence"]) == (first["id"], 2)
    assert done("list", "show", shared) == second
    other = run("list", "make", shared, home.path, "--key", tmp_path / "other.key")
    assert other.exit_code == 1 and "another owner" in other.output
    for arguments in (
        ("list", "show", key),
        ("list", "make", tmp_path / "x", tmp_path / "nowhere", "--key", key),
    ):
        assert run(*arguments).exit_code == 2
