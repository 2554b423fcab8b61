"""A word to whoever waits: on a terminal, after a while, and gone when the work is done."""

import io
import sys
import threading

import pytest

from node.command import waiting as waiting_room
from node.command.waiting import waiting

pytestmark = pytest.mark.edge


class Terminal(io.StringIO):
    """Standard error as a terminal has it; `said` is set at the first word."""

    def __init__(self) -> None:
        super().__init__()
        self.said = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if "reading" in text:
            self.said.set()
        return super().write(text)


def test_long_work_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(waiting_room, "PATIENCE_S", 0)
    with waiting("reading\x1b[31m net.json"):
        assert terminal.said.wait(timeout=60)
    assert "\x1b[31m" not in terminal.getvalue(), "a name is no colour"


def test_short_work_and_a_log_hear_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, log = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(waiting_room, "PATIENCE_S", 3600)
    with waiting("reading"):
        pass
    monkeypatch.setattr(sys, "stderr", log)
    with waiting("reading"):
        pass
    assert terminal.getvalue() == log.getvalue() == ""


def test_what_goes_wrong_meanwhile_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(KeyError), waiting("reading"):
        raise KeyError
