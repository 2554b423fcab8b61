"""`pledgeway sim sale` as people type it."""

import json

import pytest
from click.testing import CliRunner

from node.command.sim import sim


def test_one_json_object_and_a_table_of_the_same() -> None:
    words = ["sale", "--seed", "4", "--seeds", "1", "--workers", "1"]
    answer = json.loads(CliRunner().invoke(sim, [*words, "--json"]).stdout)
    assert answer["sound"] is True and answer["honest_losses"] == 0 and answer["subsets"] == 1
    told = CliRunner().invoke(sim, words)
    assert told.exit_code == 0 and not told.stderr
    assert answer["trace"] in told.stdout
    assert "Nobody honest lost more than he can" in told.stdout


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--seeds", "0"), "seeds"),
        (("--place", "Ned"), "--sweep"),
        (("--sweep", "--place", "Nobody"), "Nobody"),
    ],
)
def test_unusable_input_is_named(words: tuple[str, ...], names: str) -> None:
    result = CliRunner().invoke(sim, ["sale", *words])
    assert result.exit_code == 2 and not result.stdout
    assert names in result.stderr and "Traceback" not in result.stderr
