"""A registry process with decisions in it, a witness beside it, and a browser to look at it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from node.command.browsing.chromium import browser, missing
from node.command.browsing.window import Browser
from proto.commit import Commit
from proto.descriptor import Descriptor, commit_id, transaction_uuid
from proto.policy import RegistryPolicy, single
from proto.record_parts import RecordWitness
from registry.config import Config
from registry.home import Home, create
from registry.witness.config import WitnessConfig
from registry.witness.home import (
    WitnessHome,
    cosignature_key,
    create_witness,
    load_witness_key,
)
from registry.witness.trust import add_log
from tests.browser.serving import served
from tests.browser.two_sites import Sites, two_sites
from tests.patience import PATIENCE_S
from tests.proto.build import make_commit
from tests.registry.build import DECLINE_HASH, descriptor

SECOND_US = 1_000_000
NAME = "Harbour <Registry> & Söhne"  # a name may hold what HTML would take for its own
WITNESS = "witness.example/lighthouse"
ANY_PORT = "127.0.0.1:0"


@dataclass(frozen=True)
class Site:
    """Where the registry answers, and archive ids of its decisions."""

    url: str
    committed: str
    late: str
    unknown: str


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    absent = missing()
    if absent:
        pytest.skip(absent)
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def visitor(window: Browser) -> Iterator[Browser]:
    """The window as if nobody had used it before."""
    window.start_over()
    yield window
    window.scripts(True)  # whoever takes the window as it is can count on them


@pytest.fixture(scope="session")
def _second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    absent = missing()
    if absent:
        pytest.skip(absent)
    with browser(tmp_path_factory.mktemp("second")) as opened:
        yield opened


@pytest.fixture
def another(_second: Browser) -> Browser:
    """A second person, who shares no cookie and no passkey with the first."""
    _second.start_over()
    return _second


@pytest.fixture(scope="session")
def sites() -> Iterator[Sites]:
    """A bank and a shop that are two sites to the browser (see two_sites.py)."""
    with served(two_sites()) as port:
        yield Sites(port)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("browser")
    with _witness(folder / "w") as witness:
        config = Config(NAME, "", ANY_PORT, ANY_PORT, witnesses=(witness,), witness_quorum=1)
        now_us = time.time_ns() // 1000
        record = create(folder / "r", config, 3, 2, now_us, os.urandom)
        add_log(WitnessHome(folder / "w").logs, Home(folder / "r").record)
        with _process("registry", folder / "r") as words:
            yield _filled(words["archive"], single(record.registry), now_us)


def _filled(url: str, policy: RegistryPolicy, now_us: int) -> Site:
    """Decides a few things, and waits until the first of them is proven."""

    def due(label: str, deadline_us: int) -> Descriptor:
        return descriptor(label, policy=policy, decline_hash=DECLINE_HASH, deadline_us=deadline_us)

    committed = [due(f"paid {i}", now_us + 60 * SECOND_US) for i in range(5)]
    late = [due(f"late {i}", now_us - 3600 * SECOND_US) for i in range(3)]
    unknown = transaction_uuid(sha256(b"nobody").digest())
    site = Site(url, _uuid(committed[0]), _uuid(late[0]), str(unknown))
    with httpx.Client(base_url=url, trust_env=False) as http:
        for each in committed:
            assert http.post("/submit", content=_bytes(make_commit(each))).status_code == 200
        for each in late:
            assert http.post("/commit", content=each.encode()).status_code == 200
        give_up_s = time.monotonic() + PATIENCE_S
        while "immutable" not in http.get(f"/commit/{site.committed}").headers["cache-control"]:
            assert time.monotonic() < give_up_s, "its log proof does not come"
            time.sleep(0.05)
    return site


def _bytes(commit: Commit) -> bytes:
    return commit.to_message().SerializeToString()


def _uuid(of: Descriptor) -> str:
    return str(transaction_uuid(commit_id(of.encode())))


@contextmanager
def _witness(folder: Path) -> Iterator[RecordWitness]:
    """A witness process, and what a registry has to know of it."""
    create_witness(folder, WitnessConfig(name=WITNESS, listen=ANY_PORT), os.urandom)
    key = cosignature_key(WITNESS, load_witness_key(WitnessHome(folder)))
    with _process("witness", folder) as words:
        yield RecordWitness(key, words["witness"])


@contextmanager
def _process(who: str, folder: Path) -> Iterator[dict[str, str]]:
    """A daemon, and the words of its ready line."""
    with subprocess.Popen(
        [sys.executable, "-m", "node.command", who, "run", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            ready, *words = process.stdout.readline().split()
            assert ready == "ready"
            yield dict(word.split("=", 1) for word in words)
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE_S)
