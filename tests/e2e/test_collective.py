"""Three registries decide together, in processes: one down, one dying midway, an abort by two."""

import json
import os
import signal
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner

from node.command.__main__ import main
from node.command.processes.control import Json
from node.command.processes.process import Daemon
from node.command.processes.town import Town
from pathfinder.network import Line, Network, Node, Policy
from proto.commit import Evidence
from proto.limits import US
from proto.v1 import registry_pb2 as rpb
from registry.home import Home, load_record
from runtime.bridge import Bridge
from runtime.rpc_client import RpcChannel, RpcError
from tests.e2e.houses import BRAND, FEES, LIMIT, pay, request, running, until

pytestmark = pytest.mark.e2e

REGISTRIES = ("R1", "R2", "R3")
POLICY = "harbours"
FINAL = ("COMMITTED", "ABORTED")


def network() -> Network:
    """P-A-Q, and everybody accepts all three."""
    nodes = tuple(Node(name, frozenset(REGISTRIES), True, fees=FEES) for name in ("P", "A", "Q"))
    pairs = [("P", "A"), ("A", "Q")]
    lines = tuple(Line(x, y, BRAND, LIMIT) for pair in pairs for x, y in (pair, pair[::-1]))
    return Network(REGISTRIES, (Policy(POLICY, REGISTRIES, 2, 2, 0, 2 * US),), nodes, lines)


async def kill(town: Town, registry: str) -> None:
    await trio.to_thread.run_sync(town.processes.kill, town.registries[registry])


@contextmanager
def silent(town: Town, *houses: str) -> Iterator[None]:
    """As if they were far away: nothing that they know reaches anybody."""
    pids = [town.processes.pid(town.houses[name].daemon) for name in houses]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def end_of(town: Town, heard: list[Json], text: str, **options: object) -> Json:
    """How P's payment ends. What P says of it may break off while P is silent."""
    control = town.houses["P"].control
    with suppress(RpcError):
        await control.pay(heard.append, request=text, **options)
    found: list[Json] = []

    async def final() -> bool:
        with suppress(RpcError):
            payments = (await control.ask("payment.list"))["payments"]
            found[:] = [p for p in payments if p["id"] == heard[-1]["id"]]
            return found[0]["phase"] in FINAL
        return False

    await until("the payment ends", final)
    return found[0]


async def ask_for(town: Town, amount: int, **more: object) -> str:
    made = await request(town, "Q", amount, registries=[POLICY], last_levels=["ATOMIC"], **more)
    assert made["registries"] == [POLICY]
    text: str = made["text"]
    return text


async def proven(town: Town, payment: str, folder: Path) -> Json:
    """What `pledgeway verify` says about a payment's evidence."""
    answer = await town.houses["P"].control.ask("payment.evidence", id=payment)
    file = folder / f"{payment[:8]}.evidence"
    file.write_bytes(b64decode(answer["file"]))
    result = await trio.to_thread.run_sync(
        CliRunner().invoke, main, ["verify", str(file), "--json"]
    )
    assert result.exit_code == 0, result.output
    said: Json = json.loads(result.output)
    return said


async def receipts_agree(town: Town, paid: Json, folder: Path) -> None:
    """Payer and payee show the same payment, decided by the same registries."""
    shown = []
    for house, verb, named in (
        ("P", "payment.receipt", paid["id"]),
        ("Q", "request.receipt", paid["request_id"]),
    ):
        answer = await town.houses[house].control.ask(verb, id=named)
        file = folder / f"{house}.receipt"
        file.write_bytes(b64decode(answer["file"]))
        trusted = [str(Home(town.registries[name].directory).record) for name in REGISTRIES]
        words = ["verify", "receipt", str(file), "--json"]
        words += [word for record in trusted for word in ("--registry", record)]
        result = await trio.to_thread.run_sync(CliRunner().invoke, main, words)
        assert result.exit_code == 0, result.output
        shown.append(json.loads(result.output))
        alone = await trio.to_thread.run_sync(CliRunner().invoke, main, words[:6])
        assert alone.exit_code == 1 and json.loads(alone.output)["code"] == "UNTRUSTED"
    for said in shown:
        assert (said["rests_on"], said["amount"], said["payee_alias"]) == ("CERTIFIED", 700, "Q")
        assert said["commit_id"] == paid["commit_id"] and len(said["registries"]) >= 2
    assert shown[0]["request_hash"] == shown[1]["request_hash"]


async def stored(bridge: Bridge, daemon: Daemon, commit_id: bytes) -> rpb.Answer | None:
    """A registry's final answer about a transaction, or None while it has none."""
    record = load_record(Home(daemon.directory).record)
    query = rpb.DecideItem(query=rpb.Query(commit_id=commit_id))
    channel = RpcChannel.to_pinned(bridge, record.grpc_target, record.tls_certificate)
    async with channel:
        try:
            answer = await channel.unary(
                "/pledgeway.v1.Registry/Decide",
                rpb.DecideRequest(items=[query]),
                rpb.DecideResponse,
                2,
            )
        except RpcError:
            return None
    return answer.answers[0] if answer.answers[0].WhichOneof("answer") == "final" else None


async def test_three_registries_decide_together(directory: Path) -> None:
    async with running(network(), directory) as town, Bridge.open() as bridge:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(abort_by_two, town, directory)
            paid = await pay(town, "P", await ask_for(town, 700))
            assert (paid["phase"], paid["registry"]) == ("COMMITTED", POLICY), paid
            said = await proven(town, paid["id"], directory)
            assert said["outcome"] == "COMMITTED" and said["policy"]["qc"] == 2
            await receipts_agree(town, paid, directory)
            await dies_midway(town, bridge)
            # R1 is down from here on.
            paid = await pay(town, "P", await ask_for(town, 300))
            assert paid["phase"] == "COMMITTED", paid
        await town.processes.start(town.registries["R1"])


async def abort_by_two(town: Town, directory: Path) -> None:
    """The payee never signs; when that is certain R1 is down, and two are enough to say so."""
    text = await ask_for(town, 50, manual=True)
    ended = await end_of(town, [], text, attempts=1)
    assert ended["phase"] == "ABORTED", ended
    said = await proven(town, ended["id"], directory)
    assert said["outcome"] == "NOT_COMMITTED"


async def dies_midway(town: Town, bridge: Bridge) -> None:
    """The commit reaches R1 alone, then the payee dies. R1 passes it on as soon as the others are
    back, and dies too: what it decided is not lost, and the payment commits without it."""
    for registry in ("R2", "R3"):
        await kill(town, registry)
    heard: list[Json] = []
    text = await ask_for(town, 900)
    async with trio.open_nursery() as nursery:

        async def follow() -> None:
            ended = await end_of(town, heard, text)
            assert ended["phase"] == "COMMITTED", ended

        nursery.start_soon(follow)

        async def at(registry: str) -> rpb.Answer | None:
            if not heard or not heard[-1].get("commit_id"):
                return None
            commit_id = bytes.fromhex(heard[-1]["commit_id"])
            return await stored(bridge, town.registries[registry], commit_id)

        async def decided(registry: str) -> bool:
            return await at(registry) is not None

        await until("R1 has decided alone", partial(decided, "R1"))
        await town.kill("Q")
        # P and A show R2 and R3 what they have heard, too, and might be faster.
        with silent(town, "P", "A"):
            for registry in ("R2", "R3"):
                await town.processes.start(town.registries[registry])
            for registry in ("R2", "R3"):
                await until(f"{registry} has heard from R1", partial(decided, registry))
                answer = await at(registry)
                assert answer is not None
                relayed = Evidence.decode(answer.commit.evidence).relayed
                assert len(relayed) >= 1, "it came from another member"
        await kill(town, "R1")
        await town.restart("Q")
