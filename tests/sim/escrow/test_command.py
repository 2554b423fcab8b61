"""`pledgeway sim escrow` as people type it."""

import json

import pytest
from click.testing import CliRunner

from node.command.sim import sim


def test_a_table_of_cases() -> None:
    words = ["escrow", "--case", "gift", "--case", "deed parcel", "--seeds", "2", "--workers", "1"]
    told = CliRunner().invoke(sim, words)
    assert told.exit_code == 0 and not told.stderr
    assert "deed parcel" in told.stdout and "honest losses" in told.stdout
    assert "0 honest losses, and everything ended, in 4 of 4 schedules." in told.stdout


def test_one_json_object() -> None:
    words = ["escrow", "--case", "gift", "--seeds", "1", "--workers", "1", "--json"]
    answer = json.loads(CliRunner().invoke(sim, words).stdout)
    assert answer["sound"] is True and answer["seeds"] == 1
    assert [row["honest_losses"] for row in answer["cases"]] == [0]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--case", "gif"), "gif"),
        (("--seeds", "0"), "seeds"),
        (("--sweep", "--case", "gift"), "--case"),
    ],
)
def test_unusable_input_is_named(words: tuple[str, ...], names: str) -> None:
    result = CliRunner().invoke(sim, ["escrow", *words])
    assert result.exit_code == 2 and not result.stdout
    assert names in result.stderr and "Traceback" not in result.stderr
