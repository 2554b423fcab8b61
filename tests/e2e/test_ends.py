"""How a daemon ends, and what it does where it cannot begin or cannot write."""

import resource
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
import trio

from node.command.processes.control import Refused
from node.command.processes.town import House, Town
from tests.e2e.houses import connected, pair_network, pay, request, running, typed, until

pytestmark = pytest.mark.e2e

STOP_S = 10.0  # on a busy machine; systemd kills after ninety
DATABASE = Path("data") / "node.sqlite"
NO_SPACE = r"ERROR (runtime\.writer: rolled back|node\.engine: the store refused)"


async def run_node(directory: Path) -> subprocess.CompletedProcess[str]:
    """A daemon that is expected not to start."""
    return await typed("node", "run", str(directory))


def one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode in (1, 2), done
    assert done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


async def test_signals_with_open_streams(directory: Path) -> None:
    async with running(pair_network(), directory) as town:
        asked = await request(town, "Q", 500, manual=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(followed, town, asked["text"])

            async def held() -> bool:
                shown = await town.houses["Q"].control.ask("request.show", id=asked["id"])
                return bool(shown["phase"] == "HELD")

            await until("held", held)
            # A payment is followed over the control socket, a promise waits, a stream is open.
            for name, number in (("P", signal.SIGTERM), ("Q", signal.SIGINT)):
                await ended_well(town, name, number)
                await town.restart(name)
            await town.houses["Q"].control.ask("request.confirm", id=asked["id"])
        payments = (await town.houses["P"].control.ask("payment.list"))["payments"]

        async def committed() -> bool:
            shown = await town.houses["P"].control.ask("payment.show", id=payments[0]["id"])
            return bool(shown["phase"] == "COMMITTED")

        await until("committed after both restarts", committed)


async def followed(town: Town, text: str) -> None:
    from runtime.rpc_client import RpcError

    try:
        await pay(town, "P", text)
    except RpcError:
        return  # its daemon was stopped while it listened


async def ended_well(town: Town, name: str, number: signal.Signals) -> None:
    process = town.processes.release(town.houses[name].daemon)
    began = time.monotonic()
    process.send_signal(number)
    status = await trio.to_thread.run_sync(process.wait)
    assert status == 0, f"{name} ended with {status}"
    assert time.monotonic() - began < STOP_S, f"{name} took too long"


async def test_what_it_will_not_run_on(directory: Path) -> None:
    async with running(pair_network(), directory) as town:
        home = town.houses["P"].daemon.directory
        second = await run_node(home)
        one_line(second, "another daemon", str(home))
        assert (await pay(town, "P", (await request(town, "Q", 5))["text"]))["phase"] == "COMMITTED"
        await town.kill("P")
        await unusable_config(home)
        await foreign_database(home)
        await town.restart("P")
        await connected(town, "P")
        assert (await pay(town, "P", (await request(town, "Q", 5))["text"]))["phase"] == "COMMITTED"


async def unusable_config(home: Path) -> None:
    config = home / "config.toml"
    text = config.read_text()
    config.write_text("frobnicate = 1\n" + text)
    one_line(await run_node(home), "frobnicate", str(config))
    config.write_text(text)


async def foreign_database(home: Path) -> None:
    database = home / DATABASE
    kept = {p.name: p.read_bytes() for p in database.parent.iterdir()}
    for name in kept:
        (database.parent / name).unlink()
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    one_line(await run_node(home), str(database))
    for file in database.parent.iterdir():
        file.unlink()
    database.write_bytes(b"no database at all" * 100)
    one_line(await run_node(home), str(database))
    for file in database.parent.iterdir():
        file.unlink()
    for name, data in kept.items():
        (database.parent / name).write_bytes(data)


async def test_a_full_disk(directory: Path) -> None:
    """No write succeeds for a while: clean refusals, nothing lost, and it works again after."""
    async with running(pair_network(), directory, expected=NO_SPACE) as town:
        payer = town.houses["P"]
        assert (await pay(town, "P", (await request(town, "Q", 5))["text"]))["phase"] == "COMMITTED"
        limit_files(town, payer, full=True)
        refused = await refusal_for_want_of_space(town)
        assert refused == "STORE_FULL"
        assert (await payer.control.ask("audit"))["ok"], "the books are sound while it is full"
        limit_files(town, payer, full=False)
        await connected(town, "P")  # it reloads what the disk has, and its streams with it
        payment = await pay(town, "P", (await request(town, "Q", 6))["text"])
        assert payment["phase"] == "COMMITTED", payment
        (line,) = (await payer.control.ask("line.list"))["lines"]
        assert line["balance"] <= -11


async def test_a_payee_whose_disk_is_full(directory: Path) -> None:
    """A promise that cannot be written is not taken; once there is room the payment goes on."""
    async with running(pair_network(), directory, expected=NO_SPACE) as town:
        payee = town.houses["Q"]
        text = (await request(town, "Q", 7))["text"]
        limit_files(town, payee, full=True)
        ended = []

        async def pays() -> None:
            ended.append(await pay(town, "P", text))

        async def noticed() -> bool:
            return "the store refused" in payee.daemon.log.read_text()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(pays)
            await until("the payee's store refuses", noticed)
            limit_files(town, payee, full=False)
        assert ended[0]["phase"] == "COMMITTED", ended[0]
        (line,) = (await payee.control.ask("line.list"))["lines"]
        assert line["balance"] == 7


def limit_files(town: Town, house: House, *, full: bool) -> None:
    """RLIMIT_FSIZE of the running daemon: no file of its grows beyond what it has now."""
    wal = house.daemon.directory / DATABASE.with_name(DATABASE.name + "-wal")
    size = wal.stat().st_size if full else resource.RLIM_INFINITY
    resource.prlimit(town.processes.pid(house.daemon), resource.RLIMIT_FSIZE,
                     (size, resource.RLIM_INFINITY))  # fmt: skip


async def refusal_for_want_of_space(town: Town) -> str:
    control = town.houses["P"].control
    for _ in range(50):
        try:
            await control.ask("request.create", amount=1, brand="USD")
        except Refused as no:
            return no.code
    return "never"
