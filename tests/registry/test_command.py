"""`pledgeway registry`: init, run, status, as an operator meets them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.command.registry import registry
from proto.registry_record import read_record
from registry.config import read_config
from tests.processes import end, ready

ANY = ["--listen", "127.0.0.1:0", "--archive", "127.0.0.1:0"]
RUN = "import sys; from node.command.registry import registry; registry(sys.argv[1:])"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(registry, [str(a) for a in arguments])


@contextmanager
def running(home: Path) -> Iterator[dict[str, str]]:
    """`registry run` in a process of its own; gives the words of its ready line."""
    with ready("-c", RUN, "run", str(home)) as (process, words):
        yield words
        end(process, 3)


def test_every_command_teaches_with_an_example() -> None:
    for command in ("init", "run", "status"):
        result = run(command, "--help")
        assert result.exit_code == 0
        assert f"pledgeway registry {command}" in result.output


def test_a_public_registry_is_founded_in_one_go(tmp_path: Path) -> None:
    """Its log bears the public name from the first entry: it could not be renamed later."""
    home = tmp_path / "r"
    shown = (
        "--public-listen",
        "harbour.example:7443",
        "--public-archive",
        "https://harbour.example/",
    )
    assert run("init", home, "--clock", "chrony", *shown).exit_code == 0
    record = read_record((home / "registry.record").read_bytes())
    assert record.grpc_target == "harbour.example:7443"
    assert record.archive_url == "https://harbour.example/commit/%s"
    assert record.log_origin == f"harbour.example/{record.registry.hex()[:16]}"
    config = read_config(home / "config.toml")
    assert (config.public_listen, config.clock_source) == ("harbour.example:7443", "chrony")
    for url in ("harbour.example", "https://a b", "https://" + "a" * 255):
        result = run("init", tmp_path / "no", "--public-archive", url)
        assert result.exit_code == 2 and "--public-archive" in result.stderr
    assert not (tmp_path / "no").exists()


def test_init_says_what_it_made(tmp_path: Path) -> None:
    home = tmp_path / "r"
    result = run("init", home, "--name", "Harbour", "--operators", "3", "--threshold", "2")
    assert result.exit_code == 0, result.output
    record = read_record((home / "registry.record").read_bytes())
    assert record.name == "Harbour"
    for part in (record.registry.hex(), str(home / "registry.record"), "offline", "operator-3.key"):
        assert part in result.output
    again = run("init", home)
    assert again.exit_code == 1
    assert again.stderr == f"pledgeway: {home}: exists already, and is left as it is\n"
    assert read_record((home / "registry.record").read_bytes()) == record


def test_init_as_json(tmp_path: Path) -> None:
    answer = json.loads(run("init", tmp_path / "r", "--operators", "3", "--json").output)
    record = read_record(Path(answer["record"]).read_bytes())
    assert answer["registry"] == record.registry.hex()
    assert answer["threshold"] == 2, "more than half"
    assert len(answer["root_keys"]) == 3


@pytest.mark.parametrize(
    "options",
    [
        ["--operators", "2", "--threshold", "3"],
        ["--operators", "0"],
        ["--operators", "17"],
        ["--listen", "7443"],
        ["--name", "a\nb"],
        ["--name", ""],
    ],
)
def test_init_refuses_nonsense(tmp_path: Path, options: list[str]) -> None:
    assert run("init", tmp_path / "r", *options).exit_code == 2
    assert not (tmp_path / "r").exists()


def test_run_without_a_registry(tmp_path: Path) -> None:
    result = run("run", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"pledgeway: {tmp_path}/config.toml: cannot be read")


@pytest.mark.parametrize("content", [None, b"nonsense"])
def test_status_of_nothing(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "some.record"
    if content is not None:
        path.write_bytes(content)
    result = run("status", path)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"pledgeway: {path}: ")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://", "https://[", "http://x:99999"])
def test_status_where_nobody_answers(url: str) -> None:
    result = run("status", url)
    assert result.exit_code == 1
    assert result.stderr == f"pledgeway: {url.rstrip('/')}: no registry answers there\n"


@pytest.mark.edge
@pytest.mark.e2e
def test_run_and_status(tmp_path: Path) -> None:
    home = tmp_path / "r"
    assert run("init", home, "--name", "Harbour", *ANY).exit_code == 0
    assert run("status", home).exit_code == 1, "it does not run yet"
    with running(home) as words:
        assert read_record((home / "registry.record").read_bytes()).grpc_target == words["grpc"]
        for target in (home, home / "registry.record", words["archive"]):
            shown = run("status", target)
            assert shown.exit_code == 0, shown.output
            assert "deciding" in shown.output
            assert "50.0 ms" in shown.output
        health = json.loads(run("status", home, "--json").output)
        assert health["registry"] == words["registry"]
        assert (health["ok"], health["decisions"], health["log_entries"]) == (True, 0, 3)
    down = run("status", home, "--json")
    assert down.exit_code == 1
    assert json.loads(down.stdout)["reachable"] is False
    with running(home) as again:
        assert again == words, "a restart keeps its addresses"


@pytest.mark.edge
@pytest.mark.e2e
def test_an_unusable_clock_is_plain_to_see(tmp_path: Path) -> None:
    home = tmp_path / "r"
    run("init", home, *ANY)
    config = home / "config.toml"
    config.write_text(config.read_text().replace('source = "declared"', 'source = "chrony"'))
    path = tmp_path / "bin"
    path.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(path))  # no chronyc here
        with subprocess.Popen(
            [sys.executable, "-c", RUN, "run", str(home)], stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline().startswith("ready")
                result = run("status", home)
                assert result.exit_code == 1
                assert "NOT deciding" in result.output
            finally:
                process.kill()
