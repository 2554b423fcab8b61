"""`pledgeway bench gossip`, small: what it prints, and that a seed repeats it."""

import json

import click.testing

from node.command.__main__ import main


def bench(*words: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(main, ["bench", "gossip", *words])


def test_what_is_said_is_counted_and_repeats() -> None:
    words = ("--adverts", "300", "--differences", "0", "--differences", "30", "--json")
    one, other = (json.loads(bench(*words).stdout) for _ in range(2))
    for measured in (one, other):
        for run in measured["compared"]:
            assert run.pop("cpu_ms") >= 0
    assert one["compared"] == other["compared"]
    nothing, some = one["compared"]
    assert (nothing["adverts"], nothing["advert_bytes"], nothing["turns"]) == (0, 0, 1)
    assert nothing["question_bytes"] < 64 < nothing["everything_bytes"]
    assert (some["adverts"], some["differences"]) == (30, 30)
    assert some["everything_bytes"] > 2 * 300 * 200
    assert one["keep_us"] > 0 and one["verify_us"] > 0


def test_it_is_told_to_people_too() -> None:
    done = bench("--adverts", "40", "--differences", "3")
    assert done.exit_code == 0
    assert "to verify one" in done.stdout and "asked, bytes" in done.stdout


def test_more_differences_than_adverts_are_unusable() -> None:
    done = bench("--adverts", "5", "--differences", "6")
    assert done.exit_code == 2
    assert done.stderr.splitlines() == ["pledgeway: --differences 6: there are 5 adverts"]
