"""What the operator of a witness may set: config.toml, read once, checked whole, frozen."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proto.note import is_note_name
from registry.config import MAX_ADDRESS_CHARS, MAX_MS, MS, URL_SCHEMES, ConfigFault
from runtime.address import split_address
from runtime.toml_file import TomlFault, TomlTable, quoted, read_toml


@dataclass(frozen=True, slots=True)
class WitnessConfig:
    """Spans in µs. `name`: of the cosignature key, a schema-less URL or any word.

    `public_url`: the C2SP submission prefix that others are told; empty = where we listen.
    `requests_per_s`: new checkpoints of one log that are cosigned in a second.
    """

    name: str
    listen: str
    public_url: str = ""
    database: str = "witness.sqlite"
    clock_source: str = "declared"
    declared_error_us: int = 50 * MS
    max_error_us: int = 1000 * MS
    requests_per_s: int = 20


DEFAULTS: Final = WitnessConfig(name="", listen="")


def read_config(path: Path) -> WitnessConfig:
    """Raises ConfigFault: one line that names the file and the key."""
    try:
        return _Reader(TomlTable(read_toml(path))).config()
    except TomlFault as fault:
        raise ConfigFault(f"{path}: {fault}") from fault


class _Reader:
    """From keys to the configuration. TomlFault."""

    def __init__(self, table: TomlTable) -> None:
        self._table = table
        self._fault = table.fault

    def config(self) -> WitnessConfig:
        config = WitnessConfig(
            name=self._text("name", None),
            listen=self._text("listen", None),
            public_url=self._text("public_url", ""),
            database=self._text("database", DEFAULTS.database),
            clock_source=self._text("clock.source", "declared"),
            declared_error_us=self._whole("clock.declared_error_ms", 50, 0, MAX_MS) * MS,
            max_error_us=self._whole("clock.max_error_ms", 1000, 0, MAX_MS) * MS,
            requests_per_s=self._whole("limits.requests_per_s", 20, 1, 10_000),
        )
        self._table.done()
        self._check(config)
        return config

    def _check(self, config: WitnessConfig) -> None:
        if not is_note_name(config.name):
            raise self._fault("name", "must be printable, without spaces and plus signs")
        if split_address(config.listen) is None:
            raise self._fault("listen", f"{config.listen!r} is not HOST:PORT")
        if config.public_url and not config.public_url.startswith(URL_SCHEMES):
            raise self._fault("public_url", "must begin with http:// or https://")
        if not config.database:
            raise self._fault("database", "must not be empty")
        if config.clock_source not in ("declared", "chrony"):
            raise self._fault("clock.source", 'must be "declared" or "chrony"')
        if config.declared_error_us > config.max_error_us:
            raise self._fault("clock.declared_error_ms", "above max_error_ms: nothing is cosigned")

    def _text(self, key: str, default: str | None) -> str:
        value = self._table.take(key, default)
        if value is None:
            raise self._fault(key, "missing")
        if not isinstance(value, str) or len(value) > MAX_ADDRESS_CHARS or not value.isprintable():
            raise self._fault(key, f"must be a text of at most {MAX_ADDRESS_CHARS} characters")
        return value

    def _whole(self, key: str, default: int, at_least: int, at_most: int) -> int:
        value = self._table.number(key, at_least, at_most)
        return default if value is None else value


def config_text(config: WitnessConfig) -> str:
    """The config.toml that `init` writes, with what an operator should know beside it."""
    shown = quoted(config.public_url or "https://witness.example")
    mark = "" if config.public_url else "# "
    return f"""\
# Part of every cosignature, and of the key that logs and verifiers are told: it never changes.
name = {quoted(config.name)}
# HTTP. Port 0 takes any free port, and keeps it where it can.
listen = {quoted(config.listen)}
# What others are told, where a proxy with TLS stands in front:
{mark}public_url = {shown}
database = {quoted(config.database)}

[clock]
source = {quoted(config.clock_source)}    # "chrony" asks `chronyc tracking` for the error
declared_error_ms = {config.declared_error_us // MS}    # what you vouch for
max_error_ms = {config.max_error_us // MS}    # beyond it nothing is cosigned

[limits]
requests_per_s = {config.requests_per_s}    # new checkpoints of one log, cosigned in a second
"""
