"""`pledgeway registry status`: whatever an operator must act upon is said, in words and by exit."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner, Result

from node.command import registry_status
from node.command.registry_status import STATES, status
from proto.limits import US
from registry.health import MAX_MEMBERS, Health, MemberHealth, ShardHealth, State, WitnessHealth
from registry.health_json import health_json, read_health
from registry.meter import Meter
from registry.web.exposition import exposition
from registry.web.vitals import metrics

DAY_US = 86_400 * US
NOW_US = 1_795_239_067_000_000
URL = "http://127.0.0.1:7480"
WELL = Health(
    ok=True,
    state="DECIDING",
    name="Harbour\x1b[31m",
    registry="ab" * 32,
    now_us=NOW_US,
    clock_source="chrony",
    clock_error_us=1_500,
    clock_limit_us=250_000,
    clock_mark_us=NOW_US,
    clock_usable=True,
    decisions=1_234_567,
    pending=3,
    queue=17,
    log_entries=1_234_570,
    shards=(ShardHealth(2026, 1_234_570, 1_234_500, NOW_US - 2 * US), ShardHealth(2027, 1, 0, 0)),
    witnesses=(WitnessHealth("w1.example", NOW_US - 61 * US), WitnessHealth("w2.example", 0)),
    witness_quorum=1,
    members=(MemberHealth("cd" * 32, "Bank\x1b[31m", 12), MemberHealth("ef" * 32, "Mill", 0)),
    key_not_after_us=NOW_US + 200 * DAY_US,
    record_expires_at_us=NOW_US + 200 * DAY_US,
    database_bytes=5 << 20,
    disk_free_bytes=5 << 30,
)


def ask(monkeypatch: pytest.MonkeyPatch, health: Health | None, *options: str) -> Result:
    monkeypatch.setattr(registry_status, "ask_health", lambda base: health)
    return CliRunner().invoke(status, [URL, *options])


def test_a_registry_that_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    result = ask(monkeypatch, WELL)
    assert result.exit_code == 0
    lines = {
        line.split("  ")[0]: line.split("  ")[-1].strip() for line in result.output.split("\n")
    }
    assert lines["state"] == "deciding"
    assert lines["clock error"] == "1.5 ms of 250.0 ms (chrony)"
    assert lines["decisions"] == "1,234,567"
    assert lines["queue"] == "17 waiting"
    assert lines["log 2026"] == "1,234,570 entries, checkpoint of 1,234,500 2 s ago"
    assert lines["log 2027"] == "1 entry, no checkpoint yet"
    assert "w1.example cosigned 1 min 1 s ago" in result.output
    assert "w2.example not this checkpoint, nor any since the start" in result.output
    assert lines["quorum"] == "1 of 2 witnesses"
    assert "cdcdcdcd: 12 commits wait for it" in result.output
    assert "Mill efefefef: told everything" in result.output
    assert "<-" not in result.output, "nothing to act upon"
    assert "\x1b" not in result.output, "its name does not paint"


def test_a_log_that_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = replace(WELL, shards=(ShardHealth(2026, 1, 0, 0),))
    assert "w2.example nothing yet" in ask(monkeypatch, empty).output


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_words(monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    ok = state is State.DECIDING
    result = ask(monkeypatch, replace(WELL, state=state.value, ok=ok))
    assert STATES[state.value] in result.output
    assert ("NOT deciding" in result.output) is not ok
    assert result.exit_code == (0 if ok else 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key_not_after_us": NOW_US + 29 * DAY_US}, "<- certify another one soon"),
        ({"record_expires_at_us": NOW_US + 29 * DAY_US}, "<- sign a new one soon"),
        ({"disk_free_bytes": 1 << 29}, "<- make room"),
        ({"clock_error_us": 1 << 50}, "unknown (chrony): see `chronyc -c tracking`"),
        ({"members": (MemberHealth("cd" * 32, "Bank", 1_000),)}, "<- is it down?"),
        ({"witnesses": ()}, "none: nobody else vouches for its log"),
    ],
)
def test_what_has_to_be_done_is_marked(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, object], said: str
) -> None:
    assert said not in ask(monkeypatch, WELL).output
    assert said in ask(monkeypatch, replace(WELL, **change)).output  # type: ignore[arg-type]


def test_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = json.loads(ask(monkeypatch, WELL, "--json").output)
    assert (answer["reachable"], answer["url"], answer["queue"]) == (True, URL, 17)
    assert answer["witnesses"][0] == {"name": "w1.example", "at_us": NOW_US - 61 * US}
    assert answer["members"][1] == {"registry": "ef" * 32, "name": "Mill", "waiting": 0}
    gone = ask(monkeypatch, None, "--json")
    assert gone.exit_code == 1
    assert json.loads(gone.stdout) == {"ok": False, "reachable": False, "url": URL}


def test_health_as_it_travels() -> None:
    data = health_json(WELL).encode()
    assert read_health(data) == WELL
    older = json.loads(data)
    del older["members"]
    assert read_health(json.dumps(older).encode()) == replace(WELL, members=())
    for wrong in ("x", [{"registry": "cd", "name": "Bank"}], [{}] * (MAX_MEMBERS + 1)):
        assert read_health(json.dumps(older | {"members": wrong}).encode()) is None


def test_what_waits_for_members_is_measured() -> None:
    text = exposition(metrics(WELL, Meter({})))
    line = 'relay_commits{member="Mill",registry="' + "ef" * 32 + '"} 0'
    assert f"pledgeway_registry_{line}\n" in text
