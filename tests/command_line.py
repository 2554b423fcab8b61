"""`pledgeway registry ...` as an operator types it, in this process."""

from pathlib import Path

from click.testing import CliRunner, Result

from node.command.registry import registry


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(registry, [str(a) for a in arguments])


def good(*arguments: str | Path) -> str:
    """What it says; it must be done."""
    result = run(*arguments)
    assert result.exit_code == 0, (arguments, result.output)
    return result.stdout


def no(status: int, *arguments: str | Path) -> str:
    """The one line that says why not."""
    result = run(*arguments)
    assert result.exit_code == status, (arguments, result.output)
    (line,) = result.stderr.splitlines()
    return line
