"""How commands end where there is no answer, or it is a no: status, one line, and JSON."""

import json
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.command.__main__ import main
from node.command.exit_status import UNKNOWN
from node.command.session import CONTROL_SOCKET, NoAnswer, Session
from runtime.rpc_server import MAX_SOCKET_PATH_BYTES as SERVER_LIMIT
from tests.node.command.conftest import FakeNode, start_fake

pytestmark = pytest.mark.edge


def status_of(directory: Path, *more: str, **env: str | None) -> Result:
    args = ["node", "status", "--node", str(directory), *more]
    return CliRunner().invoke(main, args, env=env)


def assert_ended(result: Result, status: int, line: str) -> None:
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr == f"pledgeway: {line}\n"


def test_no_node_is_running(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    line = f"no node is running in {tmp_path}: start it with `pledgeway node run {tmp_path}`"
    assert_ended(status_of(tmp_path), 2, line)


def test_the_next_step_can_be_pasted(tmp_path: Path) -> None:
    directory = tmp_path / "my node"
    directory.mkdir()
    (directory / "config.toml").write_text("")
    assert f"`pledgeway node run '{directory}'`" in status_of(directory).stderr


def test_no_node_is_there(tmp_path: Path) -> None:
    result = status_of(tmp_path / "nowhere")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"pledgeway: no node is running in {tmp_path}/nowhere: ")
    assert "pledgeway node init" in result.stderr


def test_a_socket_that_a_crash_left_behind(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / CONTROL_SOCKET))
    left.close()
    line = f"no node is running in {tmp_path}: start it with `pledgeway node run {tmp_path}`"
    assert_ended(status_of(tmp_path), 2, line)


def test_json_where_there_is_no_node(tmp_path: Path) -> None:
    result = status_of(tmp_path, "--json")
    assert result.exit_code == 2
    failure = json.loads(result.stdout)["failure"]
    assert failure["code"] == "NO_NODE"
    assert failure["message"] == f"no node is running in {tmp_path}"
    assert len(result.stderr.splitlines()) == 1


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    directory = tmp_path / ("x" * 120)
    directory.mkdir()
    result = status_of(directory)
    assert result.exit_code == 2
    assert "at most 107 bytes" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    made = CliRunner().invoke(main, ["node", "init", str(tmp_path / ("y" * 120))])
    assert made.exit_code == 2
    assert "at most 107 bytes" in made.stderr
    assert not (tmp_path / ("y" * 120)).exists()


def test_the_limit_is_the_servers() -> None:
    from node.command.session import MAX_SOCKET_PATH_BYTES

    assert MAX_SOCKET_PATH_BYTES == SERVER_LIMIT


def test_a_short_name_for_a_long_path_helps(fake: FakeNode, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(fake.directory)
    assert status_of(link).exit_code == 0


def test_the_socket_belongs_to_its_owner(fake: FakeNode) -> None:
    mode = (fake.directory / CONTROL_SOCKET).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) & 0o077 == 0
    assert stat.S_IMODE(fake.directory.stat().st_mode) == 0o700


def test_which_node(fake: FakeNode, tmp_path: Path) -> None:
    """--node, else the environment, else a place below the home directory."""
    elsewhere = {"PLEDGEWAY_NODE": str(tmp_path / "elsewhere")}
    assert status_of(fake.directory, **elsewhere).exit_code == 0
    runner = CliRunner()
    by_env = runner.invoke(main, ["balance"], env={"PLEDGEWAY_NODE": str(fake.directory)})
    assert by_env.exit_code == 0
    nowhere = runner.invoke(main, ["balance"], env={"PLEDGEWAY_NODE": None, "HOME": str(tmp_path)})
    assert f"no node is running in {tmp_path}/.pledgeway/node: " in nowhere.stderr
    (tmp_path / ".pledgeway").mkdir()
    (tmp_path / ".pledgeway" / "node").symlink_to(fake.directory)
    home = {"PLEDGEWAY_NODE": None, "HOME": str(tmp_path)}
    assert runner.invoke(main, ["balance"], env=home).exit_code == 0
    tilde = {"PLEDGEWAY_NODE": "~/.pledgeway/node", "HOME": str(tmp_path)}
    assert runner.invoke(main, ["balance"], env=tilde).exit_code == 0


FAILURES: list[tuple[dict[str, Any], int, str]] = [
    (
        {"code": "CREDIT_SHORT", "figure": 350},
        1,
        "the line is short by 350 units: ask for less or have the limit raised",
    ),
    (
        {"code": "CREDIT_SHORT", "message": "Bob/USD is short by 350 USD", "figure": 350},
        1,
        "Bob/USD is short by 350 USD: ask for less or have the limit raised",
    ),
    (
        {"code": "BAD_ARGUMENT", "message": "limit: must lie between 0 and 9"},
        2,
        "limit: must lie between 0 and 9",
    ),
    (
        {"code": "NOT_FOUND", "message": "no line is called 'x'", "next_step": "see y"},
        1,
        "no line is called 'x': see y",
    ),
    ({"code": "SOMETHING_NEW"}, 1, "SOMETHING_NEW"),
    ({"code": "X", "message": "two\nlines\x1b[31m"}, 1, "two\ufffdlines\ufffd[31m"),
]


@pytest.mark.parametrize(("failure", "status", "line"), FAILURES, ids=lambda v: str(v)[:30])
def test_a_no(fake: FakeNode, failure: dict[str, Any], status: int, line: str) -> None:
    fake.says("status", {"failure": failure})
    assert_ended(fake.run("node", "status"), status, line)
    result = fake.run("node", "status", "--json")
    assert result.exit_code == status
    told = json.loads(result.stdout)["failure"]
    assert told["code"] == failure["code"]
    assert told["figure"] == failure.get("figure", 0)
    assert told["message"]


@pytest.mark.parametrize("raw", ["", "[]", "nonsense", '"text"', "[" * 10_000])
def test_an_answer_that_is_none(fake: FakeNode, raw: str) -> None:
    fake.says("status", {"raw": raw})
    result = fake.run("node", "status")
    assert_ended(result, 3, "the node's answer is no JSON object: update the node")


def test_a_verb_that_the_node_does_not_have(fake: FakeNode) -> None:
    # The fake fails on a verb without replies as a node does where its handler raises.
    (fake.directory / "replies.json").write_text("{}")
    result = fake.run("node", "status")
    assert result.exit_code == 3
    assert "the node failed to answer" in result.stderr


def test_a_node_that_does_not_answer(fake: FakeNode) -> None:
    fake.says("status", {"hang": True})
    with pytest.raises(NoAnswer, match="did not answer in time") as caught:
        Session(fake.directory, as_json=False).try_ask("status", {}, timeout_s=0.2)
    assert caught.value.status == UNKNOWN


@pytest.mark.parametrize("args", [["node", "status"], ["pay", "pledgeway-request:abc"]])
def test_a_node_that_goes_away_in_the_middle(tmp_path: Path, args: list[str]) -> None:
    directory = tmp_path / "n"
    directory.mkdir(mode=0o700)
    assert len(os.fsencode(directory)) < 90
    process = start_fake(directory)
    fake = FakeNode(directory, process)
    try:
        fake.says("pay" if "pay" in args else "status", {"leave": True})
        result = fake.run(*args)
    finally:
        process.communicate("", timeout=60)
    assert process.returncode == 7
    assert result.exit_code == 3
    assert "the node went away before it answered" in result.stderr
    assert len(result.stderr.splitlines()) == 1
