"""Network files on disk: reads and writes the JSON form of protocol section 10."""

import errno
import gc
import json
import os
import select
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pathfinder.files.json_place import NetworkFileError, read_text, shown
from pathfinder.files.network_parse import parse_network
from pathfinder.network import Line, Network, Node, Policy
from proto.fees import FeeSet, RegistryFee

# A million lines between ids in hex, 200 bytes each, and a hundred thousand nodes, 1 KB each, fit
# with room to spare. What is read from it takes three times as much memory.
MAX_FILE_BYTES: Final = 512 * 1024 * 1024
PIPE_PATIENCE_S: Final = 30.0  # how long a pipe or a device may say nothing
_CHUNK_BYTES: Final = 1 << 20


def read_network(path: Path) -> Network:
    """Reads and checks a file. Raises NetworkFileError, which names the file and the place.

    A pipe is read as long as somebody writes to it, never waited for beyond `PIPE_PATIENCE_S`.
    """
    file = shown(str(path))
    try:
        text = read_text(_read(path))
        with _without_collector():
            return parse_network(text)
    except NetworkFileError as error:
        raise NetworkFileError(error.place, error.cause, file) from error


def _read(path: Path) -> bytes:
    try:
        # Not to wait for ever at a pipe that nobody opens for writing.
        source = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(source, "rb") as opened:
            if stat.S_ISREG(os.fstat(source).st_mode):
                # One byte more than allowed: the size asked for beforehand may be wrong by now.
                data = opened.read(MAX_FILE_BYTES + 1)
            else:
                data = b"".join(_chunks(source))
    except OSError as error:
        raise NetworkFileError("", f"cannot be read: {error.strerror}") from error
    except ValueError as error:  # a name that no file can have
        raise NetworkFileError("", f"cannot be read: {error}") from error
    if len(data) > MAX_FILE_BYTES:
        raise NetworkFileError("", f"holds more than {MAX_FILE_BYTES} bytes")
    return data


def _chunks(source: int) -> Iterator[bytes]:
    """What comes out of a pipe or device until its end, or one byte more than allowed."""
    left = MAX_FILE_BYTES + 1
    waiting = select.poll()
    waiting.register(source, select.POLLIN)
    while left:
        try:
            chunk = os.read(source, min(left, _CHUNK_BYTES))
        except BlockingIOError as error:
            if not waiting.poll(PIPE_PATIENCE_S * 1000):
                cause = f"nothing came out of it for {PIPE_PATIENCE_S:.0f} s"
                raise OSError(errno.ETIMEDOUT, cause) from error
            continue
        if not chunk:
            if left > MAX_FILE_BYTES and stat.S_ISFIFO(os.fstat(source).st_mode):
                raise OSError(errno.EPIPE, "a pipe that nobody writes to")
            return
        left -= len(chunk)
        yield chunk


@contextmanager
def _without_collector() -> Iterator[None]:
    """Millions of objects that hold no cycles are not to be searched for some: a third faster."""
    ran = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if ran:
            gc.enable()


def write_network(path: Path, network: Network) -> None:
    """Writes the file that `read_network` reads back as an equal value. Raises OSError."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(network_text(network))


def format_network(network: Network) -> str:
    """The JSON form as one text, which ends with a newline."""
    return "".join(network_text(network))


def network_text(network: Network) -> Iterator[str]:
    """The JSON form in pieces, a line of text for each node and line of the network."""
    return entries_text(
        network.registries,
        ((policy.name, policy_json(policy)) for policy in network.policies),
        ((node.name, node_json(node)) for node in network.nodes),
        (line_json(line) for line in network.lines),
    )


def entries_text(
    registries: Iterable[str],
    policies: Iterable[tuple[str, Mapping[str, Any]]],
    nodes: Iterable[tuple[str, Mapping[str, Any]]],
    lines: Iterable[Mapping[str, Any]],
) -> Iterator[str]:
    """As `network_text`, of entries that are in their JSON form already. Each is drawn once, in
    the order of the parameters."""
    yield "{\n" + f'"registries": {_json({name: {} for name in registries})},\n'
    yield '"policies": {'
    yield from _rows(f"{_json(name)}: {_json(entry)}" for name, entry in policies)
    yield '\n},\n"nodes": {'
    yield from _rows(f"{_json(name)}: {_json(entry)}" for name, entry in nodes)
    yield '\n},\n"lines": ['
    yield from _rows(_json(entry) for entry in lines)
    yield "\n]}\n"


def _rows(rows: Iterable[str]) -> Iterator[str]:
    for i, row in enumerate(rows):
        yield f",\n  {row}" if i else f"\n  {row}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def policy_json(policy: Policy) -> dict[str, Any]:
    """The entry of a policy, whose key is its name."""
    return {
        "members": list(policy.members),
        "qc": policy.qc,
        "qa": policy.qa,
        "f": policy.f,
        "delta_ms": policy.delta_us // 1000,
    }


def node_json(node: Node) -> dict[str, Any]:
    """The entry of a node, whose key is its name."""
    return {
        "accepts": sorted(node.accepts),
        "watches_registry": node.watches_registry,
        "hold_max_ms": node.hold_max_us // 1000,
        "fees": _fees(node.fees),
        "registry_fees": _registry_fees(node.registry_fees),
    }


def line_json(line: Line) -> dict[str, Any]:
    """The entry of one direction. Fee sets stand there only where the line has its own."""
    entry: dict[str, Any] = {
        "from": line.promisor,
        "to": line.promisee,
        "brand": line.brand,
        "available": line.available,
    }
    if line.fees is not None:
        entry["fees"] = _fees(line.fees)
    if line.registry_fees is not None:
        entry["registry_fees"] = _registry_fees(line.registry_fees)
    return entry


def _fees(fees: FeeSet) -> dict[str, Any]:
    return {
        mode.name: {"rate": str(fee.rate), "flat": fee.flat}
        for mode, fee in sorted(fees.fees.items(), reverse=True)
    }


def _registry_fees(fees: Mapping[str, RegistryFee]) -> dict[str, Any]:
    return {
        name: {
            "in_rate": str(fee.in_rate),
            "in_flat": fee.in_flat,
            "out_rate": str(fee.out_rate),
            "out_flat": fee.out_flat,
        }
        for name, fee in sorted(fees.items())
    }
