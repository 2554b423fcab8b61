"""GET /recent/<2-byte hex prefix>/<minute>: look-ups that do not tell which id is meant.

Whoever asks for its own id tells us which one is its own. Whoever asks for a bucket gets all
decisions of one minute that begin with the same two bytes, and takes its own out of them
(registry section 10). The minute is POSIX seconds / 60, UTC, of the decision.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from proto.limits import US
from proto.v1 import registry_pb2 as rpb
from registry.desk import Desk
from registry.latest import in_bucket
from registry.log import Logged, Refused
from registry.store import LedgerReader
from registry.web.commits import STATUS
from registry.web.replies import NO_STORE, ONE_SECOND, message, plain

MINUTE_US: Final = 60 * US
MAX_BUCKET: Final = 256  # 20,000 decisions a second put 18 into one; an answer has some 600 KB
SETTLED_MINUTES: Final = 2  # a minute is complete once its decisions are indexed: soon after it
ONE_MINUTE: Final = {"Cache-Control": "public, max-age=60"}  # log proofs may be added later
_PREFIX: Final = re.compile(r"[0-9a-f]{4}")
_MINUTE: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Recent:
    """Answers with a DecideResponse: an Answer for each decision of the bucket."""

    desk: Desk
    engine: Engine
    now_us: Callable[[], int]

    def routes(self) -> list[Route]:
        return [Route("/recent/{prefix}/{minute}", self.get_bucket, methods=["GET"])]

    async def get_bucket(self, request: Request) -> Response:
        prefix, minute = request.path_params["prefix"], request.path_params["minute"]
        if not _PREFIX.fullmatch(prefix) or not _MINUTE.fullmatch(minute):
            return plain(404, "a bucket is /recent/<4 hex digits>/<minutes since 1970>")
        found = await self.desk.look_up(lambda: self._find(bytes.fromhex(prefix), int(minute)))
        if len(found) > MAX_BUCKET:
            # Ids can be ground until they share a prefix: a bucket that somebody filled.
            return plain(413, "this bucket is too full to be served: ask by id")
        over = int(minute) + SETTLED_MINUTES <= self.now_us() // MINUTE_US
        answers = await self.desk.released(found)
        if isinstance(answers, Refused):
            return plain(STATUS[answers.reason], answers.reason.name, ONE_SECOND)
        caching = ONE_MINUTE if over else NO_STORE
        return message(request, 200, rpb.DecideResponse(answers=answers), caching)

    def _find(self, prefix: bytes, minute: int) -> list[Logged]:
        """In a thread."""
        start_us = minute * MINUTE_US
        with self.engine.connect() as connection:
            keys = in_bucket(connection, prefix, start_us, start_us + MINUTE_US, MAX_BUCKET + 1)
            found = LedgerReader(connection).find(keys)
        return sorted(found.values(), key=lambda logged: logged.row.leaf.commit_id)
