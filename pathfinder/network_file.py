"""Network files on disk: reads and writes the JSON form of protocol section 10."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pathfinder.json_place import NetworkFileError, shown
from pathfinder.network import Line, Network, Node, Policy
from pathfinder.network_parse import parse_network
from proto.fees import FeeSet, RegistryFee

MAX_FILE_BYTES: Final = 256 * 1024 * 1024  # a million lines of JSON; more would not fit in memory


def read_network(path: Path) -> Network:
    """Reads and checks a file. Raises NetworkFileError, which names the file and the place."""
    file = shown(str(path))
    try:
        with path.open("rb") as source:
            # One byte more than allowed: a size asked for beforehand may be wrong (a pipe, say).
            text = source.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise NetworkFileError("", f"cannot be read: {error.strerror}", file) from error
    if len(text) > MAX_FILE_BYTES:
        raise NetworkFileError("", f"holds more than {MAX_FILE_BYTES} bytes", file)
    try:
        return parse_network(text)
    except NetworkFileError as error:
        raise NetworkFileError(error.place, error.cause, file) from error


def write_network(path: Path, network: Network) -> None:
    """Writes the file that `read_network` reads back as an equal value. Raises OSError."""
    path.write_text(format_network(network), encoding="utf-8")


def format_network(network: Network) -> str:
    """The JSON form, one line for each node and line of the network; ends with a newline."""
    lines = [
        "{",
        f'"registries": {_json({name: {} for name in network.registries})},',
        '"policies": {' + _rows(f"{_json(p.name)}: {_json(_policy(p))}" for p in network.policies),
        "},",
        '"nodes": {' + _rows(f"{_json(n.name)}: {_json(_node(n))}" for n in network.nodes),
        "},",
        '"lines": [' + _rows(_json(_line(line)) for line in network.lines),
        "]}",
    ]
    return "\n".join(lines) + "\n"


def _rows(rows: Any) -> str:
    return ",".join(f"\n  {row}" for row in rows)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _policy(policy: Policy) -> dict[str, Any]:
    return {
        "members": list(policy.members),
        "qc": policy.qc,
        "qa": policy.qa,
        "f": policy.f,
        "delta_ms": policy.delta_us // 1000,
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "accepts": sorted(node.accepts),
        "watches_registry": node.watches_registry,
        "hold_max_ms": node.hold_max_us // 1000,
        "fees": _fees(node.fees),
        "registry_fees": _registry_fees(node.registry_fees),
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "from": line.promisor,
        "to": line.promisee,
        "brand": line.brand,
        "available": line.available,
        "fees": None if line.fees is None else _fees(line.fees),
        "registry_fees": (
            None if line.registry_fees is None else _registry_fees(line.registry_fees)
        ),
    }


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
