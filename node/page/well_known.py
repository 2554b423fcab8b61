"""What a requester finds by an origin alone: which node this is, where to bring requests, its keys.

The same document shows that the page's own host is this node's domain (proto/domain.py).
"""

from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from node.control.context import Context
from node.page.back_channel import PLACE
from node.page_config import PageConfig
from node.people.notifying import signing_keys
from proto.domain import WELL_KNOWN, sign_domain_proof
from proto.plain_text import to_base64
from proto.request_parts import is_domain
from proto.webhook import public_text

# Whoever reads it looks again within a day; a node that has lost its domain stops proving it soon.
PROOF_US: Final = 7 * 86_400_000_000
RENEWED_US: Final = 3_600_000_000
CACHING: Final = {"Cache-Control": "public, max-age=300"}


class WellKnown:
    """Owned by trio."""

    def __init__(self, context: Context, page: PageConfig) -> None:
        self._context = context
        self._page = page
        self._proof = b""
        self._signed_at_us = 0

    def routes(self) -> list[BaseRoute]:
        """GET of the document."""
        return [Route(WELL_KNOWN, self.get, methods=["GET"])]

    async def get(self, _: Request) -> Response:
        """Public: it says nothing of any person."""
        return JSONResponse(self._document(), 200, CACHING)

    def _document(self) -> dict[str, Any]:
        identity, origin = self._context.identity, self._page.origin
        keys = signing_keys(identity.key.seed, self._page.webhook_key)
        return {
            "node": identity.node.hex(),
            "alias": self._context.alias,
            "requests": f"{origin}{PLACE}",
            "webhook_keys": [public_text(key.public) for key in keys],
            "nodes": [{"proof": to_base64(proof)} for proof in self._proofs()],
        }

    def _proofs(self) -> list[bytes]:
        host = urlsplit(self._page.origin).hostname or ""
        if not is_domain(host):
            return []  # an address has no name to prove
        now_us = self._context.clock.now_us()
        # Signed once an hour: strangers ask as often as they like.
        if not self._proof or not 0 <= now_us - self._signed_at_us < RENEWED_US:
            key = self._context.identity.key
            self._proof = sign_domain_proof(key, host, now_us + PROOF_US)
            self._signed_at_us = now_us
        return [self._proof]
