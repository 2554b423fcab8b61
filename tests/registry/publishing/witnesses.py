"""Witnesses on loopback: the real cosigning core behind a small HTTP server in a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from node.command.sim.cast import NOW_US, SECOND, signing_key
from proto.note import COSIGNATURE, NoteKey
from proto.record_parts import RecordWitness
from registry.witness.cosigning import Cosigner, Pace
from registry.witness.evidence import EvidenceShelf
from registry.witness.rule import Refusal
from registry.witness.service import SIZE_TYPE, STATUS
from registry.witness.store import open_witness_store
from registry.witness.trust import SUFFIX, TrustedLogs
from runtime.clock import FakeClock


@dataclass
class Loopback:
    """One witness. `down`: it answers nothing but 503. `asked`: the requests, newest last."""

    name: str
    cosigner: Cosigner
    clock: FakeClock
    folder: Path
    url: str = ""
    down: bool = False
    asked: list[str] = field(default_factory=list)

    @property
    def witness(self) -> RecordWitness:
        key = signing_key(self.name)
        return RecordWitness(NoteKey(self.name, COSIGNATURE, key.public), self.url)

    def accept(self, record: bytes) -> None:
        """Adds, or renews, a registry's record."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / f"{sha256(record).hexdigest()[:8]}{SUFFIX}").write_bytes(record)


def handler_of(witness: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            witness.asked.append(body.decode())
            answer = witness.cosigner.add(body)
            if not isinstance(answer, Refusal):
                self._reply(200, answer.line.encode(), "text/plain")
            elif STATUS[answer.reason] == 409:
                self._reply(409, b"%d\n" % answer.size, SIZE_TYPE)
            else:
                self._reply(STATUS[answer.reason], answer.reason.value.encode(), "text/plain")

        def do_GET(self) -> None:
            note = witness.cosigner.newest(bytes.fromhex(self.path.rsplit("/", 1)[-1]))
            self._reply(404 if note is None else 200, note or b"", "text/plain")

        def _reply(self, status: int, body: bytes, kind: str) -> None:
            status, body = (503, b"") if witness.down else (status, body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def open_loopback(path: Path, name: str) -> Iterator[Loopback]:
    """A witness that accepts no log yet."""
    clock, folder = FakeClock(NOW_US, 50_000), path / "logs"
    path.mkdir()
    folder.mkdir()
    with open_witness_store(path / "witness.sqlite") as store:
        cosigner = Cosigner(
            store,
            TrustedLogs(folder),
            clock,
            SECOND,
            name,
            signing_key(name),
            EvidenceShelf(path / "evidence"),
            Pace(1000),
        )
        witness = Loopback(name, cosigner, clock, folder)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(witness))
        server.daemon_threads = True
        witness.url = f"http://127.0.0.1:{server.server_address[1]}/w"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield witness
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
