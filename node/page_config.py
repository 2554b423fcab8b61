"""The part of config.toml that is of the page: where it is served, and under which name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from runtime.web_client import Reach

MAX_WEBHOOK_KEY: Final = 1_000_000  # one a day for longer than anything lasts
# Whoever has the other passkey looks at the page once a day, say, and may end the new one.
REST_HOURS: Final = 24
MAX_REST_HOURS: Final = 31 * 24  # somebody is on a ship
MAX_ORIGIN_CHARS: Final = 280  # a scheme, a host name of 253 and a port
# A browser trusts these over plain http, since they never leave the machine. All others need TLS.
LOCAL_HOST: Final = "localhost"


@dataclass(frozen=True, slots=True)
class PageConfig:
    """`listen` empty: this node has no page. `origin` is what browsers see, and its host is what
    passkeys are bound to: it cannot change later. `certificate` and `key`: files (PEM); without
    them something before this process speaks TLS. `private_calls`: webhooks and proofs of domains
    may go to addresses of this machine and its network, too, and over plain http: for trying out.
    `trusted`: a file with further certificate authorities for such calls. `webhook_key`: the
    number of the key that signs webhooks; one more is a new key, beside which the one before it
    signs too, until the next. `proxies`: how many stand before the page, each of which adds to
    X-Forwarded-For whom it was called by; limits are then by that address. `rest_hours`: how long
    a passkey that came by a recovery code, beside another, approves nothing; 0: it does at once.
    """

    listen: str = ""
    origin: str = ""
    certificate: str = ""
    key: str = ""
    private_calls: bool = False
    trusted: str = ""
    webhook_key: int = 0
    proxies: int = 0
    rest_hours: int = REST_HOURS

    @property
    def rp_id(self) -> str:
        """What passkeys are bound to (WebAuthn section 5.1.2): the host alone."""
        return urlsplit(self.origin).hostname or ""

    def tls(self, directory: Path) -> tuple[str, str] | None:
        """The files, where this process speaks TLS itself."""
        if not self.certificate:
            return None
        return str(directory / self.certificate), str(directory / self.key)

    @property
    def is_unlimited(self) -> bool:
        """Whether all that comes here seems to come from one caller, whom nobody limits: a proxy
        on this machine that is not counted in `proxies`."""
        near = self.listen.startswith(("127.", "[::1]", LOCAL_HOST + ":"))
        # With http in it browsers come by themselves: only hosts below localhost may have that.
        proxied = self.origin.startswith("https:")
        return near and proxied and not self.certificate and not self.proxies

    def reach(self, directory: Path) -> Reach:
        """Where calls to URLs that strangers name may go."""
        trusted = directory / self.trusted if self.trusted else None
        return Reach(self.private_calls, self.private_calls, trusted)


NO_PAGE: Final = PageConfig()


def page_fault(page: PageConfig) -> tuple[str, str] | None:
    """(key, what is wrong with it); None where nothing is."""
    if not page.listen:
        return ("page.origin", "nothing listens there: set listen") if page.origin else None
    if cause := _origin_fault(page.origin):
        return "page.origin", cause
    if bool(page.certificate) != bool(page.key):
        return "page.certificate", "a certificate and its key go together"
    if page.certificate and page.origin.startswith("http:"):
        return "page.origin", "with a certificate it begins with https://"
    return None


def _origin_fault(origin: str) -> str | None:
    if not origin:
        return "missing: the https://HOST by which browsers reach this page"
    try:
        parts = urlsplit(origin)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "must be https://HOST or https://HOST:PORT"
    if f"{parts.scheme}://{parts.netloc}" != origin or not host or "@" in parts.netloc:
        return "must be https://HOST or https://HOST:PORT, and nothing behind it"
    local = host == LOCAL_HOST or host.endswith("." + LOCAL_HOST)
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        return "must begin with https://; only hosts below localhost do without"
    return None
