"""Virtual time, and one trace for one seed."""

import random
import subprocess
import sys

import trio

from runtime.clock import FakeClock, SystemClock
from runtime.seeded import run_seeded


async def race(rng: random.Random) -> list[int]:
    order: list[int] = []

    async def runner(number: int) -> None:
        for _ in range(3):
            await trio.sleep(rng.choice((0, 1, 1)))
            order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(12):
            nursery.start_soon(runner, number)
    return order


def test_one_seed_gives_one_trace_and_others_give_others() -> None:
    traces = {tuple(run_seeded(7, race)) for _ in range(3)}
    assert len(traces) == 1
    assert len({tuple(run_seeded(seed, race)) for seed in range(5)}) == 5


def test_the_trace_is_the_same_in_another_process() -> None:
    program = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from runtime.seeded import run_seeded\n"
        "from test_seeded import race\n"
        "print(run_seeded(7, race))"
    )
    command = [sys.executable, "-c", program, *_paths()]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str(run_seeded(7, race))


def _paths() -> list[str]:
    from pathlib import Path

    here = Path(__file__).parent
    return [str(here), str(here.parent.parent)]


def test_virtual_time_costs_none() -> None:
    async def wait_a_day(_: random.Random) -> float:
        await trio.sleep(86_400)
        return trio.current_time()

    assert run_seeded(1, wait_a_day) >= 86_400


def test_a_fake_clock_moves_only_when_told() -> None:
    clock = FakeClock(1_000)
    clock.advance(5)
    assert (clock.now_us(), clock.monotonic_us()) == (1_005, 5)
    clock.set_now(10)
    assert (clock.now_us(), clock.monotonic_us()) == (10, 5)
    clock.set_error(7)
    assert clock.error_us() == 7


def test_the_system_clock_tells_microseconds_and_its_declared_error() -> None:
    clock = SystemClock(500_000)
    assert clock.error_us() == 500_000
    assert clock.now_us() > 1_700_000_000_000_000
    first = clock.monotonic_us()
    assert clock.monotonic_us() >= first
