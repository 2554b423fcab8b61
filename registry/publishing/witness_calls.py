"""Calls to one witness over HTTP (C2SP tlog-witness), from a thread of its own. Blocking."""

import http.client
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from proto.checkpoint import Checkpoint
from proto.limits import MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES
from proto.note import Note, NoteSignature
from proto.plain_text import from_decimal, to_base64
from proto.record_parts import RecordWitness
from proto.wire import WireFault
from runtime.http_call import connection_to, shut_down

CALL_S: Final = 4.0  # connecting and each read; a witness writes one row
ATTEMPTS: Final = 3  # old size wrong, then known, then overtaken by somebody who publishes as well
SIZE_TYPE: Final = "text/x.tlog.size"

Proof = Callable[[int, int], Sequence[bytes]]
"""(old size, new size) -> consistency proof."""


class WitnessSilent(Exception):
    """No usable answer; one line that says why. Worth another try later."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """Lines that came back, not verified: the witness's cosignature is among them, or is not."""

    signatures: tuple[NoteSignature, ...]


@dataclass(frozen=True, slots=True)
class Ahead:
    """The witness has cosigned a longer log of this origin than the one it was shown."""

    size: int


@dataclass(frozen=True, slots=True)
class Forked:
    """The witness has cosigned another tree of some size, which ours does not begin with."""

    size: int


Outcome = Cosigned | Ahead | Forked


class WitnessCalls:
    """One connection, kept open between calls. Used by one thread; `close` by any."""

    def __init__(self, witness: RecordWitness) -> None:
        self.witness = witness
        self._prefix = urlsplit(witness.url).path.rstrip("/")
        self._connection: http.client.HTTPConnection | None = None
        self._known: dict[str, int] = {}  # by origin, what it cosigned last
        self._closed = False

    def close(self) -> None:
        """From any thread: ends a call that is under way, and all later ones."""
        self._closed = True
        shut_down(self._connection)

    def drop(self) -> None:
        """Closes the connection; the next call opens another. From the thread that calls."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def newest(self, origin: str) -> bytes | None:
        """The note that it cosigned last for an origin; None for none. WitnessSilent."""
        name = sha256(origin.encode()).hexdigest()
        status, _, body = self._call("GET", f"{self._prefix}/checkpoint/{name}", b"")
        if status == 200:
            return body
        if status == 404:
            self._known[origin] = 0
            return None
        raise WitnessSilent(f"{self.witness.url}: answers {status}")

    def add(self, note: Note, checkpoint: Checkpoint, proof: Proof) -> Outcome:
        """Submits a checkpoint, from whatever size the witness has. WitnessSilent."""
        old = self._known.get(checkpoint.origin, 0)
        for _ in range(ATTEMPTS):
            head = [
                f"old {old}",
                *(to_base64(part) for part in proof(old, checkpoint.size)),
                "",
                "",
            ]
            data = "\n".join(head).encode() + note.encode()
            status, kind, body = self._call("POST", f"{self._prefix}/add-checkpoint", data)
            if status == 200:
                self._known[checkpoint.origin] = checkpoint.size
                return Cosigned(_signatures(body))
            if status == 422:
                # It knows a tree of this size that ours does not begin with.
                return Forked(old)
            if status == 404:
                raise WitnessSilent(
                    f"{self.witness.url}: does not know {checkpoint.origin}; have its operator add"
                    " this registry's record"
                )
            if status != 409 or not kind.startswith(SIZE_TYPE):
                raise WitnessSilent(f"{self.witness.url}: answers {status}")
            size = _size(body)
            if size == old:
                return Forked(size)
            if size > checkpoint.size:
                return Ahead(size)
            old = self._known[checkpoint.origin] = size
        raise WitnessSilent(f"{self.witness.url}: somebody else submits checkpoints as well")

    def _call(self, method: str, target: str, data: bytes) -> tuple[int, str, bytes]:
        """(status, content type, body). WitnessSilent."""
        for fresh in (False, True):
            kept = self._connection
            if self._closed:
                raise WitnessSilent(f"{self.witness.url}: no longer asked")
            try:
                return self._exchange(method, target, data)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.drop()
                # A connection that was kept may have been closed meanwhile: that says nothing.
                if kept is None or fresh:
                    raise WitnessSilent(f"{self.witness.url}: {_cause(error)}") from error
        raise AssertionError("a call ends with an answer or a fault")

    def _exchange(self, method: str, target: str, data: bytes) -> tuple[int, str, bytes]:
        if self._connection is None:
            self._connection = connection_to(self.witness.url, CALL_S)
        self._connection.request(method, target, data, {"Content-Type": "text/plain"})
        response = self._connection.getresponse()
        # Read once, and one byte more than allowed, so that a flood ends here.
        body = response.read(MAX_NOTE_BYTES + 1)
        if len(body) > MAX_NOTE_BYTES:
            raise ValueError("answers too much")
        if response.will_close:
            self.drop()
        return response.status, response.headers.get("Content-Type", ""), body


def _size(body: bytes) -> int:
    try:
        return from_decimal(body.decode("ascii").removesuffix("\n"))
    except (UnicodeDecodeError, WireFault) as error:
        raise WitnessSilent("a witness that answers no size") from error


def _signatures(body: bytes) -> tuple[NoteSignature, ...]:
    """Lines that are none are left out: what counts is verified later anyway."""
    found = []
    for line in body.decode(errors="replace").split("\n")[:MAX_NOTE_SIGNATURES]:
        with suppress(WireFault):
            found.append(NoteSignature.parse(line))
    return tuple(found)


def _cause(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
