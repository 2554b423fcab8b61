"""What commands of `pledgeway sim` are told alike: the options, and how far each may go."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

MAX_SEED: Final = 2**31
MAX_SEEDS: Final = 1_000_000  # a week of runs
MAX_WORKERS: Final = 64
SHOWN_FAILURES: Final = 5  # of many seeds: the first ones tell what the others would


def seed_option(of: str, least: int = 0) -> Callable[[Command], Command]:
    """`--seed`, no smaller than `least`. `of`: what is drawn from it."""
    return click.option(
        "--seed", type=click.IntRange(least, MAX_SEED), default=1, show_default=True,
        help=f"Of {of}.",
    )  # fmt: skip


def seeds_option(default: int, more: str = ".") -> Callable[[Command], Command]:
    """`--seeds`, as `count`. `more`: what is to be said of so many runs, with its punctuation."""
    return click.option(
        "--seeds", "count", type=click.IntRange(1, MAX_SEEDS), default=default, show_default=True,
        help=f"Runs, of this seed and the ones after it{more}",
    )  # fmt: skip


def workers_option(shared: str) -> Callable[[Command], Command]:
    """`--workers`, None where one is wanted for each core. `shared`: by the processes."""
    return click.option(
        "--workers", type=click.IntRange(1, MAX_WORKERS), default=None,
        help=f"Processes that share {shared}.  [default: one for each core]",
    )  # fmt: skip


def sweep_option(of: str) -> Callable[[Command], Command]:
    """`--sweep`, as `sweeps`. `of`: what is crashed, at what."""
    return click.option(
        "--sweep", "sweeps", is_flag=True, help=f"Instead: crash every process at every {of}."
    )


def events_option(shown: str) -> Callable[[Command], Command]:
    """`--events`. `shown`: what it shows."""
    return click.option("--events", is_flag=True, help=f"Show {shown}.")


def json_option() -> Callable[[Command], Command]:
    """`--json`, as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object.")
