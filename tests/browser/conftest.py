"""A registry process with decisions in it, and a browser to look at it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

import httpx
import pytest

from proto.commit import Commit
from proto.descriptor import Descriptor, commit_id, transaction_uuid
from proto.policy import single
from registry.config import Config
from registry.home import Home, create
from tests.browser.webdriver import Browser, browser, missing
from tests.proto.build import make_commit
from tests.registry.build import DECLINE_HASH, descriptor

SECOND_US = 1_000_000
NAME = "Harbour <Registry> & Söhne"  # a name may hold what HTML would take for its own
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


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = Home(tmp_path_factory.mktemp("browser") / "r")
    config = Config(name=NAME, log_origin="", listen=ANY_PORT, archive=ANY_PORT)
    record = create(home.path, config, 3, 2, time.time_ns() // 1000, os.urandom)
    with _running(home) as url, httpx.Client(base_url=url, trust_env=False) as http:
        now_us = time.time_ns() // 1000

        def due(label: str, deadline_us: int) -> Descriptor:
            policy = single(record.registry)
            return descriptor(
                label, policy=policy, decline_hash=DECLINE_HASH, deadline_us=deadline_us
            )

        committed = [due(f"paid {i}", now_us + 60 * SECOND_US) for i in range(5)]
        late = [due(f"late {i}", now_us - 3600 * SECOND_US) for i in range(3)]
        for each in committed:
            assert http.post("/submit", content=_bytes(make_commit(each))).status_code == 200
        for each in late:
            assert http.post("/commit", content=each.encode()).status_code == 200
        unknown = transaction_uuid(sha256(b"nobody").digest())
        yield Site(url, _uuid(committed[0]), _uuid(late[0]), str(unknown))


def _bytes(commit: Commit) -> bytes:
    return commit.to_message().SerializeToString()


def _uuid(of: Descriptor) -> str:
    return str(transaction_uuid(commit_id(of.encode())))


@contextmanager
def _running(home: Home) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-m", "registry", str(home.path)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            words = process.stdout.readline().split()
            assert words[:1] == ["ready"], words
            yield dict(word.split("=", 1) for word in words[1:])["archive"]
        finally:
            process.terminate()
            process.wait(timeout=5)
