"""`pledgeway registry status`: what an operator has to know of a running registry."""

import ipaddress
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

import click

from node.command.display import facts, moment, span
from node.command.exit_status import plain
from proto.limits import US
from proto.registry_record import RegistryRecord
from registry.health import Health, State
from registry.health_json import MAX_HEALTH_BYTES, read_health
from registry.home import Home, HomeFault, load_record

REFUSED: Final = 1  # it does not decide, or nobody answers
UNUSABLE: Final = 2  # the input cannot be used
STATUS_TIMEOUT_S: Final = 5.0
WARN_KEY_US: Final = 30 * 86_400 * US  # time enough to gather the operators
WARN_DISK_BYTES: Final = 1 << 30  # two million decisions
WARN_WAITING: Final = 1000  # a member that answers is told so many in well under a second
SHOWN_DIGITS: Final = 8  # of a member's id: names are not its own alone
UNKNOWN_ERROR_US: Final = 3600 * US  # nobody measured it: a clock that is that wrong is found out
WARN_MARK: Final = "  <- "

STATES: Final = {
    State.DECIDING.name: "deciding",
    State.CLOCK_UNSAFE.name: "NOT deciding: its clock's error is too large",
    State.CLOCK_BEHIND.name: "NOT deciding: its clock is behind a time it decided at",
    State.KEY_EXPIRED.name: "NOT deciding: its statement key is outside its life",
    State.STORE_SILENT.name: "NOT deciding: its database is away, or waits for a standby",
    State.LOG_STALLED.name: "NOT deciding: witnesses have not cosigned its log for too long",
}


@click.command()
@click.argument("target", metavar="DIR|RECORD|URL")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(target: str, as_json: bool) -> None:
    """Ask a running registry how it is.

    TARGET is its directory, its record file, or the URL of its archive. Exit status 0: it
    decides; 1: it is down, or does not decide; 2: TARGET is unusable.

    \b
    Examples:
      pledgeway registry status ./r1
      pledgeway registry status http://127.0.0.1:7480 --json
    """
    base = _base_url(target)
    health = ask_health(base)
    if health is None:
        if as_json:
            click.echo(json.dumps({"ok": False, "reachable": False, "url": base}))
        _fail(REFUSED, f"{base}: no registry answers there")
    if as_json:
        click.echo(json.dumps(asdict(health) | {"reachable": True, "url": base}))
    else:
        facts([("archive", base), *_facts(health)])
    if not health.ok:
        sys.exit(REFUSED)


def _fail(code: int, line: str) -> NoReturn:
    click.echo(f"pledgeway: {line}", err=True)
    sys.exit(code)


def _base_url(target: str) -> str:
    if target.startswith(("http://", "https://")):
        return target.rstrip("/")
    path = Path(target)
    try:
        record: RegistryRecord = load_record(Home(path).record if path.is_dir() else path)
    except HomeFault as fault:
        _fail(UNUSABLE, str(fault))
    return record.archive_url.removesuffix("/commit/%s")


def ask_health(base: str) -> Health | None:
    """What the registry at this URL says of itself. None: nobody answers, or no registry does."""
    try:
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        handlers = [urllib.request.ProxyHandler({})] if _is_loopback(parts.hostname) else []
        opener = urllib.request.build_opener(*handlers)
        with opener.open(f"{base}/health", timeout=STATUS_TIMEOUT_S) as response:
            data = response.read(MAX_HEALTH_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            data = error.read(MAX_HEALTH_BYTES)  # 503 carries the same answer: it is up
    except (OSError, ValueError):
        return None
    return read_health(data)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _facts(health: Health) -> Iterator[tuple[str, str]]:
    yield "registry", health.registry
    yield "name", plain(health.name)
    yield "state", STATES[health.state]
    yield "clock error", _clock_error(health)
    yield "decisions", f"{health.decisions:,}"
    yield "pending", f"{health.pending:,} announced and undecided"
    yield "queue", f"{health.queue:,} waiting"
    yield from _log(health)
    left_us = health.key_not_after_us - health.now_us
    soon = f"{WARN_MARK}certify another one soon" if left_us < WARN_KEY_US else ""
    yield "statement key", f"until {moment(health.key_not_after_us)}{soon}"
    left_us = health.record_expires_at_us - health.now_us
    soon = f"{WARN_MARK}sign a new one soon" if left_us < WARN_KEY_US else ""
    yield "record", f"until {moment(health.record_expires_at_us)}{soon}"
    yield "database", f"{health.database_bytes / 1024:,.0f} KiB"
    full = f"{WARN_MARK}make room" if health.disk_free_bytes < WARN_DISK_BYTES else ""
    yield "disk free", f"{health.disk_free_bytes / (1 << 20):,.0f} MiB{full}"


def _clock_error(health: Health) -> str:
    source = health.clock_source
    if health.clock_error_us > UNKNOWN_ERROR_US:
        step = ": see `chronyc -c tracking` as its user" if source == "chrony" else ""
        return f"unknown ({source}){step}"
    error = f"{health.clock_error_us / 1000:.1f} ms"
    return f"{error} of {health.clock_limit_us / 1000:.1f} ms ({source})"


def _log(health: Health) -> Iterator[tuple[str, str]]:
    for shard in health.shards:
        entries = f"{shard.entries:,} {'entry' if shard.entries == 1 else 'entries'}"
        if shard.published_at_us:
            age = _age(shard.published_at_us, health.now_us)
            entries += f", checkpoint of {shard.published:,} {age}"
        else:
            entries += ", no checkpoint yet"
        yield f"log {shard.shard or ''}".rstrip(), entries
    if not health.witnesses:
        yield "witnesses", "none: nobody else vouches for its log"
    # What it cosigned before, in an earlier run of the registry, nobody has noted.
    some = any(shard.published_at_us for shard in health.shards)
    unseen = "not this checkpoint, nor any since the start" if some else "nothing yet"
    for witness in health.witnesses:
        seen = f"cosigned {_age(witness.at_us, health.now_us)}" if witness.at_us else unseen
        yield "witness", f"{plain(witness.name)} {seen}"
    if health.witnesses:
        yield "quorum", f"{health.witness_quorum} of {len(health.witnesses)} witnesses"
    for member in health.members:
        waits = f"{member.waiting:,} commits wait for it" if member.waiting else "told everything"
        mark = f"{WARN_MARK}is it down?" if member.waiting >= WARN_WAITING else ""
        yield "member", f"{plain(member.name)} {member.registry[:SHOWN_DIGITS]}: {waits}{mark}"


def _age(at_us: int, now_us: int) -> str:
    return f"{span(max(0, now_us - at_us) // US)} ago"
