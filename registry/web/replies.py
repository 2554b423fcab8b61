"""Answers as they leave: their form by Accept, how long a cache may keep them, their headers."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response

from registry.web.accept import preferred

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
HTML: Final = "text/html"
FORMS: Final = {"protobuf": PROTOBUF, "json": JSON, "html": HTML}  # values of ?as=
MAX_ACCEPT_CHARS: Final = 1024
ETAG_HEX: Final = 32

Headers = Mapping[str, str]

NO_STORE: Final = {"Cache-Control": "no-store"}
SECONDS: Final = {"Cache-Control": "public, max-age=5"}
FIVE_MINUTES: Final = {"Cache-Control": "public, max-age=300"}
FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
ONE_SECOND: Final = {"Retry-After": "1"}


def form(request: Request, *, page: bool = True) -> str:
    """The media type to answer in. `page`: whether there is one for people.

    A link cannot set Accept, so ?as=json, ?as=protobuf and ?as=html are stronger than it.
    """
    named = FORMS.get(request.query_params.get("as", ""))
    offered = (PROTOBUF, JSON, HTML) if page else (PROTOBUF, JSON)
    if named is not None and named in offered:
        return named
    return preferred(request.headers.get("accept", "")[:MAX_ACCEPT_CHARS], offered)


def message(request: Request, status: int, body: Message, headers: Headers) -> Response:
    """A protobuf message, or its JSON form for whoever prefers that."""
    if form(request, page=False) == JSON:
        text = MessageToJson(body, indent=None) + "\n"
        return reply(request, status, text.encode(), JSON, headers)
    return reply(request, status, body.SerializeToString(), PROTOBUF, headers)


def reply(request: Request, status: int, body: bytes, media: str, headers: Headers) -> Response:
    """With an ETag where caches may keep it: 304 without a body for whoever has it already."""
    both = {"Vary": "Accept", **headers}
    if status == 200 and headers.get("Cache-Control") != NO_STORE["Cache-Control"]:
        tag = f'"{sha256(body).hexdigest()[:ETAG_HEX]}"'
        both["ETag"] = tag
        if _has(request.headers.get("if-none-match", ""), tag):
            return Response(None, 304, both)
    return Response(body, status, both, media)


def _has(if_none_match: str, tag: str) -> bool:
    """Weak comparison (RFC 9110 section 13.1.2)."""
    known = {entry.strip().removeprefix("W/") for entry in if_none_match.split(",")}
    return tag in known or "*" in known


def plain(status: int, text: str, headers: Headers = NO_STORE) -> Response:
    """A line of text."""
    return Response(text + "\n", status, {**NO_STORE, "Vary": "Accept", **headers}, "text/plain")
