"""What stands before every page: limits by network, strict headers, nothing from elsewhere."""

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from node.page.bodies import Bodies
from node.page.changes import Places
from runtime.buckets import LOCAL, Buckets
from runtime.looks.guard import ALWAYS, Guard, network_of, refuse

MAX_AT_ONCE: Final = 256  # each holds a request of some 30 KB; long polls have a bound of their own
MAX_OF_NETWORK: Final = 96  # of these: a large office, with what its people listen to
PER_SECOND: Final = 50  # a person's browser asks for four things to show one page
BURST: Final = 200  # an office behind one address
# Whoever guesses names, codes or ids asks these. A person needs three of them to log in.
TRIES_PER_SECOND: Final = 1
TRIES_BURST: Final = 30
TRIES: Final = ("/login", "/again", "/recover", "/join", "/api/login", "/api/join")

# One script of our own, for passkeys, which talks to this page alone. Forms go to this page alone.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for"
    " 'script'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Within the page alone: a form then says where it comes from, and links out say nothing.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
SECURE: Final = {"Strict-Transport-Security": "max-age=31536000"}


def guarded(app: ASGIApp, monotonic_us: Callable[[], int], *, secure: bool) -> ASGIApp:
    """The app behind its guard. `secure`: it is reached by https."""
    pages = Buckets(PER_SECOND, BURST)
    tries = Buckets(TRIES_PER_SECOND, TRIES_BURST)

    def wait_us(scope: Scope) -> int:
        prefix, now_us = network_of(scope), monotonic_us()
        guesses = scope["method"] == "POST" and scope["path"].startswith(TRIES)
        for buckets in (pages, tries) if guesses else (pages,):
            if not buckets.take(prefix, 1, now_us):
                return max(1, buckets.wait_us(prefix, 1, now_us))
        return 0

    headers = {**HEADERS, **(SECURE if secure else {})}
    inner = Guard(_shared(app), wait_us, headers, MAX_AT_ONCE)
    return Bodies(inner, {**ALWAYS, **headers})


def _shared(app: ASGIApp) -> ASGIApp:
    """What is under way at once is for more than one network: whoever sends or reads as slowly as
    he can keeps nobody else out."""
    places = Places(MAX_AT_ONCE, MAX_OF_NETWORK)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        network = network_of(scope)
        if network == LOCAL:  # a proxy limits its own callers
            await app(scope, receive, send)
            return
        with places.one(network) as held:
            if held:
                await app(scope, receive, send)
            else:
                await refuse(send, 503, 1)

    return answer
