"""A web that a test writes: what each URL answers, and who is waiting for it."""

from collections.abc import Mapping

import trio

from runtime.web_client import Answer, Failed, WebClient
from runtime.web_exchange import Failure


class ScriptedWeb(WebClient):
    """In place of calls: `said` by URL, else nobody answers. While `held`, calls wait."""

    def __init__(self, said: Mapping[str, Answer | Failed] | None = None) -> None:
        self.said = dict(said or {})
        self.calls: list[str] = []
        self.posted: list[tuple[dict[str, str], bytes]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.gate = trio.Event()
        self.gate.set()

    def hold(self) -> None:
        self.gate = trio.Event()

    async def _say(self, url: str) -> Answer | Failed:
        self.calls.append(url)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
        finally:
            self.at_once -= 1
        return self.said.get(url, Failed(Failure.REFUSED))

    async def get(self, url: str, *, most: int = 0, within_s: float = 0) -> Answer | Failed:
        return await self._say(url)

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, within_s: float = 0
    ) -> Answer | Failed:
        self.posted.append((dict(headers), body))
        return await self._say(url)
