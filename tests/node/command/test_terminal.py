"""On a terminal: colours where they are wanted, nothing cut where it is narrow, a word if it takes
long."""

import errno
import os
import pty
import re
import struct
import subprocess
import sys
from fcntl import ioctl
from termios import TIOCSWINSZ

import pytest

from node.command.display import amount, moment, short, span
from node.command.exit_status import plain
from tests.node.command.conftest import ROOT, FakeNode

ESCAPE = "\x1b"


def on_terminal(
    fake: FakeNode, *args: str, columns: int = 200, typed: bytes = b"", **env: str
) -> tuple[int, str]:
    """(status, everything written) of a command whose input and output is a terminal."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "node.command", *args],
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**clean, "TERM": "xterm-256color", "PLEDGEWAY_NODE": str(fake.directory), **env},
    )
    os.close(theirs)
    os.write(ours, typed)
    parts = []
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError as error:
            assert error.errno == errno.EIO  # what Linux says when the other end is closed
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    return process.wait(timeout=60), b"".join(parts).decode()


@pytest.mark.edge
def test_colours_on_a_terminal(fake: FakeNode) -> None:
    status, text = on_terminal(fake, "payment", "list")
    assert status == 0
    assert f"{ESCAPE}[32mCOMMITTED" in text
    assert f"{ESCAPE}[31mABORTED" in text


@pytest.mark.edge
@pytest.mark.parametrize("args", [("payment", "list"), ("line", "list"), ("fees", "show")])
def test_no_color_leaves_not_one_escape_code(fake: FakeNode, args: tuple[str, ...]) -> None:
    status, text = on_terminal(fake, *args, NO_COLOR="1")
    assert status == 0
    assert ESCAPE not in text


@pytest.mark.edge
@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}])
def test_a_pipe_gets_no_escape_codes(fake: FakeNode, env: dict[str, str]) -> None:
    for args in (["payment", "list"], ["node", "status"], ["fees", "show"]):
        result = fake.run(*args, env=env)
        assert result.exit_code == 0
        assert ESCAPE not in result.stdout


@pytest.mark.edge
def test_nothing_is_cut_on_a_narrow_terminal(fake: FakeNode) -> None:
    _, text = on_terminal(fake, "line", "list", columns=40, NO_COLOR="1")
    assert "19700 of 20000 USD" in text
    assert "50300 of 50000 USD" in text
    assert "…" not in text


@pytest.mark.edge
def test_who_waits_long_is_told_what_for(fake: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The patience is cut to nothing, so that the test need not wait as long as a person."""
    fake.says("status", {"hang": True})
    code = (
        "import node.command.control_call as c, node.command.session as s\n"
        "from pathlib import Path\n"
        "import sys\n"
        "c.PATIENCE_S = 0.0\n"
        "try:\n    s.Session(Path(sys.argv[1]), False).try_ask('status', {}, 1.0)\n"
        "except s.NoAnswer:\n    pass\n"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(fake.directory)],
        cwd=ROOT,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    seen = b""
    while b"waiting" not in seen:
        seen += os.read(ours, 4096)
    assert process.wait(timeout=60) == 0
    os.close(ours)


def test_ids_are_shown_by_their_beginning() -> None:
    assert short("ab" * 32) == "ababababab"
    assert short(None) == ""


def test_amounts() -> None:
    assert amount(0, "USD") == "0 USD"
    assert amount(None, "USD") == "-"
    assert amount(5, None) == "5 units"


def test_moments() -> None:
    assert moment(1_795_000_000_999_999) == "2026-11-18 11:06:40 UTC"
    assert moment(0) == moment(None) == "-"
    assert moment(2**62) == f"{2**62} us"


def test_spans() -> None:
    assert [span(s) for s in (0, 59, 60, 3661, 90_061, None)] == [
        *("0 s", "59 s", "1 min", "1 h 1 min", "1 d 1 h", "-")
    ]


def test_plain_text_is_one_printable_line() -> None:
    text = plain("a\nb\x1b[0m\u2028c\u202e\u00addé東")
    assert text.isprintable()
    assert re.fullmatch("a\ufffdb\ufffd.*dé東", text)
