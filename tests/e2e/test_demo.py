"""`pledgeway demo` as people start it: whole, interrupted, and on networks it cannot run."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio

from node.command.demo.performance import PREFIX
from node.command.processes.plan import make_plan
from node.command.processes.ports import HOST, free_ports
from node.command.processes.process import Daemon, StartFailed, processes
from node.command.processes.town import build
from runtime.bridge import Bridge
from tests.e2e.houses import pair_network, pay, request, require_clean_logs

pytestmark = pytest.mark.e2e

DEMO = [sys.executable, "-m", "node.command", "demo"]
MOST_S = 150  # it takes 25 on two busy cores; others may use them as well
CHILD, WARM = "node.command.processes.child", "node.command.processes.warm"


def children_of(demo: int, program: str = WARM) -> list[str]:
    """Command lines of processes that this demo started and that still run, the warm one too."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if program in words and str(demo) in words:
            found.append(" ".join(words))
    return found


def test_the_whole_of_florence(directory: Path) -> None:
    kept = directory / "florence"
    command = [*DEMO, "--json", "--keep", str(kept)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    shown = json.loads(done.stdout)
    assert shown["ok"] and shown["check"]["ok"] and shown["check"]["sums"] == {"florin": 0}
    assert (shown["nodes"], shown["lines"], len(shown["registries"])) == (15, 20, 2)
    scenes = {(s["scene"], s["payee"]): s for s in shown["scenes"]}
    expected = {
        ("atomic", "Strozzi"): ("COMMITTED", {"ATOMIC"}),
        ("mixed", "Lamberteschi"): ("COMMITTED", {"ATOMIC", "PROXY"}),
        ("mixed", "Acciaiuoli"): ("COMMITTED", {"SECURED", "BARE"}),
        ("refused", "Bischeri"): ("ABORTED", set()),
        ("silent", "Castellani"): ("ABORTED", {"ATOMIC"}),
        ("killed", "Castellani"): ("COMMITTED", {"ATOMIC"}),
    }
    assert scenes.keys() == expected.keys()
    for key, (outcome, levels) in expected.items():
        assert scenes[key]["outcome"] == outcome, key
        assert {hop["level"] for hop in scenes[key]["hops"]} == levels, key
    require_sound_money(scenes)
    require_clean_logs(kept)


def require_sound_money(scenes: dict[Any, Any]) -> None:
    """What one pays, others receive; certificates say what the payment's end says."""
    for scene in scenes.values():
        assert sum(b["after"] - b["before"] for b in scene["balances"]) == 0
        if scene["certificate"]:
            committed = scene["certificate"]["outcome"] == "COMMITTED"
            assert committed == (scene["outcome"] == "COMMITTED")
    verified = [scene["certificate"] for scene in scenes.values() if scene["certificate"]]
    assert len(verified) == 4, verified
    for certificate in verified:
        (logged,) = certificate["logged"]
        assert logged["registry"] in certificate["registries"]
        assert logged["witnesses"] == ["notary.example"], "seen before anybody was told of it"
    first = scenes["atomic", "Strozzi"]
    assert [h["promisor"] for h in first["hops"]] == ["Pazzi", "Salviati", "Medici", "Ridolfi"]
    # Section 6: 8000 and three times ×1.0005, rounded up each time.
    assert [h["amount"] for h in first["hops"]] == [8014, 8009, 8004, 8000]


def test_any_network_file(directory: Path) -> None:
    """Fees of lines, one-way lines, several brands, a name with a space, from a strange folder."""
    lines = [
        {"from": "P", "to": "A", "brand": "USD", "available": 500_000},
        {"from": "P", "to": "A", "brand": "EUR", "available": 7_000},
        {"from": "A", "to": "P", "brand": "USD", "available": 100},
        {"from": "A", "to": "B", "brand": "USD", "available": 400_000,
         "fees": {"ATOMIC": {"rate": "1", "flat": 77}}},
        {"from": "B", "to": "Q q", "brand": "USD", "available": 400_000,
         "registry_fees": {"R1": {"out_flat": 3}}},
    ]  # fmt: skip
    priced = {"ATOMIC": {"rate": "1.001", "flat": 5}}
    nodes = {
        "P": {"accepts": ["R1"]},
        "Q q": {"accepts": ["R1"]},
        "A": {"accepts": ["R1"], "fees": priced, "registry_fees": {"R1": {"out_rate": "1.0005"}}},
        "B": {"accepts": ["R1"], "fees": priced},
    }
    file = directory / "net.json"
    file.write_text(json.dumps({"registries": {"R1": {}}, "nodes": nodes, "lines": lines}))
    (directory / "node").mkdir()
    (directory / "node" / "__init__.py").write_text("raise RuntimeError('not ours')")
    script = Path(sys.executable).with_name("pledgeway")
    command = [str(script), "demo", "--network", file.name, "--json", "--scene", "atomic"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_S, cwd=directory)
    assert done.returncode == 0, done.stdout + done.stderr
    (scene,) = json.loads(done.stdout)["scenes"]
    assert scene["amount"] == 40_000
    # B: ×1.001 + 5 + 3 on its line to Q q; A: ×1.0005 + 77 on its line to B.
    amounts = {hop["promisor"]: hop["amount"] for hop in scene["hops"]}
    assert amounts == {"B": 40_000, "A": 40_048, "P": 40_146}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_it_is_interrupted(directory: Path, number: signal.Signals) -> None:
    environment = os.environ | {"TMPDIR": str(directory)}
    demo = subprocess.Popen(DEMO, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            env=environment)  # fmt: skip
    until = time.monotonic() + MOST_S
    while len(children_of(demo.pid)) < 4 and time.monotonic() < until:
        time.sleep(0.05)
    demo.send_signal(number)
    _, said = demo.communicate(timeout=MOST_S)
    if number is signal.SIGKILL:
        # Nobody is there to take them down but the kernel.
        while children_of(demo.pid) and time.monotonic() < until:
            time.sleep(0.05)
    else:
        assert demo.returncode == 128 + number
        assert said.count("\n") == 1 and number.name in said
        assert list(directory.glob(f"{PREFIX}*")) == []
    assert children_of(demo.pid) == []


async def test_a_child_that_does_not_start_is_named(directory: Path) -> None:
    home = directory / "nobody"
    daemon = Daemon("Nobody", ("node", "run", str(home)), home)
    with processes() as running, trio.fail_after(MOST_S), pytest.raises(StartFailed) as failed:
        await running.start(daemon)
    assert str(failed.value).startswith("Nobody: ended with exit status 2\n  | pledgeway: ")
    assert str(home) in failed.value.log


async def test_a_child_that_is_too_slow_can_be_started_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is gone by then, so that the next try can have its ports."""
    monkeypatch.setattr("node.command.processes.process.START_TIMEOUT_S", 0.0)
    daemon = Daemon("Slow", ("node", "run", str(directory / "slow")), directory / "slow")
    with processes() as running:
        for _ in range(2):
            with pytest.raises(StartFailed, match="Slow: was not ready within 0 s"):
                await running.start(daemon)
            assert children_of(os.getpid(), CHILD) == []


async def test_ports_that_were_taken_meanwhile(directory: Path) -> None:
    """Both daemons whose ports are gone when they start come up on others."""
    with socket.create_server((HOST, 0)) as taken, processes() as running:
        port = taken.getsockname()[1]
        free = free_ports(Random())
        ports = chain([port, next(free), port], free)  # the registry's, its archive's, P's
        async with Bridge.open() as bridge:
            plan = make_plan(pair_network())
            town = await build(plan, directory, ports, bridge, running, lambda _: None)
            assert (await pay(town, "P", (await request(town, "Q", 5))["text"]))["paid"] == 5
            card = await town.houses["P"].control.ask("status")
            assert not card["address"].endswith(f":{port}")


def test_whoever_does_not_listen_to_sigterm_is_killed() -> None:
    with processes() as running:
        deaf = subprocess.Popen(
            ["/bin/sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done"],
            process_group=0,
            stdout=subprocess.PIPE,
        )
        assert deaf.stdout is not None
        with deaf.stdout as said:
            said.readline()
        running.adopt("deaf", deaf)
        assert running.end_all(timeout_s=0.2) == ["deaf"]
    assert deaf.returncode == -signal.SIGKILL
