"""How long the state machines run: a fixed walk in the suite, any number of others by option.

    MACHINE_EXAMPLES=2000 python -m pytest -k Machine

runs each of them that often, from another seed every time; a failure is shrunk and printed.
"""

import os
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

WANTED: Final = int(os.environ.get("MACHINE_EXAMPLES", "0"))
by_option = pytest.mark.skipif(not WANTED, reason="planted bugs: with MACHINE_EXAMPLES=500")
"""Of tests that show a machine failing on a planted bug, where that takes it many seconds."""


def profile(examples: int, steps: int) -> settings:
    """The same in every run of the suite, so that a red one is red again."""
    return settings(
        max_examples=WANTED or examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=not WANTED,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def caught_by(machine: type[RuleBasedStateMachine], examples: int, steps: int) -> bool:
    """Whether the machine fails: for those who have planted a bug. Nothing is shrunk."""
    quick = settings(profile(examples, steps), phases=(Phase.generate,))
    try:
        run_state_machine_as_test(machine, settings=quick)
    except AssertionError:
        return True
    return False
