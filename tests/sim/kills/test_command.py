"""`pledgeway sim kills` as its user meets it: what it refuses, and what it leaves when it fails."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from click.testing import Result as Typed

from node.command.sim.command import sim
from node.command.sim.kills import command
from node.command.sim.kills.result import Blows, LawfulLoss, Result
from proto.modes import Loss

SOUND = Result(
    seed=7,
    blows=Blows(20, 3, 4, 1, 9, 5),
    payments=30,
    committed=20,
    aborted=10,
    levels={"ATOMIC": 40},
    modes={"ATOMIC": 21},
    losses=(LawfulLoss("B", "A", "BARE", "NOT_U", 1003, "ab" * 32),),
    breaches=(),
    homes={"P": "house00", "R1": "registry0"},
    seconds=12.0,
)
BROKEN = Result(
    **{name: getattr(SOUND, name) for name in SOUND.__dataclass_fields__}
    | {"breaches": ("7 paid once: P: 2 payments\033[2K have committed",)}
)


def typed(*words: str) -> Typed:
    return CliRunner().invoke(sim, ["kills", *words])


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """Runs end without having begun, sound for even seeds; the directories they were given."""
    given: list[Path] = []

    def run(_: int, seed: int, directory: Path) -> Result:
        given.append(directory)
        (directory / "house00.log").write_text("a log")
        return BROKEN if seed % 2 else SOUND

    monkeypatch.setattr(command, "_run", run)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return given


def test_sound(ends: list[Path]) -> None:
    done = typed("--seed", "2")
    assert done.exit_code == 0 and not done.stderr
    assert done.stdout.splitlines()[-1].startswith("All books agree")
    assert "B in mode BARE lost 1003 to A: a risk of this mode where its upstream" in done.stdout
    assert not ends[0].exists()


def test_every_risk_has_its_words() -> None:
    assert command.RISKS.keys() == {loss.name for loss in Loss}


def test_broken_keeps_the_books_and_says_where(ends: list[Path]) -> None:
    done = typed("--seed", "1")
    assert done.exit_code == 1
    assert "broken: 7 paid once: P: 2 payments" in done.stdout and "\033" not in done.stdout
    assert (ends[0] / "house00.log").exists()
    assert str(ends[0]) in done.stderr and "P=house00" in done.stderr
    assert all(line.startswith("pledgeway: ") for line in done.stderr.splitlines())


@pytest.mark.parametrize("seed", [1, 2])
def test_json_is_one_object(ends: list[Path], seed: int) -> None:
    done = typed("--seed", str(seed), "--json")
    said = json.loads(done.stdout)
    assert said["ok"] is (seed == 2) and done.exit_code == (seed != 2)
    assert said["directory"] == (None if seed == 2 else str(ends[0]))
    assert said["blows"]["kills"] == 20


def test_keep(ends: list[Path], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert typed("--seed", "2", "--keep", str(kept)).exit_code == 0
    assert ends == [kept] and (kept / "house00.log").exists()
    again = typed("--seed", "2", "--keep", str(kept))
    assert again.exit_code == 2 and "name another directory" in again.stderr
    far = typed("--keep", str(tmp_path / ("x" * 90)))
    assert far.exit_code == 2 and "would have no address" in far.stderr
    assert len(ends) == 1, "nothing ran"


@pytest.mark.parametrize("words", [("--kills", "0"), ("--kills", "many"), ("--seed", "x")])
def test_unusable(ends: list[Path], words: tuple[str, ...]) -> None:
    assert typed(*words).exit_code == 2 and not ends


@pytest.mark.parametrize(("fault", "kept"), [(SystemExit(130), False), (KeyError("row"), True)])
def test_what_is_left_without_a_verdict(
    ends: list[Path], monkeypatch: pytest.MonkeyPatch, fault: BaseException, kept: bool
) -> None:
    """Stopped by a signal: nothing. Books that cannot even be read together: where they are."""
    run = command._run

    def broken(kills: int, seed: int, directory: Path) -> Result:
        run(kills, seed, directory)
        raise fault

    monkeypatch.setattr(command, "_run", broken)
    done = typed()
    assert done.exit_code == (1 if kept else 130)
    assert ends[0].exists() is kept
    assert (str(ends[0]) in done.stderr) is kept
