"""Notices and look-ups over https to servers on loopback, as their receivers see them."""

from pathlib import Path

import pytest
import trio

from node.people.delivering import US, Delivering, Outcome, Outgoing
from node.people.domains import DomainProofs, ShortMemory
from proto.domain import WELL_KNOWN, domain_document, sign_domain_proof
from proto.keys import SigningKey
from proto.notice import NoticeKind, Told, read_told
from proto.webhook import public_text, read_public, verify_webhook, webhook_key
from runtime.clock import FakeClock
from runtime.web_client import Reach, WebClient
from tests.runtime.web_servers import Authority, authority, says, serving

pytestmark = pytest.mark.edge
HOST = "shop.example"
NOW_S = 1_800_000_000
TOLD = Told(NoticeKind.COMMITTED, b"i" * 16, "https://node.example/receipts/1")


@pytest.fixture
def issuer(tmp_path: Path) -> Authority:
    return authority(tmp_path)


def client(issuer: Authority) -> WebClient:
    async def here(host: str, port: int) -> list[str]:
        await trio.lowlevel.checkpoint()
        return ["127.0.0.1"]

    return WebClient(Reach(private=True, trusted=issuer.file), here)


async def try_once(web: WebClient, url: str) -> Outcome:
    keys = [webhook_key(b"s" * 32, 1), webhook_key(b"s" * 32, 0)]
    found: list[Outcome] = []
    async with trio.open_nursery() as nursery:

        async def told(_: Outgoing, outcome: Outcome) -> None:
            await trio.lowlevel.checkpoint()
            found.append(outcome)
            nursery.cancel_scope.cancel()

        delivering = Delivering(web, lambda: keys, FakeClock(NOW_S * US), told)
        nursery.start_soon(delivering.run)
        assert delivering.offer(Outgoing("msg_1", url, TOLD.encode()))
    return found[0]


async def test_a_receiver_knows_the_sender_by_its_old_key(issuer: Authority) -> None:
    known = read_public(public_text(webhook_key(b"s" * 32, 0).public))
    async with serving(says(b"HTTP/1.1 204 x\r\n\r\n"), issuer.server(HOST)) as server:
        outcome = await try_once(client(issuer), f"https://{HOST}:{server.port}/hook?shop=7")
    assert outcome is Outcome.DELIVERED
    first, *lines = server.heads[0].split("\r\n")
    assert first == "POST /hook?shop=7 HTTP/1.1"
    headers = dict(line.split(": ", 1) for line in lines)
    body = verify_webhook(headers, server.bodies[0], [known], NOW_S + 60)
    assert read_told(body) == TOLD


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 410 Gone\r\n\r\n", Outcome.GONE),
        (b"HTTP/1.1 500 x\r\n\r\n", Outcome.FAILED),
        (b"HTTP/1.1 302 x\r\nlocation: https://127.0.0.1/\r\n\r\n", Outcome.FAILED),
        (b"", Outcome.FAILED),
    ],
)
async def test_receivers_that_do_not_take_it(
    issuer: Authority, answer: bytes, expected: Outcome
) -> None:
    async with serving(says(answer), issuer.server(HOST)) as server:
        assert await try_once(client(issuer), f"https://{HOST}:{server.port}/") is expected
    assert server.calls == 1


async def test_a_private_webhook_address_is_not_called(issuer: Authority) -> None:
    async with serving(says(b"HTTP/1.1 204 x\r\n\r\n"), issuer.server("127.0.0.1")) as server:
        strict = WebClient(Reach(trusted=issuer.file))
        url = f"https://127.0.0.1:{server.port}/"
        assert await try_once(strict, url) is Outcome.FAILED
    assert server.calls == 0


async def test_a_domain_that_shows_its_proof(issuer: Authority) -> None:
    payee = SigningKey(b"p" * 32)
    shown = domain_document([sign_domain_proof(payee, HOST, 2 * NOW_S * US)]).encode()
    page = b"HTTP/1.1 200 x\r\ncontent-length: %d\r\n\r\n%s" % (len(shown), shown)
    async with serving(says(page), issuer.server(HOST)) as server:
        proofs = DomainProofs(
            client(issuer),
            FakeClock(NOW_S * US),
            ShortMemory(),
            lambda domain: f"https://{domain}:{server.port}{WELL_KNOWN}",
        )
        assert await proofs.holds(payee.node_id, HOST)
        assert not await proofs.holds(SigningKey(b"o" * 32).node_id, HOST)
    assert [head.split("\r\n")[0] for head in server.heads] == [f"GET {WELL_KNOWN} HTTP/1.1"]
