"""A witness fetches the newer record of a log by itself, and believes nothing but the old one."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing

import registry.witness.following as following
from node.command.sim.cast import signing_key
from proto.limits import MAX_RECORD_BYTES
from proto.registry_record import RegistryRecord, read_record
from registry.witness.cosigning import Given
from registry.witness.following import RecordFollower
from registry.witness.record_fetch import RecordFetch, RecordNotHad
from registry.witness.service import WitnessService
from registry.witness.state import Tally
from registry.witness.trust import TrustedLogs, add_log
from tests.patience import PATIENCE_S
from tests.registry.witness.cases import GrowingLog, open_witness, record_of

pytestmark = pytest.mark.edge

LOG = GrowingLog()
NEW = replace(LOG, key=signing_key("another log key"))
PREFIX = "example.net/harbour"
SUCCESSOR = record_of(NEW, sequence=2)


@dataclass
class Archive:
    """A web server that shows `body` at /registry. `asked`: the paths."""

    body: bytes = b""
    status: int = 200
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def known(self) -> RegistryRecord:
        return replace(read_record(record_of(LOG)), archive_url=f"{self.url}/commit/%s")


@contextmanager
def open_archive(body: bytes) -> Iterator[Archive]:
    archive = Archive(body)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            archive.asked.append(self.path)
            self.send_response(archive.status)
            self.send_header("Location", archive.url)
            self.end_headers()
            self.wfile.write(archive.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    archive.url = f"http://127.0.0.1:{server.server_address[1]}/r"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield archive
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sequence_in(folder: Path) -> int:
    return TrustedLogs(folder).all()[PREFIX].record.sequence


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Looks:
    """Fetches that end where a test says; each is counted, and the event tells that it came."""

    def __init__(self, data: bytes | None) -> None:
        self.data, self.count, self.came = data, 0, trio.Event()

    def __call__(self, known: RegistryRecord) -> RecordFetch:
        looks = self

        class Fetch(RecordFetch):
            def fetch(self) -> bytes:
                looks.count += 1
                data = looks.data
                trio.from_thread.run_sync(looks.came.set)
                if data is None:
                    raise RecordNotHad("nobody there")
                return data

        return Fetch(known)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "1").write_bytes(record_of(LOG))
    add_log(tmp_path / "logs", tmp_path / "1")
    return tmp_path / "logs"


async def until(check: Callable[[], bool]) -> None:
    with trio.fail_after(PATIENCE_S):
        while not check():
            await trio.lowlevel.checkpoint()


async def test_an_unknown_key_makes_it_look(folder: Path) -> None:
    with open_witness(folder.parent) as w:
        looks = Looks(SUCCESSOR)
        follower = RecordFollower(folder, TrustedLogs(folder), looks)
        service = WitnessService(w.cosigner, lambda: pytest.fail(), Tally(), follower.doubt)
        transport = httpx.ASGITransport(service.app())
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://w") as http,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(follower.run)
            assert (
                await http.post("/add-checkpoint", content=LOG.request(0, 3))
            ).status_code == 200
            refused = await http.post("/add-checkpoint", content=NEW.request(3, 4))
            assert refused.status_code == 403
            await until(lambda: sequence_in(folder) == 2)
            assert looks.count == 1, "not for the key that it knew"
            assert (
                await http.post("/add-checkpoint", content=NEW.request(3, 4))
            ).status_code == 200
            nursery.cancel_scope.cancel()
    with open_witness(folder.parent) as again:
        assert isinstance(again.cosigner.add(NEW.request(4, 5)), Given), "it is on disk"


async def test_strangers_cannot_make_it_ask_and_ask(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "ASK_AGAIN_S", 1000.0)
    looks = Looks(None)
    follower = RecordFollower(folder, TrustedLogs(folder), looks)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follower.run)
        for _ in range(50):
            follower.doubt(PREFIX)
            await trio.testing.wait_all_tasks_blocked()
        await until(looks.came.is_set)
        follower.doubt(PREFIX)
        follower.doubt("example.net/unknown")
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert looks.count == 1


async def test_a_doubt_that_comes_too_soon_is_put_off(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry was starting; nobody need doubt it a third time."""
    monkeypatch.setattr(following, "ASK_AGAIN_S", 0.05)
    looks = Looks(None)
    follower = RecordFollower(folder, TrustedLogs(folder), looks)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follower.run)
        follower.doubt(PREFIX)
        await until(looks.came.is_set)
        looks.data = SUCCESSOR
        follower.doubt(PREFIX)
        await until(lambda: sequence_in(folder) == 2)
        nursery.cancel_scope.cancel()
    assert looks.count == 2


async def test_it_looks_by_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FIRST_LOOK_S", 0.0)
    follower = RecordFollower(folder, TrustedLogs(folder), Looks(SUCCESSOR))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follower.run)
        await until(lambda: sequence_in(folder) == 2)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "shown",
    [
        record_of(LOG, sequence=0),
        record_of(NEW),  # of the same rank
        record_of(NEW, sequence=9, operators="thief"),  # another root
        record_of(NEW, sequence=9, origin="example.net/renamed"),
        b"nothing of the kind",
    ],
)
async def test_only_what_the_known_record_vouches_for(folder: Path, shown: bytes) -> None:
    before = files_in(folder)
    follower = RecordFollower(folder, TrustedLogs(folder), Looks(shown))
    warned = trio.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(following.log, "warning", lambda *_: warned.set())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(follower.run)
            follower.doubt(PREFIX)
            with trio.fail_after(PATIENCE_S):
                await warned.wait()
            nursery.cancel_scope.cancel()
    assert files_in(folder) == before


def test_a_look_at_an_archive() -> None:
    with open_archive(SUCCESSOR) as archive:
        assert RecordFetch(archive.known()).fetch() == SUCCESSOR
        assert archive.asked == ["/r/registry"]
        archive.status = 302
        with pytest.raises(RecordNotHad, match="302"):
            RecordFetch(archive.known()).fetch()
        archive.status, archive.body = 200, b"x" * (MAX_RECORD_BYTES + 1)
        with pytest.raises(RecordNotHad, match="more than"):
            RecordFetch(archive.known()).fetch()
        fetch = RecordFetch(archive.known())
        fetch.close()
        with pytest.raises(RecordNotHad, match="no longer"):
            fetch.fetch()
    with pytest.raises(RecordNotHad, match="refused"):
        RecordFetch(archive.known()).fetch()
