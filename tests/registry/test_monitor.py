"""Monitors: a silent log is shown to those who named them, and an honest one is never signed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.command.registry import registry
from node.command.sim.cast import NOW_US, SECOND
from node.command.verify import verify
from registry.audit.monitoring import LAG_US
from registry.audit.sightings import LOOKS_APART_US
from tests.registry.audit_world import publish
from tests.registry.cheating import MMD_US, WITNESSES, CheatingRegistry
from tests.registry.fraud_corpus import pair

pytestmark = pytest.mark.edge

DUE_US = NOW_US + MMD_US
LATE_US = DUE_US + LAG_US + 1
AWAY = "away"  # a directory that does not exist stands for a registry that does not answer


class Watch:
    """Monitors in a folder, with a statement whose entry is missing from the log that is shown."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self._patch = monkeypatch
        self.r, self.view, committed, _ = pair("held")
        monkeypatch.setattr("time.sleep", lambda _: None)
        for name in ("held", "out"):
            (path / name).mkdir()
        (path / "held" / "answer").write_bytes(self.r.state(committed).encode())
        self.short = CheatingRegistry("E-held")
        publish(path / "short", self.short, self.short.view())
        publish(path / "whole", self.r, self.r.view())
        self.keys = [self.made(name) for name in ("m1", "m2")]

    def made(self, name: str) -> str:
        return str(self.run(NOW_US, "monitor-key", self.path / name)["monitor"])

    def run(self, now_us: int, *words: object) -> dict[str, object]:
        self._patch.setattr("time.time_ns", lambda: now_us * 1000)
        result = CliRunner().invoke(registry, [*map(str, words), "--json"])
        assert result.exit_code in (0, 1) and result.stdout, result.output
        answer: dict[str, object] = json.loads(result.stdout)
        return answer

    def look(self, now_us: int, target: str = "short", monitor: str = "m1") -> list[str]:
        """The observation files that a monitor's audit has written."""
        more = ("--mirror", self.path / "short", "--state", self.path / f"state-{monitor}")
        answer = self.run(
            *(now_us, "audit", self.path / target, "--statements", self.path / "held", *more),
            *("--monitor", self.path / monitor, "--out", self.path / "out"),
        )
        found = answer["observations"]
        assert isinstance(found, list)
        return found

    def kinds(self, keys: list[str], target: str = "short") -> list[tuple[object, object]]:
        """(kind, file) of what an audit finds that counts these monitors."""
        counted = [word for key in keys for word in ("--count-monitor", key)]
        files = ("--observations", self.path / "out", "--out", self.path / "found")
        held = ("--statements", self.path / "held")
        answer = self.run(LATE_US + 1, "audit", self.path / target, *held, *files, *counted)
        found = answer["found"]
        assert isinstance(found, list)
        return [(one["kind"], one["file"]) for one in found]


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(tmp_path, monkeypatch)


def test_two_monitors_show_what_a_log_does_not_have(watch: Watch) -> None:
    assert len(watch.look(LATE_US)) == 1
    assert watch.kinds(watch.keys) == [(None, None)], "one of two is not more than half"
    assert len(watch.look(LATE_US, monitor="m2")) == 1
    ((kind, file),) = watch.kinds(watch.keys)
    assert kind == "E7"
    named = [word for key in watch.keys for word in ("--monitor", key)]
    judged = CliRunner().invoke(verify, [str(file), *named])
    assert judged.exit_code == 0, judged.output
    unnamed = CliRunner().invoke(verify, [str(file)])
    assert unnamed.exit_code == 1, "a monitor convinces only whoever named it"
    assert watch.kinds([watch.made("stranger")]) == [(None, None)]


def test_strangers_among_the_files_spoil_nothing(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.audit.monitoring.MAX_OBSERVATIONS", 2)
    for name in ("m1", "m2"):
        (file,) = watch.look(LATE_US, monitor=name)
    Path(file).with_name("noise.observation").write_bytes(b"\x00\xff nothing")
    for stranger in ("m3", "m4", "m5", "m6"):
        watch.made(stranger)
        watch.look(LATE_US, monitor=stranger)
    watch.look(LATE_US + 1, monitor="m1")  # the same monitor again
    assert [kind for kind, _ in watch.kinds(watch.keys)] == ["E7"]


def test_nothing_is_signed_before_it_is_due_or_when_it_is_there(watch: Watch) -> None:
    assert watch.look(LATE_US - 1) == []
    assert watch.look(LATE_US, "whole") == []
    assert watch.kinds(watch.keys, "whole") == []


def test_a_witness_that_saw_the_entry_silences_a_monitor(watch: Watch) -> None:
    """The log is shown to us as it was; somebody else was shown more of it."""
    note = watch.r.view().note(at_us=NOW_US + SECOND, witnesses=WITNESSES)
    folder = watch.path / "short" / "checkpoints" / "2026"
    folder.mkdir(parents=True)
    (folder / "1.note").write_bytes(note)
    assert watch.look(LATE_US) == []


def test_a_registry_that_is_away_while_the_entry_is_due_and_after(watch: Watch) -> None:
    assert watch.look(NOW_US, AWAY) == [], "it was not away before this"
    assert watch.look(LATE_US - 1, AWAY) == [], "not due for long enough"
    assert len(watch.look(LATE_US, AWAY)) == 1


def test_one_that_was_there_when_it_was_due_may_have_logged_it(watch: Watch) -> None:
    assert watch.look(DUE_US + 1, AWAY) == []
    assert watch.look(DUE_US + 3 * MMD_US, AWAY) == []


def test_an_answer_in_between_begins_the_silence_anew(watch: Watch) -> None:
    assert watch.look(NOW_US, AWAY) == []
    assert watch.look(DUE_US - 1, "short") == []
    assert watch.look(DUE_US, AWAY) == []
    assert watch.look(DUE_US + MMD_US, AWAY) == [], "silent for no longer than it may be"
    assert len(watch.look(DUE_US + MMD_US + 1, AWAY)) == 1


def test_looks_too_far_apart_show_no_silence(watch: Watch) -> None:
    assert watch.look(NOW_US, AWAY) == []
    assert watch.look(NOW_US + LOOKS_APART_US + 1, AWAY) == [], "it may have been there meanwhile"


def test_keys_and_options(watch: Watch) -> None:
    again = CliRunner().invoke(registry, ["monitor-key", str(watch.path / "m1")])
    assert (again.exit_code, "exists already" in again.stderr) == (1, True)
    audit = ["audit", str(watch.path / "short")]
    nowhere = CliRunner().invoke(registry, [*audit, "--monitor", str(watch.path / "m1")])
    assert (nowhere.exit_code, "--out DIR" in nowhere.stderr) == (2, True)
    wrong = CliRunner().invoke(registry, [*audit, "--count-monitor", "xyz"])
    assert (wrong.exit_code, "--count-monitor" in wrong.stderr) == (2, True)
    assert (watch.path / "m1").stat().st_mode & 0o077 == 0
