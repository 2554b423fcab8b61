"""Asking and committing over HTTP: POST /commit with a descriptor, POST /submit with a Commit."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import trio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from proto.limits import MAX_DESCRIPTOR_BYTES, MAX_EVIDENCE_BYTES, US
from proto.registry_record import RegistryRecord
from proto.statement import Interim
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, parse
from registry.asks import Ask, AskCommit, AskNothing, AskQuery
from registry.desk import Desk
from registry.log import Reason
from registry.web.commits import STATUS
from registry.web.pages import page
from registry.web.replies import HTML, NO_STORE, ONE_SECOND, form, message, plain
from runtime.buckets import LOCAL, prefix_of

MAX_BODY_BYTES: Final = MAX_DESCRIPTOR_BYTES + MAX_EVIDENCE_BYTES + 64  # a Commit and its framing
BODY_WITHIN_S: Final = 10.0  # 20 KB; whoever sends it byte by byte holds one of our places
MAX_RETRY_AFTER_S: Final = 3600  # whoever waits for days asks again now and then


@dataclass(frozen=True, slots=True)
class Questions:
    """The two POSTs; nothing of theirs is cached."""

    desk: Desk
    record: Callable[[], RegistryRecord]

    def routes(self) -> list[Route]:
        return [
            Route("/commit", self.post_commit, methods=["POST"]),
            Route("/submit", self.post_submit, methods=["POST"]),
        ]

    async def post_commit(self, request: Request) -> Response:
        """Body: the bytes of a descriptor."""
        body = await _body(request, MAX_DESCRIPTOR_BYTES)
        if isinstance(body, Response):
            return body
        return await self._ask(request, AskQuery(body))

    async def post_submit(self, request: Request) -> Response:
        """Body: a Commit."""
        body = await _body(request, MAX_BODY_BYTES)
        if isinstance(body, Response):
            return body
        try:
            commit = parse(pb.Commit, body)
        except WireFault:
            return await self._ask(request, AskNothing())
        return await self._ask(request, AskCommit(commit.descriptor, commit.evidence))

    async def _ask(self, request: Request, ask: Ask) -> Response:
        caller = prefix_of(request.client.host) if request.client else LOCAL
        answer = (await self.desk.answer([ask], caller))[0]
        match answer.WhichOneof("answer"):
            case "final":
                return message(request, 200, answer, NO_STORE)
            case "interim":
                return self._pending(request, answer)
            case _:
                status = STATUS[Reason(answer.refusal.reason)]
                later = ONE_SECOND if status in (429, 503) else {}
                return message(request, status, answer, {**NO_STORE, **later})

    def _pending(self, request: Request, answer: rpb.Answer) -> Response:
        interim = Interim.decode(answer.interim.interim)
        headers = {**NO_STORE, "Retry-After": str(_retry_after_s(interim))}
        if form(request) == HTML:
            values = {"record": self.record(), "interim": interim}
            return page(request, 202, "pending", headers, **values)
        return message(request, 202, answer, headers)


async def _body(request: Request, at_most: int) -> bytes | Response:
    """The body, or the answer where it is longer than that: the rest is not read."""
    body = b""
    with trio.move_on_after(BODY_WITHIN_S):
        async with aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > at_most:
                    return plain(413, f"at most {at_most} bytes")
        return body
    return plain(408, f"the whole body within {BODY_WITHIN_S:.0f} s", {"Connection": "close"})


def _retry_after_s(interim: Interim) -> int:
    """Until A has surely passed, rounded up to whole seconds, at least one."""
    wait_us = interim.final_after_us + 2 * interim.max_error_us - interim.as_of_us
    return min(max(1, -(-wait_us // US)), MAX_RETRY_AFTER_S)
