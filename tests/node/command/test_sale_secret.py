"""A credential comes from a file, a pipe or hidden typing, and is never shown."""

import errno
import os
import pty
import subprocess
import sys
from pathlib import Path
from select import select

import click
import pytest
from click.testing import CliRunner, Result

from node.command.sale_secret import credential_option, read_credential
from proto.sale.letters import MAX_CREDENTIAL_BYTES
from tests.node.command.conftest import ROOT

PATIENCE_S = 60  # with a terminal that says nothing
SECRET = b"correct horse \xff battery\n"


@click.command()
@credential_option
def told(credential_file: str | None) -> None:
    """Shows how long it is."""
    click.echo(f"{len(read_credential(credential_file))} bytes")


def run(*args: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(told, list(args), input=given)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(SECRET)
    path.chmod(0o600)
    return path


def test_a_file_is_read_as_it_is(secret_file: Path) -> None:
    found = run("--credential-file", str(secret_file))
    assert (found.exit_code, found.output) == (0, f"{len(SECRET)} bytes\n")


def test_standard_input_is_read_as_it_is() -> None:
    found = run("--credential-file", "-", given=SECRET)
    assert (found.exit_code, found.output) == (0, f"{len(SECRET)} bytes\n")


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o666])
def test_a_file_that_others_may_read(mode: int, secret_file: Path) -> None:
    """It is used, for the harm is done; but its owner hears of it."""
    secret_file.chmod(mode)
    found = run("--credential-file", str(secret_file))
    assert found.exit_code == 0
    assert found.stdout == f"{len(SECRET)} bytes\n"
    assert f"others on this machine may read it (mode {mode:03o}): run chmod 600" in found.stderr


def test_a_pipe_that_a_shell_makes(tmp_path: Path) -> None:
    """--credential-file <(pass show domain): whatever its mode says, nobody else can read it."""
    reading, writing = os.pipe()
    os.write(writing, SECRET)
    os.close(writing)
    try:
        found = run("--credential-file", f"/dev/fd/{reading}")
    finally:
        os.close(reading)
    assert (found.exit_code, found.output) == (0, f"{len(SECRET)} bytes\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty credential: nothing was sent"),
        (b"x" * (MAX_CREDENTIAL_BYTES + 1), f"at most {MAX_CREDENTIAL_BYTES} bytes"),
    ],
)
def test_what_cannot_be_handed_over(content: bytes, said: str, secret_file: Path) -> None:
    secret_file.write_bytes(content)
    for found in (
        run("--credential-file", str(secret_file)),
        run("--credential-file", "-", given=content),
    ):
        assert found.exit_code == 2
        assert said in found.stderr and found.stderr.count("\n") == 1


@pytest.mark.parametrize("typed", ["hunter2-and-more", "hunter2\0"])
def test_a_password_in_the_place_of_a_file_is_not_repeated(typed: str) -> None:
    found = run("--credential-file", typed)
    assert found.exit_code == 2
    assert "hunter2" not in found.output
    assert "it takes a file's name, not the credential itself" in found.stderr


def test_a_folder(tmp_path: Path) -> None:
    found = run("--credential-file", str(tmp_path))
    assert found.exit_code == 2
    assert "cannot be read: Is a directory" in found.stderr


def test_nobody_to_ask() -> None:
    found = run()
    assert found.exit_code == 2
    assert "no terminal to ask for the credential: give --credential-file FILE, or -" in (
        found.stderr
    )


def test_the_help_teaches() -> None:
    text = " ".join(run("--help").output.split())
    assert "what you type is not shown" in text and "FILE|-" in text


# ---------------------------------------------------------------- on a terminal


def typed(*lines: str, args: tuple[str, ...] = ()) -> tuple[int, str]:
    """(status, all that the terminal showed) of somebody who types one line at each prompt."""
    code = "from tests.node.command.test_sale_secret import told; told()"
    pid, ours = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-c", code, *args])
    shown, answered, left = b"", 0, list(lines)
    try:
        while select([ours], [], [], PATIENCE_S)[0]:
            try:
                part = os.read(ours, 4096)
            except OSError as error:
                assert error.errno == errno.EIO  # what Linux says when the other end is closed
                break
            if not part:
                break
            shown += part
            if left and shown[answered:].rstrip().endswith(b":"):
                os.write(ours, left.pop(0).encode())
                answered = len(shown)
    finally:
        os.close(ours)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


@pytest.mark.edge
def test_typing_is_hidden_and_asked_twice() -> None:
    status, shown = typed("hünter2\n", "hünter2\n")
    assert status == 0
    assert "Credential (not shown):" in shown and "Again:" in shown
    assert f"{len('hünter2'.encode())} bytes" in shown
    assert "nter2" not in shown


@pytest.mark.edge
@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("hunter2\n", "hunter3\n"), "the two are not the same: nothing was sent"),
        (("\n", "\n"), "an empty credential: nothing was sent"),
        (("\x04",), "nothing was typed: nothing was sent"),
    ],
)
def test_what_goes_wrong_at_the_terminal(lines: tuple[str, ...], said: str) -> None:
    status, shown = typed(*lines)
    assert status == 2
    assert said in shown and "hunter" not in shown and "Traceback" not in shown


@pytest.mark.edge
def test_a_terminal_is_no_file() -> None:
    status, shown = typed(args=("--credential-file", "-"))
    assert status == 2
    assert "standard input is this terminal, which would show what you type" in shown


@pytest.mark.edge
def test_without_a_terminal_of_its_own_nothing_is_shown() -> None:
    """A service: there is nobody to ask, and it does not wait for anybody."""
    done = subprocess.run(
        [sys.executable, "-c", "from tests.node.command.test_sale_secret import told; told()"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
    )
    assert done.returncode == 2
    assert "no terminal to ask" in done.stderr
