"""What the owner of a node may set: config.toml, read once, checked whole, frozen."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.core.view import MAX_PENDING_COUNT, Caps
from node.links import MAX_UNACKNOWLEDGED, MESSAGES_OF_A_PROMISE
from node.page_config import (
    MAX_ORIGIN_CHARS,
    MAX_REST_HOURS,
    MAX_WEBHOOK_KEY,
    NO_PAGE,
    REST_HOURS,
    PageConfig,
    page_fault,
)
from proto.card import PATHFINDER_CARD_PREFIX
from proto.limits import (
    MAX_ADDRESS_CHARS,
    MAX_ADVERT_BYTES,
    MAX_ALIAS_CHARS,
    MAX_AMOUNT,
    MAX_ENVELOPE_BYTES,
)
from runtime.address import ANY_HOST, split_address
from runtime.gossip_limits import (
    MAX_ADVERTS,
    MAX_ORIGIN_ADVERTS,
    ORIGIN_ADVERTS_PER_MIN,
    STORED_BYTES_EACH,
    GossipLimits,
)
from runtime.intake import MAX_ADVERTS_PER_S, MAX_MESSAGES_PER_S
from runtime.looks import MAX_PROXIES
from runtime.toml_file import TomlFault, quoted, read_toml
from runtime.transport import MAX_FRAME_BYTES

CONFIG_NAME: Final = "config.toml"
MS: Final = 1000  # microseconds
DEFAULT_CLOCK_ERROR_MS: Final = 50  # what NTP keeps on an ordinary machine, generously
MAX_CLOCK_ERROR_MS: Final = 3_600_000  # an hour: whoever is further off has no clock
MAX_PATHFINDERS: Final = 8  # asked one after the other: whoever pays would not wait for more
SECTIONS: Final = frozenset({"clock", "limits", "archive", "pathfinder", "escrow", "page"})
MAX_PATH_CHARS: Final = 4096  # what the system takes

# A neighbour may be away for as long and come back with a word about what we have archived.
LEAST_KEEP_DAYS: Final = 7
MAX_KEEP_DAYS: Final = 36_500
STORE_KEY: Final = "escrow.registrar_store"
POSTGRESQL: Final = "postgresql+psycopg://"

MOST_PENDING: Final = 1 << 18  # a gigabyte of memory and disk, by one neighbour's leave
MOST_PER_S: Final = 1_000_000  # beyond what any machine does: no bound at all
LEAST_ADVERTS: Final = 1000  # a village; less would forget it while hearing of it
MOST_ADVERTS: Final = 10_000_000  # some 15 GB: more is no node's business
LEAST_MESSAGE_BYTES: Final = 16_384  # a claim with the certificate of four members
LEAST_FRAME_BYTES: Final = MAX_FRAME_BYTES // 2 + MAX_ENVELOPE_BYTES  # what we send ourselves

# Key of [limits] -> default, least, most. What each is for stands beside its default.
LIMITS: Final = {
    "max_pending_count": (MAX_PENDING_COUNT, 1, MOST_PENDING),
    "max_pending_amount": (MAX_AMOUNT, 1, MAX_AMOUNT),
    "max_held_value_s": (MAX_AMOUNT, 1, MAX_AMOUNT),
    "max_messages_per_s": (MAX_MESSAGES_PER_S, 1, MOST_PER_S),
    "max_adverts_per_s": (MAX_ADVERTS_PER_S, 1, MOST_PER_S),
    "max_known_adverts": (MAX_ADVERTS, LEAST_ADVERTS, MOST_ADVERTS),
    "max_adverts_per_origin": (MAX_ORIGIN_ADVERTS, 1, MOST_ADVERTS),
    "max_adverts_per_origin_per_min": (ORIGIN_ADVERTS_PER_MIN, 1, 60 * MOST_PER_S),
    "max_message_bytes": (MAX_ENVELOPE_BYTES, LEAST_MESSAGE_BYTES, MAX_ENVELOPE_BYTES),
    "max_frame_bytes": (MAX_FRAME_BYTES, LEAST_FRAME_BYTES, MAX_FRAME_BYTES),
}


class ConfigFault(Exception):
    """One line that names the file, the key ("" = the file as a whole), and what is wrong."""

    def __init__(self, path: Path, key: str, cause: str) -> None:
        super().__init__(": ".join(part for part in (str(path), key, cause) if part))
        self.key = key
        self.cause = cause


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """`listen` empty: the node dials and is not dialled. `store` empty: the books are a file in
    `data_dir`. `keep_days` 0: for ever. `pathfinders`: cards of those that are asked for
    routes; without `gossip` no adverts are heard. `service_listen`: where letters of exchanges and
    calls for the registrar arrive; empty: the node takes no part in any. `registrar_store` empty:
    its books are a file beside the node's. Spans in µs, amounts in smallest units."""

    alias: str
    listen: str = ""
    address: str = ""
    data_dir: str = "data"
    declared_error_us: int = DEFAULT_CLOCK_ERROR_MS * MS
    max_pending_count: int = MAX_PENDING_COUNT
    max_pending_amount: int = MAX_AMOUNT
    max_held_value_s: int = MAX_AMOUNT
    max_messages_per_s: int = MAX_MESSAGES_PER_S
    max_adverts_per_s: int = MAX_ADVERTS_PER_S
    max_message_bytes: int = MAX_ENVELOPE_BYTES
    max_frame_bytes: int = MAX_FRAME_BYTES
    store: str = ""
    keep_days: int = 0
    max_known_adverts: int = MAX_ADVERTS
    max_adverts_per_origin: int = MAX_ORIGIN_ADVERTS
    max_adverts_per_origin_per_min: int = ORIGIN_ADVERTS_PER_MIN
    pathfinders: tuple[str, ...] = ()
    gossip: bool = True
    service_listen: str = ""
    service_address: str = ""
    registrar: bool = True
    registrar_store: str = ""
    page: PageConfig = NO_PAGE

    @property
    def caps(self) -> Caps:
        return Caps(self.max_pending_count, self.max_pending_amount, self.max_held_value_s)

    @property
    def gossip_limits(self) -> GossipLimits:
        """Bytes and bursts go with the numbers of adverts."""
        return GossipLimits(
            per_origin=self.max_adverts_per_origin,
            per_origin_per_min=self.max_adverts_per_origin_per_min,
            burst=self.max_adverts_per_origin,
            adverts=self.max_known_adverts,
            stored_bytes=self.max_known_adverts * STORED_BYTES_EACH,
        )

    @property
    def max_unacknowledged(self) -> int:
        """Messages that one neighbour may leave unacknowledged: all that its promises may need."""
        return max(MAX_UNACKNOWLEDGED, MESSAGES_OF_A_PROMISE * self.max_pending_count)

    @property
    def public_address(self) -> str:
        """What neighbours dial; empty where nobody can, or where the port is not known yet."""
        if self.address:
            return self.address
        listen = split_address(self.listen)
        return self.listen if listen is not None and listen[1] != 0 else ""

    @property
    def public_service(self) -> str:
        """What others call for exchanges; empty where nobody can."""
        if self.service_address:
            return self.service_address
        listen = split_address(self.service_listen)
        return self.service_listen if listen is not None and listen[1] != 0 else ""

    def data_path(self, directory: Path) -> Path:
        """The folder of the node's books; `data_dir` may be absolute."""
        return directory / self.data_dir


def alias_fault(alias: str) -> str | None:
    """What is wrong with an alias as others will see it; None where nothing is."""
    if not alias or len(alias) > MAX_ALIAS_CHARS or not alias.isprintable() or alias.isspace():
        return f"must be 1 to {MAX_ALIAS_CHARS} printable characters"
    # A line is named ALIAS/BRAND.
    return "must not contain '/'" if "/" in alias else None


def read_config(path: Path) -> NodeConfig:
    """Reads a config.toml. ConfigFault."""
    try:
        table = read_toml(path)
    except TomlFault as fault:
        raise ConfigFault(path, "", str(fault)) from fault
    return _Reader(path, table).config()


def check_config(config: NodeConfig, path: Path) -> NodeConfig:
    """The same config. ConfigFault where reading it back from `path` would raise one."""
    for key in (
        *("alias", "listen", "address", "data_dir", "store"),
        *("service_listen", "service_address", "registrar_store"),
    ):
        # These would not even be TOML, which could not say where the mistake is.
        if not getattr(config, key).isprintable():
            raise ConfigFault(path, key, "must be printable")
    return _Reader(path, tomllib.loads(config_text(config))).config()


class _Reader:
    """Takes keys out of the table; what is left over at the end is unknown."""

    def __init__(self, path: Path, table: dict[str, object]) -> None:
        self._path = path
        self._left: dict[str, object] = {}
        for key, value in table.items():
            if isinstance(value, dict) and value:
                self._left |= {f"{key}.{name}": v for name, v in value.items()}
            elif key not in SECTIONS or not isinstance(value, dict):
                self._left[key] = value

    def config(self) -> NodeConfig:
        error_ms = self._number(
            "clock.declared_error_ms", DEFAULT_CLOCK_ERROR_MS, 0, MAX_CLOCK_ERROR_MS
        )
        config = NodeConfig(
            alias=self._alias(),
            listen=self._address("listen"),
            address=self._address("address"),
            data_dir=self._text("data_dir", NodeConfig("-").data_dir, MAX_PATH_CHARS),
            store=self._text("store", "", MAX_PATH_CHARS),
            keep_days=self._number("archive.keep_days", 0, 0, MAX_KEEP_DAYS),
            declared_error_us=error_ms * MS,
            pathfinders=self._cards("pathfinder.cards"),
            gossip=self._flag("pathfinder.gossip", True),
            service_listen=self._address("escrow.listen"),
            service_address=self._address("escrow.address"),
            registrar=self._flag("escrow.registrar", True),
            registrar_store=self._text("escrow.registrar_store", "", MAX_PATH_CHARS),
            page=self._page(),
            **{name: self._number(f"limits.{name}", *bounds) for name, bounds in LIMITS.items()},
        )
        for key in self._left:
            raise self._fault(key, "unknown key")
        self._check(config)
        return config

    def _page(self) -> PageConfig:
        page = PageConfig(
            listen=self._address("page.listen"),
            origin=self._text("page.origin", "", MAX_ORIGIN_CHARS),
            certificate=self._text("page.certificate", "", MAX_PATH_CHARS),
            key=self._text("page.key", "", MAX_PATH_CHARS),
            private_calls=self._flag("page.private_calls", False),
            trusted=self._text("page.trusted", "", MAX_PATH_CHARS),
            webhook_key=self._number("page.webhook_key", 0, 0, MAX_WEBHOOK_KEY),
            proxies=self._number("page.proxies", 0, 0, MAX_PROXIES),
            rest_hours=self._number("page.rest_hours", REST_HOURS, 0, MAX_REST_HOURS),
        )
        if fault := page_fault(page):
            raise self._fault(*fault)
        return page

    def _check(self, config: NodeConfig) -> None:
        if not config.data_dir:
            raise self._fault("data_dir", "must not be empty")
        for key, store in (("store", config.store), (STORE_KEY, config.registrar_store)):
            if store and not store.startswith(POSTGRESQL):
                raise self._fault(key, f"must be empty or begin with {POSTGRESQL}")
        shares = config.store and config.service_listen and config.registrar
        if shares and not config.registrar_store:
            cause = "missing: processes that share the node's books must share its titles, too"
            raise self._fault(STORE_KEY, cause)
        if 0 < config.keep_days < LEAST_KEEP_DAYS:
            cause = f"must be 0 (for ever) or at least {LEAST_KEEP_DAYS}"
            raise self._fault("archive.keep_days", cause)
        self._check_dialled("address", config.address, config.listen)
        self._check_dialled("escrow.address", config.service_address, config.service_listen)
        if not config.gossip and not config.pathfinders:
            cause = "without gossip somebody must be asked for routes: name a path finder in cards"
            raise self._fault("pathfinder.gossip", cause)

    def _check_dialled(self, key: str, address: str, listen: str) -> None:
        dialled = split_address(address or listen)
        if dialled is not None and dialled[0] in ANY_HOST:
            cause = f"nobody can dial {dialled[0]}"
            raise self._fault(key, cause if address else f"missing: {cause}")
        if address and dialled is not None and dialled[1] == 0:
            raise self._fault(key, "nobody can dial port 0")

    def _fault(self, key: str, cause: str) -> ConfigFault:
        name = key if key.isprintable() else ascii(key)
        return ConfigFault(self._path, name, cause)

    def _alias(self) -> str:
        if "alias" not in self._left:
            raise self._fault("alias", "missing")
        alias = self._text("alias", "", MAX_ALIAS_CHARS)
        if cause := alias_fault(alias):
            raise self._fault("alias", cause)
        return alias

    def _text(self, key: str, default: str, at_most: int) -> str:
        value = self._left.pop(key, default)
        if not isinstance(value, str) or len(value) > at_most or not value.isprintable():
            raise self._fault(key, f"must be a printable text of at most {at_most} characters")
        return value

    def _flag(self, key: str, default: bool) -> bool:
        value = self._left.pop(key, default)
        if not isinstance(value, bool):
            raise self._fault(key, "must be true or false")
        return value

    def _cards(self, key: str) -> tuple[str, ...]:
        value = self._left.pop(key, [])
        cards = value if isinstance(value, list) else [None]
        if len(cards) > MAX_PATHFINDERS or not all(_is_card(card) for card in cards):
            what = f"must be a list of at most {MAX_PATHFINDERS} cards of path finders"
            raise self._fault(key, f"{what}: {PATHFINDER_CARD_PREFIX}…")
        return tuple(cards)

    def _address(self, key: str) -> str:
        value = self._text(key, "", MAX_ADDRESS_CHARS)
        if value and split_address(value) is None:
            raise self._fault(key, "must be HOST:PORT")
        return value

    def _number(self, key: str, default: int, least: int, most: int) -> int:
        value = self._left.pop(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._fault(key, f"must be a whole number from {least} to {most}")
        return value


def config_text(config: NodeConfig) -> str:
    """The config.toml that `init` writes, with what an owner should know beside it."""
    return f"""\
alias = {quoted(config.alias)}    # what people call this node; its key is its name
listen = {quoted(config.listen)}    # HOST:PORT for neighbours; empty = dial only
address = {quoted(config.address)}    # what neighbours dial; empty = as in listen
data_dir = {quoted(config.data_dir)}    # the books; below this folder unless absolute
store = {quoted(config.store)}    # {POSTGRESQL}USER@HOST/NAME; empty = a file in data_dir

[clock]
declared_error_ms = {config.declared_error_us // MS}    # what you vouch for; above 500 only ATOMIC

[limits]    # of each neighbour; what is above them is refused, or waits at the neighbour
max_pending_count = {config.max_pending_count}    # promises that wait, each way; half may pass on
max_pending_amount = {config.max_pending_amount}    # their sum on one line
max_held_value_s = {config.max_held_value_s}    # their amounts x seconds locked
max_messages_per_s = {config.max_messages_per_s}    # beyond it its stream is not read for a while
max_adverts_per_s = {config.max_adverts_per_s}    # of the network, passed on by it
max_known_adverts = {config.max_known_adverts}    # of the network; 1.7 GB of memory a million
max_adverts_per_origin = {config.max_adverts_per_origin}    # a node and its lines, signed by it
max_adverts_per_origin_per_min = {config.max_adverts_per_origin_per_min}    # the newest waits
max_message_bytes = {config.max_message_bytes}    # a larger one ends its connection
max_frame_bytes = {config.max_frame_bytes}    # of many messages, likewise

[archive]    # of settled payments, with their evidence
keep_days = {config.keep_days}    # 0 = for ever; else at least {LEAST_KEEP_DAYS}

[pathfinder]    # who is asked for routes; without a card the node searches by itself
cards = [{", ".join(map(quoted, config.pathfinders))}]    # `pledgeway node pathfinder use CARD`
gossip = {str(config.gossip).lower()}    # false: no adverts are heard, only path finders are asked

[escrow]    # exchanges with others, and titles that this node keeps for them
listen = {quoted(config.service_listen)}    # HOST:PORT for both; empty = this node takes no part
address = {quoted(config.service_address)}    # what others call; empty = as in listen
registrar = {str(config.registrar).lower()}    # false: this node keeps no titles
registrar_store = {quoted(config.registrar_store)}    # {POSTGRESQL}...; empty = a file in data_dir

[page]    # where people whose accounts this node keeps confirm what they pay
listen = {quoted(config.page.listen)}    # HOST:PORT; empty = this node has no page
origin = {quoted(config.page.origin)}    # https://HOST as browsers see it; passkeys are bound to it
certificate = {quoted(config.page.certificate)}    # PEM; empty = something before it speaks TLS
key = {quoted(config.page.key)}    # PEM, of the certificate
private_calls = {str(config.page.private_calls).lower()}    # true: webhooks into this network, too
trusted = {quoted(config.page.trusted)}    # PEM: further authorities that webhooks may rely on
webhook_key = {config.page.webhook_key}    # one more = a new key; the last one signs on
proxies = {config.page.proxies}    # how many stand before it and add to X-Forwarded-For
rest_hours = {config.page.rest_hours}    # a passkey by a recovery code, beside another; 0 = none
"""


def write_config(path: Path, config: NodeConfig) -> None:
    """Writes a new config.toml. OSError, FileExistsError: an owner's file is not overwritten."""
    with path.open("x", encoding="utf-8") as file:
        file.write(config_text(config))
        file.flush()
        os.fsync(file.fileno())


def _is_card(value: object) -> bool:
    """Whether it looks like one; whether it is one depends on the time."""
    if not isinstance(value, str) or len(value) > 2 * MAX_ADVERT_BYTES or not value.isprintable():
        return False
    return value.startswith(PATHFINDER_CARD_PREFIX)
