"""`pledgeway witness status`: ask a running witness which logs it cosigned, and how long ago."""

import json
import sys
import urllib.error
import urllib.request
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click

from node.command.display import Json, facts, gap, moment, table
from node.command.exit_status import REFUSED, UNUSABLE, fail
from registry.config import ConfigFault
from registry.home import HomeFault
from registry.witness.config import read_config
from registry.witness.home import WitnessHome, read_address

TIMEOUT_S: Final = 5.0
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024  # 256 logs of a few shards each; not a stranger's film


@click.command()
@click.argument("target", metavar="DIR|URL")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(target: str, as_json: bool) -> None:
    """Ask a running witness how it is: its logs, their sizes, when it cosigned them last.

    TARGET is its directory or its URL. Exit status 0: it cosigns; 1: it is down, or its clock does
    not allow it to cosign; 2: TARGET is unusable.

    \b
    Examples:
      pledgeway witness status ./w1
      pledgeway witness status https://witness.example --json
    """
    base = _base_url(target)
    answer = ask_witness(base)
    if answer is None:
        if as_json:
            click.echo(json.dumps({"ok": False, "reachable": False, "url": base}))
        fail(REFUSED, f"{base}: no witness answers there")
    if as_json:
        click.echo(json.dumps({**answer, "reachable": True, "url": base}))
    else:
        _show(base, answer)
    if answer.get("ok") is not True:
        sys.exit(REFUSED)


def _base_url(target: str) -> str:
    if target.startswith(("http://", "https://")):
        return target.rstrip("/")
    home = WitnessHome(Path(target))
    try:
        config = read_config(home.config)
        address = read_address(home) or config.listen
    except (ConfigFault, HomeFault) as fault:
        fail(UNUSABLE, str(fault))
    return f"http://{address}"


def ask_witness(base: str) -> dict[str, Any] | None:
    """What a witness says of itself. None where nobody answers, or somebody who is no witness."""
    try:
        parts = urlsplit(base)
        if not parts.hostname:
            return None
        handlers = [urllib.request.ProxyHandler({})] if _is_loopback(parts.hostname) else []
        opener = urllib.request.build_opener(*handlers)
        with opener.open(f"{base}/health", timeout=TIMEOUT_S) as response:
            data = response.read(MAX_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            data = error.read(MAX_ANSWER_BYTES)  # 503 carries the same answer: it is up
    except (OSError, ValueError):
        return None
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or not isinstance(answer.get("key"), str):
        return None
    return answer


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _show(base: str, answer: Json) -> None:
    error_us = answer.get("clock_error_us")
    evidence = answer.get("evidence")
    facts(
        (
            ("witness", answer.get("name")),
            ("key", answer.get("key")),
            ("at", base),
            ("state", "cosigning" if answer.get("ok") is True else "NOT cosigning: its clock"),
            ("clock error", f"{error_us / 1000:.1f} ms" if isinstance(error_us, int) else "-"),
            ("evidence", f"{len(evidence)} files" if isinstance(evidence, list) else "-"),
        )
    )
    gap()
    table(
        ("log", ">entries", "cosigned last", "registry"),
        (_row(shard, name) for name, shard in _shards(answer)),
        empty="Nothing cosigned yet.",
    )


def _shards(answer: Json) -> list[tuple[object, Json]]:
    """Whatever a stranger's server sends: what has not the form is left out."""
    logs = answer.get("logs")
    found: list[tuple[object, Json]] = []
    for log in logs if isinstance(logs, list) else ():
        shards = log.get("shards") if isinstance(log, dict) else None
        for shard in shards if isinstance(shards, list) else ():
            if isinstance(shard, dict):
                found.append((log.get("name"), shard))
    return found


def _row(shard: Json, name: object) -> tuple[object, ...]:
    time_s = shard.get("time_s")
    when = moment(time_s * 1_000_000) if isinstance(time_s, int) else "-"
    return shard.get("origin"), shard.get("size"), when, name
