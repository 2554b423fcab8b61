"""What the owner of a path finder may set: config.toml, read once, checked whole, frozen."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proto.limits import MAX_ADDRESS_CHARS, MAX_ALIAS_CHARS
from runtime.address import ANY_HOST, split_address
from runtime.toml_file import TomlFault, TomlTable, quoted, read_toml

CONFIG_NAME: Final = "config.toml"
MS: Final = 1000  # microseconds
DEFAULT_LISTEN: Final = "127.0.0.1:7600"
DEFAULT_CLOCK_ERROR_MS: Final = 50  # what NTP keeps on an ordinary machine, generously
MAX_CLOCK_ERROR_MS: Final = 3_600_000
# A search that is not exact by then says so. Payers wait ten seconds for the whole answer.
DEFAULT_SEARCH_MS: Final = 4_000
MAX_SEARCH_MS: Final = 9_000
# Of one network (/24, or /48 of IPv6). A payer asks once for each attempt of a payment.
DEFAULT_PER_S: Final = 20
DEFAULT_BURST: Final = 100
MOST_PER_S: Final = 1_000_000
DEFAULT_ADVERTS_PER_S: Final = 5_000  # of one node: a core's work
# A line has two, and a node one; each costs some 1.5 kB here, and more in the graph.
DEFAULT_KNOWN_ADVERTS: Final = 500_000
LEAST_KNOWN_ADVERTS: Final = 1000
MOST_KNOWN_ADVERTS: Final = 10_000_000
DEFAULT_CALLS: Final = 64  # at once; each holds its question in memory while it waits for its turn
MOST_CALLS: Final = 512


class ConfigFault(Exception):
    """One line that names the file and the key."""


@dataclass(frozen=True, slots=True)
class PathFinderConfig:
    """`listen`: where payers ask; `peer_listen`: where nodes link, empty = it dials them. The
    addresses are what others dial, where that differs. Spans in µs."""

    alias: str
    listen: str = DEFAULT_LISTEN
    address: str = ""
    peer_listen: str = ""
    peer_address: str = ""
    declared_error_us: int = DEFAULT_CLOCK_ERROR_MS * MS
    search_us: int = DEFAULT_SEARCH_MS * MS
    network_per_s: int = DEFAULT_PER_S
    network_burst: int = DEFAULT_BURST
    max_calls: int = DEFAULT_CALLS
    max_adverts_per_s: int = DEFAULT_ADVERTS_PER_S
    max_known_adverts: int = DEFAULT_KNOWN_ADVERTS

    @property
    def service(self) -> str:
        """What payers dial."""
        return self.address or self.listen

    @property
    def peer_service(self) -> str:
        """What nodes dial; empty where they cannot."""
        return self.peer_address or self.peer_listen


def read_config(path: Path) -> PathFinderConfig:
    """Raises ConfigFault."""
    try:
        return _config(TomlTable(read_toml(path)))
    except TomlFault as fault:
        raise ConfigFault(f"{path}: {fault}") from fault


def check_config(config: PathFinderConfig, path: Path) -> PathFinderConfig:
    """The same config. ConfigFault where reading it back from `path` would raise one."""
    for key in ("alias", "listen", "address", "peer_listen", "peer_address"):
        # These would not even be TOML, which could not say where the mistake is.
        if not getattr(config, key).isprintable():
            raise ConfigFault(f"{path}: {key}: must be printable")
    try:
        return _config(TomlTable(tomllib.loads(config_text(config))))
    except TomlFault as fault:
        raise ConfigFault(f"{path}: {fault}") from fault


def _config(table: TomlTable) -> PathFinderConfig:
    default = PathFinderConfig("-")
    config = PathFinderConfig(
        alias=_text(table, "alias", "", MAX_ALIAS_CHARS),
        listen=_text(table, "listen", default.listen, MAX_ADDRESS_CHARS),
        address=_text(table, "address", "", MAX_ADDRESS_CHARS),
        peer_listen=_text(table, "peer_listen", "", MAX_ADDRESS_CHARS),
        peer_address=_text(table, "peer_address", "", MAX_ADDRESS_CHARS),
        declared_error_us=_number(
            table, "clock.declared_error_ms", DEFAULT_CLOCK_ERROR_MS, 0, MAX_CLOCK_ERROR_MS
        )
        * MS,
        search_us=_number(table, "search.limit_ms", DEFAULT_SEARCH_MS, 1, MAX_SEARCH_MS) * MS,
        network_per_s=_number(table, "limits.network_per_s", DEFAULT_PER_S, 1, MOST_PER_S),
        network_burst=_number(table, "limits.network_burst", DEFAULT_BURST, 1, MOST_PER_S),
        max_calls=_number(table, "limits.max_calls", DEFAULT_CALLS, 1, MOST_CALLS),
        max_adverts_per_s=_number(
            table, "limits.max_adverts_per_s", DEFAULT_ADVERTS_PER_S, 1, MOST_PER_S
        ),
        max_known_adverts=_number(
            table,
            "limits.max_known_adverts",
            DEFAULT_KNOWN_ADVERTS,
            LEAST_KNOWN_ADVERTS,
            MOST_KNOWN_ADVERTS,
        ),
    )
    table.done()
    _check(config)
    return config


def _check(config: PathFinderConfig) -> None:
    if not config.alias or config.alias.isspace():
        raise TomlTable.fault("alias", f"must be 1 to {MAX_ALIAS_CHARS} printable characters")
    if not config.listen:
        raise TomlTable.fault("listen", "must be HOST:PORT: payers ask there")
    for key, dialled in (("address", config.service), ("peer_address", config.peer_service)):
        given = {
            key: getattr(config, key),
            (own := key.replace("address", "listen")): getattr(config, own),
        }
        for name, text in given.items():
            if text and split_address(text) is None:
                raise TomlTable.fault(name, "must be HOST:PORT")
        where = split_address(dialled)
        if where is not None and where[0] in ANY_HOST:
            cause = f"nobody can dial {where[0]}"
            raise TomlTable.fault(key, cause if given[key] else f"missing: {cause}")
        if where is not None and where[1] == 0:
            name = key if given[key] else own
            raise TomlTable.fault(name, "nobody can dial port 0")
    if config.peer_address and not config.peer_listen:
        raise TomlTable.fault("peer_listen", "missing: nobody listens at peer_address")


def _text(table: TomlTable, key: str, default: str, at_most: int) -> str:
    value = table.take(key, default)
    if not isinstance(value, str) or len(value) > at_most or not value.isprintable():
        raise table.fault(key, f"must be a printable text of at most {at_most} characters")
    return value


def _number(table: TomlTable, key: str, default: int, least: int, most: int) -> int:
    value = table.number(key, least, most)
    return default if value is None else value


def config_text(config: PathFinderConfig) -> str:
    """The config.toml that `init` writes, with what an owner should know beside it."""
    return f"""\
alias = {quoted(config.alias)}    # what people call this path finder; its key is its name
listen = {quoted(config.listen)}    # HOST:PORT where payers ask (gRPC over TLS)
address = {quoted(config.address)}    # what they dial; empty = as in listen
peer_listen = {quoted(config.peer_listen)}    # HOST:PORT for nodes; empty = it dials them
peer_address = {quoted(config.peer_address)}    # what they dial; empty = as in peer_listen

[clock]
declared_error_ms = {config.declared_error_us // MS}    # what you vouch for

[search]
limit_ms = {config.search_us // MS}    # what is not exact by then says so

[limits]
network_per_s = {config.network_per_s}    # questions of one network (/24, or /48 of IPv6)
network_burst = {config.network_burst}
max_calls = {config.max_calls}    # at once
max_adverts_per_s = {config.max_adverts_per_s}    # of one node; more waits there
max_known_adverts = {config.max_known_adverts}    # in memory; beyond it who has most loses some
"""
