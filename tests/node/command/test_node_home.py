"""`node init` and `node run`: a node's directory, whole or not at all."""

import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.command.__main__ import main
from node.config import CONFIG_NAME, NodeConfig, read_config
from runtime.identity import load_identity

pytestmark = pytest.mark.edge


def init(*args: str, **env: str | None) -> Result:
    return CliRunner().invoke(main, ["node", "init", *args], env={"PLEDGEWAY_NODE": None, **env})


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["node", "run", *args])


def test_a_new_node(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "alice"
    result = init(str(directory), "--alias", "Alice", "--listen", "127.0.0.1:7001")
    assert result.exit_code == 0, result.output
    identity = load_identity(directory)
    assert read_config(directory / CONFIG_NAME) == NodeConfig("Alice", listen="127.0.0.1:7001")
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert identity.node.hex() in result.stdout
    assert f"pledgeway node run {directory}" in result.stdout
    assert identity.key.seed.hex() not in result.stdout
    assert [path.name for path in directory.parent.iterdir()] == ["alice"]


def test_json(tmp_path: Path) -> None:
    result = init(str(tmp_path / "n"), "--json", "--address", "alice.example:1")
    assert result.exit_code == 0
    made = json.loads(result.stdout)
    assert made == {
        "node": load_identity(tmp_path / "n").node.hex(),
        "alias": made["node"][:8],
        "address": "alice.example:1",
        "service": "",
        "directory": str(tmp_path / "n"),
    }


def test_a_place_for_exchanges(tmp_path: Path) -> None:
    made = init(str(tmp_path / "n"), "--service", "127.0.0.1:7101", "--json")
    assert json.loads(made.stdout)["service"] == "127.0.0.1:7101"
    assert read_config(tmp_path / "n" / "config.toml").service_listen == "127.0.0.1:7101"
    assert "127.0.0.1:7101" in init(str(tmp_path / "m"), "--service", "127.0.0.1:7101").stdout
    assert "see [escrow]" in init(str(tmp_path / "o")).stdout


@pytest.mark.parametrize("place", ["nonsense", "0.0.0.0:7101", "host:"])
def test_a_place_where_nobody_could_call_is_refused(tmp_path: Path, place: str) -> None:
    result = init(str(tmp_path / "n"), "--service", place)
    assert result.exit_code == 2 and result.stderr.startswith("pledgeway: --service: ")
    assert not (tmp_path / "n").exists()


def test_two_nodes_differ(tmp_path: Path) -> None:
    assert init(str(tmp_path / "a")).exit_code == init(str(tmp_path / "b")).exit_code == 0
    assert load_identity(tmp_path / "a").node != load_identity(tmp_path / "b").node


def test_the_directory_may_come_from_the_environment(tmp_path: Path) -> None:
    assert init(PLEDGEWAY_NODE=str(tmp_path / "n")).exit_code == 0
    load_identity(tmp_path / "n")
    assert init(HOME=str(tmp_path)).exit_code == 0
    load_identity(tmp_path / ".pledgeway" / "node")


def test_an_empty_directory_will_do(tmp_path: Path) -> None:
    (tmp_path / "n").mkdir(mode=0o755)
    assert init(str(tmp_path / "n")).exit_code == 0
    assert stat.S_IMODE((tmp_path / "n").stat().st_mode) == 0o700


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "n").mkdir()
    (tmp_path / "n" / "x").write_text("precious")
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "n")
    for name in ("n", "file", "link"):
        result = init(str(tmp_path / name))
        assert result.exit_code == 1
        assert "exists already, and is left as it is" in result.stderr
    assert [path.name for path in (tmp_path / "n").iterdir()] == ["x"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link", "n"]


@pytest.mark.parametrize(
    ("args", "cause"),
    [
        (["--alias", "a/b"], "--alias: must not contain '/'"),
        (["--alias", "a\nb"], "--alias: must be printable"),
        (["--alias", "a" * 65], "--alias: must be"),
        (["--listen", "7001"], "--listen: must be HOST:PORT"),
        (["--listen", "0.0.0.0:7001"], "--address: missing: nobody can dial 0.0.0.0"),
        (["--address", "host:0"], "--address: nobody can dial port 0"),
    ],
)
def test_bad_options_make_nothing(tmp_path: Path, args: list[str], cause: str) -> None:
    result = init(str(tmp_path / "n"), *args)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"pledgeway: {cause}")
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_not_where_the_shell_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = init(".")
    assert result.exit_code == 2
    assert "is where you are" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("node.command.node_home.write_config", full)
    result = init(str(tmp_path / "n"))
    assert result.exit_code == 1
    assert "No space left on device" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_run_needs_a_node(tmp_path: Path) -> None:
    result = run(str(tmp_path / "n"))
    assert result.exit_code == 2
    assert f"make one with `pledgeway node init {tmp_path / 'n'}`" in result.stderr


def test_run_refuses_an_open_directory(tmp_path: Path) -> None:
    init(str(tmp_path / "n"))
    (tmp_path / "n").chmod(0o750)
    result = run(str(tmp_path / "n"))
    assert result.exit_code == 2
    assert "chmod 700" in result.stderr


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (lambda n: (n / CONFIG_NAME).write_text("alias = 3"), "config.toml: alias: must be"),
        (lambda n: (n / "seal.key").chmod(0o644), "seal.key: others"),
        (lambda n: (n / "identity.key").unlink(), "identity.key: cannot be read"),
    ],
)
def test_run_says_what_is_wrong_in_one_line(tmp_path: Path, damage: object, cause: str) -> None:
    init(str(tmp_path / "n"))
    assert callable(damage)
    damage(tmp_path / "n")
    result = run(str(tmp_path / "n"))
    assert result.exit_code == 2, result.output
    assert cause in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_only_the_owner_can_read_what_is_made(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        init(str(tmp_path / "n"))
    finally:
        os.umask(before)
    load_identity(tmp_path / "n")
