"""No password touches a disk, before, during and after a sale; and the key that opens what was
handed over is with the agent alone until the lock is committed, for good where it never is."""

import shutil
import time
from base64 import b64decode
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.command.__main__ import main
from node.command.demo.sale_cast import REGISTRY, Spans
from node.command.demo.sale_steps import AGENT, BUYER, SELLER, Course
from node.command.demo.sale_town import Market
from node.command.processes.control import Json
from node.command.processes.market import silent, until
from node.command.processes.typist import CommandFailed
from node.sale.vault import Vault
from runtime.identity import load_identity
from tests.e2e.sale.selling import case, ends, home, selling
from tests.node.sale.nowhere import assert_nowhere, files, found_in

pytestmark = pytest.mark.e2e

SOLD = case("sold")
# The registry hears of nothing until the lock's time is over: it lapses.
LAPSED = case("lapsed", Spans(agree=5, lock=6, release=5, window=1, refund=1, vote=1))


def key_of(market: Market, course: Course) -> bytes:
    """K of this sale, as the agent's vault draws it."""
    directory = home(market, course.agent)
    return Vault(load_identity(directory).key).lock_key(bytes.fromhex(course.id))


def require_no_password(market: Market, directory: Path) -> None:
    for password in market.secrets:
        assert_nowhere(password.encode(), directory)


def holders(secret: bytes, directory: Path) -> set[str]:
    """In whose files below `directory` the secret stands."""
    found = [p for p in files(directory) if found_in(secret, p.read_bytes())]
    return {p.relative_to(directory).parts[0] for p in found}


def lock_of(shown: Json) -> Json | None:
    """T1, as a node shows it."""
    return next((d for d in shown["decisions"] if d["decision"] == "LOCK"), None)


async def submits(course: Course) -> Json:
    """Once the agent has all signatures, and brings K to the registry: the lock."""

    def submitted(shown: Json) -> bool:
        lock = lock_of(shown)
        return lock is not None and bool(lock["submitted"])

    shown = await course.sees(AGENT, submitted, "submits the lock")
    lock = lock_of(shown)
    assert lock is not None
    return lock


async def test_secrets_of_sales(directory: Path) -> None:
    town, taken = directory / "town", directory / "town-taken"
    town.mkdir()
    async with selling(town, (SOLD, LAPSED)) as market:
        require_no_password(market, town)
        sold = Course(market, SOLD)
        await sold.agree()
        await refused(market, sold)
        await sold.give()
        with silent(market.town, REGISTRY):
            await sold.pass_on()
            await submits(sold)
            # As a thief would take it while the lock is undecided.
            shutil.copytree(town, taken, ignore=shutil.ignore_patterns("*.sock"))
        require_no_password(market, taken)
        await sold.reaches("LOCKED")
        key = key_of(market, sold)
        assert holders(key, taken) == {home(market, sold.agent).name}, "K before the lock"
        assert home(market, REGISTRY).name in holders(key, town), "the lock makes K public"
        shutil.rmtree(taken)
        require_no_password(market, town)
        await sold.open_up()
        await sold.prove()
        require_no_password(market, town)
        await sold.attest()
        await sold.vote()
        await sold.paid_out()
        assert set((await ends(sold)).values()) == {"ENDED"}
        await proves(market, sold, "RELEASED", town)
        await lapses(market, town)
        assert len(market.secrets) == 2 + 1 + 2 + 1, (
            "each was changed by who got it, and one was wrong"
        )
        require_no_password(market, town)
    require_no_password(market, town)


async def refused(market: Market, course: Course) -> None:
    """First the seller gives another password, which does not open it: the agent sends it back."""
    thing = course.case.thing
    right, market.passwords[thing] = market.passwords[thing], market.drawn()
    await course.give()
    await course.refuse()
    market.passwords[thing] = right
    await course.sees(SELLER, lambda shown: not shown["handover"]["given"], "is to give another")


async def proves(market: Market, course: Course, words: str, town: Path) -> None:
    """What each party's node hands out of it, read offline. The files stay, to be searched."""
    for part in (BUYER, SELLER, AGENT):
        told = await market.house(course.who(part)).control.ask("sale.evidence", id=course.id)
        file = town / "papers" / f"{course.case.scene}-{part}.sale"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b64decode(told["file"]))
        result = CliRunner().invoke(main, ["verify", "sale", str(file)])
        assert result.exit_code == 0, (part, result.output)
        assert result.stdout.startswith(words), (part, result.stdout)


async def lapses(market: Market, town: Path) -> None:
    """The lock is submitted, and the registry hears of it when its time is over."""
    course = Course(market, LAPSED)
    await course.agree()
    await course.give()
    with silent(market.town, REGISTRY):
        await course.pass_on()
        end_us = (await submits(course))["until_us"]

        async def over() -> bool:
            return time.time_ns() // 1000 > end_us

        await until("the lock's time is over", over)
    assert set((await ends(course)).values()) == {"RETURNED"}
    await proves(market, course, "NOTHING WAS SOLD", town)
    assert holders(key_of(market, course), town) <= {home(market, course.agent).name}
    with pytest.raises(CommandFailed, match="LOCKED"):
        await course.open_up()
