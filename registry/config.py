"""What an operator may set: config.toml, read once, checked whole, frozen."""

from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from proto.lateness import LONGEST_MMD_US
from proto.limits import GUARD_US
from proto.record_parts import RecordWitness, read_witnesses
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault
from runtime.address import split_address
from runtime.buckets import IPV4_PREFIX, IPV6_PREFIX, Network
from runtime.toml_file import TomlFault, TomlTable, quoted, read_toml

MS: Final = 1000  # microseconds
SECOND_US: Final = 1_000_000
LEAP_SECOND_US: Final = 1_000_000
MAX_EXEMPT: Final = 64  # each is compared with every network that is new to us
MAX_NAME_CHARS: Final = 64
MAX_ORIGIN_CHARS: Final = 100  # it travels in every statement, beside a leaf of 150 bytes
MAX_ADDRESS_CHARS: Final = 255
MAX_URL_CHARS: Final = 1024  # of a database with its options
POSTGRESQL: Final = "postgresql+psycopg://"
MAX_EXAMINERS: Final = 64  # each keeps a core busy
CLOCKS: Final = ("declared", "chrony")  # where a bound on the clock's error comes from
URL_SCHEMES: Final = ("http://", "https://")
MAX_MS: Final = 10**9  # eleven days: beyond it a span in ms is a slip of the pen
MIN_WITNESSED_MMD_US: Final = 4 * SECOND_US  # half of it is left to sign, submit and gather
MAX_DEADLINE_S: Final = 10 * 366 * 86_400


class ConfigFault(Exception):
    """One line that names the file and the key."""


@dataclass(frozen=True, slots=True)
class Config:
    """Spans in µs. `public_*`: what the record tells others; empty = where we listen."""

    name: str
    log_origin: str
    listen: str
    archive: str
    public_listen: str = ""
    public_archive: str = ""
    database: str = "decisions.sqlite"
    capacity_per_s: int = 5000
    examiners: int = 1
    network_per_s: int = 1000
    network_burst: int = 2000
    exempt_networks: tuple[Network, ...] = ()
    clock_source: str = "declared"
    declared_error_us: int = 50 * MS
    max_error_us: int = 250 * MS
    leap: str = "smear"
    guard_us: int = GUARD_US
    min_lead_us: int = 500 * MS
    max_deadline_us: int = 30 * 86_400 * SECOND_US
    mmd_us: int = 60 * SECOND_US
    witnesses: tuple[RecordWitness, ...] = ()
    witness_quorum: int = 0
    covered: bool = False  # a statement goes out beneath a cosigned checkpoint only

    def database_in(self, directory: Path) -> Path | str:
        """A file, or the URL of a PostgreSQL that several processes of this registry share."""
        return self.database if self.database.startswith(POSTGRESQL) else directory / self.database


DEFAULTS: Final = Config(name="", log_origin="", listen="", archive="")


def read_config(path: Path) -> Config:
    """Raises ConfigFault."""
    try:
        return _Reader(TomlTable(read_toml(path))).config()
    except TomlFault as fault:
        raise ConfigFault(f"{path}: {fault}") from fault


class _Reader:
    """From keys to the configuration. TomlFault."""

    def __init__(self, table: TomlTable) -> None:
        self._table = table
        self._fault = table.fault

    def config(self) -> Config:
        config = Config(
            name=self._text("name", None, MAX_NAME_CHARS),
            log_origin=self._text("log_origin", None, MAX_ORIGIN_CHARS),
            listen=self._address("listen", None),
            archive=self._address("archive", None),
            public_listen=self._address("public_listen", ""),
            public_archive=self._text("public_archive", "", MAX_ADDRESS_CHARS),
            database=self._text("database", DEFAULTS.database, MAX_URL_CHARS),
            capacity_per_s=self._number("capacity_per_s", DEFAULTS.capacity_per_s, 1, 1, 10**6),
            examiners=self._number("examiners", DEFAULTS.examiners, 1, 0, MAX_EXAMINERS),
            network_per_s=self._number("quota.network_per_s", DEFAULTS.network_per_s, 1, 1, 10**6),
            network_burst=self._number("quota.network_burst", DEFAULTS.network_burst, 1, 1, 10**7),
            exempt_networks=self._networks("quota.exempt"),
            clock_source=self._choice("clock.source", CLOCKS),
            declared_error_us=self._ms("clock.declared_error_ms", DEFAULTS.declared_error_us),
            max_error_us=self._ms("clock.max_error_ms", DEFAULTS.max_error_us),
            leap=self._choice("clock.leap", ("smear", "step")),
            guard_us=self._ms("limits.guard_ms", DEFAULTS.guard_us),
            min_lead_us=self._ms("limits.min_lead_ms", DEFAULTS.min_lead_us),
            max_deadline_us=self._number(
                "limits.max_deadline_s", DEFAULTS.max_deadline_us, SECOND_US, 1, MAX_DEADLINE_S
            ),
            mmd_us=self._ms("limits.mmd_ms", DEFAULTS.mmd_us),
            witnesses=(witnesses := self._witnesses("log.witnesses")),
            witness_quorum=self._number(
                "log.quorum", len(witnesses) // 2 + bool(witnesses), 1, 0, len(witnesses)
            ),
            covered=self._choice("log.release", ("logged", "covered")) == "covered",
        )
        self._table.done()
        self._check(config)
        return config

    def _check(self, config: Config) -> None:
        if config.declared_error_us > config.max_error_us:
            raise self._fault("clock.declared_error_ms", "above max_error_ms: nothing ever decided")
        if config.public_archive and not config.public_archive.startswith(URL_SCHEMES):
            raise self._fault("public_archive", "must begin with http:// or https://")
        if "://" in config.database and not config.database.startswith(POSTGRESQL):
            raise self._fault("database", f"must be a file name or begin with {POSTGRESQL}")
        if config.guard_us < LEAP_SECOND_US + config.max_error_us:
            raise self._fault("limits.guard_ms", "must cover a leap second and max_error_ms")
        if config.covered and not config.witness_quorum:
            raise self._fault("log.release", "nothing is ever covered without a witness")
        if config.witness_quorum and config.mmd_us < MIN_WITNESSED_MMD_US:
            raise self._fault("limits.mmd_ms", "too short for witnesses: at least 4000")
        if config.mmd_us > LONGEST_MMD_US:
            # What it allows itself beyond that would be held against it (E6, E7).
            raise self._fault("limits.mmd_ms", f"nobody waits longer than {LONGEST_MMD_US // MS}")

    def _text(self, key: str, default: str | None, at_most: int) -> str:
        value = self._table.take(key, default)
        if value is None:
            raise self._fault(key, "missing")
        if not isinstance(value, str) or len(value) > at_most or not value.isprintable():
            raise self._fault(key, f"must be a printable text of at most {at_most} characters")
        if not value and default is None:
            raise self._fault(key, "must not be empty")
        return value

    def _address(self, key: str, default: str | None) -> str:
        value = self._text(key, default, MAX_ADDRESS_CHARS)
        if value and split_address(value) is None:
            raise self._fault(key, "must be HOST:PORT")
        return value

    def _witnesses(self, key: str) -> tuple[RecordWitness, ...]:
        """A list of tables, each a verifier key and the address that is asked for cosignatures."""
        value = self._table.take(key, [])
        messages = []
        for entry in value if isinstance(value, list) else [value]:
            told = entry if isinstance(entry, dict) and entry.keys() == {"key", "url"} else {}
            if not told or not all(isinstance(text, str) and text for text in told.values()):
                raise self._fault(key, 'must be a list of {key = "NAME+HASH+KEY", url = "http…"}')
            messages.append(pb.Witness(key=told["key"], url=told["url"]))
        try:
            return read_witnesses(messages, 0)
        except WireFault as fault:
            raise self._fault(key, str(fault)) from fault

    def _choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self._table.take(key, choices[0])
        if not isinstance(value, str) or value not in choices:
            raise self._fault(key, f"must be one of {', '.join(choices)}")
        return value

    def _networks(self, key: str) -> tuple[Network, ...]:
        value = self._table.take(key, [])
        if not isinstance(value, list) or len(value) > MAX_EXEMPT:
            raise self._fault(key, f"must be a list of at most {MAX_EXEMPT} networks")
        try:
            networks = tuple(ip_network(str(text)) for text in value)
        except ValueError as error:
            raise self._fault(key, str(error)) from error
        for network in networks:
            # Callers are counted by these prefixes: a narrower exemption could not be kept.
            widest = IPV4_PREFIX if network.version == 4 else IPV6_PREFIX
            if network.prefixlen > widest:
                raise self._fault(key, f"{network}: a network of /{widest} or wider")
        return networks

    def _ms(self, key: str, default_us: int) -> int:
        return self._number(key, default_us, MS, 0, MAX_MS)

    def _number(self, key: str, default: int, unit: int, least: int, most: int) -> int:
        value = self._table.number(key, least, most)
        return default if value is None else value * unit


def config_text(config: Config) -> str:
    """The config.toml that `init` writes, with what an operator should know beside it."""
    return f"""\
name = {quoted(config.name)}
# Every statement names this log and a year. It never changes: the database refuses another.
log_origin = {quoted(config.log_origin)}
# Port 0 takes any free port, and signs a new record at each start (needs the root keys at hand).
listen = {quoted(config.listen)}    # gRPC over TLS
archive = {quoted(config.archive)}    # HTTP
# What others are told, where it differs from the above:
{_public_line("public_listen", config.public_listen, "registry.example:7443")}
{_public_line("public_archive", config.public_archive, "https://registry.example")}
database = {quoted(config.database)}    # or {POSTGRESQL}USER@HOST/NAME for several processes
capacity_per_s = {config.capacity_per_s}    # decisions a second; 60 % of it can be announced
examiners = {config.examiners}    # processes that check signatures, once there are many to check

[quota]    # of one network (/24, or /48 of IPv6); what was announced and admitted costs nothing
network_per_s = {config.network_per_s}    # items a second; announcing costs more for far deadlines
network_burst = {config.network_burst}
exempt = [{", ".join(quoted(str(n)) for n in config.exempt_networks)}]    # never limited

[clock]
source = {quoted(config.clock_source)}    # "chrony" asks `chronyc tracking` for the error
declared_error_ms = {config.declared_error_us // MS}    # what you vouch for
max_error_ms = {config.max_error_us // MS}    # beyond it nothing is decided
leap = {quoted(config.leap)}    # or "step"; never a mixture of sources

[limits]    # part of the signed record: a change needs the root keys at hand at the next start
guard_ms = {config.guard_us // MS}    # a deadline refusal comes this long after the deadline
min_lead_ms = {config.min_lead_us // MS}    # an announcement comes this long before it
max_deadline_s = {config.max_deadline_us // SECOND_US}
mmd_ms = {config.mmd_us // MS}    # from a statement to its log proof

[log]    # part of the signed record as well
# Who cosigns the log, so that nobody has to take this registry on trust (`pledgeway witness`):
{_witness_lines(config)}
release = {quoted("covered" if config.covered else "logged")}    # "covered": with proof only
"""


def _public_line(key: str, value: str, example: str) -> str:
    return f"{key} = {quoted(value)}" if value else f"# {key} = {quoted(example)}"


def _witness_lines(config: Config) -> str:
    if not config.witnesses:
        return (
            '# witnesses = [{key = "witness.example/w+1a2b3c4d+B...", url = "https://w.example"}]\n'
            "# quorum = 1    # so many of them before a checkpoint counts"
        )
    lines = [
        f"  {{key = {quoted(w.key.encode())}, url = {quoted(w.url)}}},\n" for w in config.witnesses
    ]
    return f"witnesses = [\n{''.join(lines)}]\nquorum = {config.witness_quorum}"
