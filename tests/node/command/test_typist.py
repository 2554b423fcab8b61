"""Commands that a program types: what they answer, what they are fed, and how they fail."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.command.processes import typist
from node.command.processes.process import processes, python
from node.command.processes.typist import CommandFailed, Typist
from node.command.processes.warm import Warm, warm

pytestmark = pytest.mark.edge


@pytest.fixture(scope="module", params=[True, False], ids=["a copy", "a process of its own"])
def oven(request: pytest.FixtureRequest) -> Iterator[Warm | None]:
    if not request.param:
        yield None
        return
    with warm(python()) as made, processes(made):
        yield made


async def test_what_it_says_and_how_it_ends(tmp_path: Path, oven: Warm | None) -> None:
    hands = Typist(tmp_path / "typed", oven)
    done = await hands.type(["--version"])
    assert done.status == 0 and done.out.startswith(b"pledgeway") and not done.said
    wrong = await hands.type(["sale", "shove"])
    assert wrong.status == 2 and not wrong.out and "shove" in wrong.said
    told = sorted(p.name for p in (tmp_path / "typed").iterdir())
    assert told == ["001.said", "002.said"]


async def test_what_it_is_fed(
    tmp_path: Path, oven: Warm | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A credential of more than nothing is asked for only once it is read; no node runs here."""
    monkeypatch.setattr(typist, "AWAY_S", 0.0)
    hands = Typist(tmp_path / "typed", oven)
    words = ("sale", "hand-over", "4f1c", "--new-credential-file", "-")
    with pytest.raises(CommandFailed, match=r"status 2: .*nothing was sent"):
        await hands.ask(tmp_path, *words)
    with pytest.raises(CommandFailed, match="no node is running"):
        await hands.ask(tmp_path, *words, fed=b"secret")


async def test_a_long_word_is_shown_short(
    tmp_path: Path, oven: Warm | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typist, "AWAY_S", 0.0)
    hands = Typist(tmp_path / "typed", oven)
    with pytest.raises(CommandFailed) as failed:
        await hands.ask(tmp_path, "sale", "show", "f" * 1000)
    assert len(str(failed.value)) < 400 and "no node is running" in str(failed.value)
