"""`pledgeway witness`: what it teaches, what it makes, what it refuses in one line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.command.witness import witness
from proto.note import COSIGNATURE, NoteKey
from registry.config import ConfigFault
from registry.witness.config import WitnessConfig, config_text, read_config
from registry.witness.home import WitnessHome
from tests.registry.witness.cases import GrowingLog, record_of

NAME = ("--name", "witness.example/w")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(witness, [str(a) for a in arguments])


def test_every_command_teaches_with_an_example() -> None:
    for command in ("init", "run", "status", "add-log", "logs"):
        result = run(command, "--help")
        assert result.exit_code == 0
        assert f"pledgeway witness {command}" in result.output


def test_init_says_what_it_made_and_overwrites_nothing(tmp_path: Path) -> None:
    made = json.loads(run("init", tmp_path / "w", *NAME, "--json").output)
    key = NoteKey.decode(made["key"])
    assert (key.name, key.algorithm) == ("witness.example/w", COSIGNATURE)
    home = WitnessHome(tmp_path / "w")
    assert home.key.stat().st_mode & 0o777 == 0o600
    before = home.key.read_bytes()
    again = run("init", tmp_path / "w", *NAME)
    assert again.exit_code == 1
    assert again.stderr == f"pledgeway: {tmp_path / 'w'}: exists already, and is left as it is\n"
    assert home.key.read_bytes() == before
    assert key.encode() not in run("init", tmp_path / "v", *NAME).output


@pytest.mark.parametrize(
    "options",
    [
        ["--name", "with space"],
        ["--name", "a+b"],
        ["--name", ""],
        [*NAME, "--listen", "nowhere"],
        [*NAME, "--public-url", "witness.example"],
    ],
)
def test_init_refuses(tmp_path: Path, options: list[str]) -> None:
    result = run("init", tmp_path / "w", *options)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "w").exists()


def test_logs_are_added_and_listed(tmp_path: Path) -> None:
    run("init", tmp_path / "w", *NAME)
    assert "add-log" in run("logs", tmp_path / "w").output
    record = tmp_path / "record"
    record.write_bytes(record_of(GrowingLog()))
    added = json.loads(run("add-log", tmp_path / "w", record, "--json").output)
    assert added["log_origin"] == "example.net/harbour"
    assert added["registry"] in run("logs", tmp_path / "w").output
    record.write_bytes(b"nothing of the kind")
    refused = run("add-log", tmp_path / "w", record)
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    elsewhere = run("add-log", tmp_path, record)
    assert (elsewhere.exit_code, elsewhere.stderr.count("\n")) == (2, 1)


def test_the_written_configuration_reads_as_what_it_says(tmp_path: Path) -> None:
    for config in (
        WitnessConfig("w", "127.0.0.1:0"),
        WitnessConfig('the"w\\', "127.0.0.1:0"),
        WitnessConfig("w", "[::1]:1", "https://w.example", "x.sqlite", "chrony", 1000, 2000, 7),
    ):
        (tmp_path / "c").write_text(config_text(config))
        assert read_config(tmp_path / "c") == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "name: missing"),
        ('name = "w"', "listen: missing"),
        ('name = "a b"\nlisten = "h:1"', "name: must be"),
        ('name = "w"\nlisten = "h"', "listen: 'h' is not HOST:PORT"),
        ('name = "w"\nlisten = "h:1"\ncolour = 1', "colour: unknown key"),
        ('name = "w"\nlisten = "h:1"\n[clock]\nsource = "sun"', "clock.source: must be"),
        ('name = "w"\nlisten = "h:1"\n[clock]\ndeclared_error_ms = 1001', "above max_error_ms"),
        ('name = "w"\nlisten = "h:1"\n[limits]\nrequests_per_s = 0', "a whole number from 1"),
        ('name = "w"\nlisten = "h:1"\n[limits]\nrequests_per_s = true', "a whole number from 1"),
        ('name = "w"\nlisten = "h:1"\ndatabase = 3', "database: must be a text"),
        ("name = ", "not TOML"),
    ],
)
def test_a_configuration_that_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "c").write_text(text)
    with pytest.raises(ConfigFault, match="c: ") as caught:
        read_config(tmp_path / "c")
    assert words in str(caught.value)
