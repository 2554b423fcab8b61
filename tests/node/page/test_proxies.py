"""Behind a proxy all callers come from one address: each is limited by the one it came from."""

import httpx
import pytest

from node.page.guard import TRIES_BURST
from node.page.site import app
from node.page_config import PageConfig
from tests.node.page.bank import Bank

FORM = {"Origin": "https://bank.example", "Sec-Fetch-Site": "same-origin"}


async def statuses(http: httpx.AsyncClient, address: str, count: int) -> list[int]:
    said = f"192.0.2.{count % 9}, {address}"  # whatever a caller says of himself
    headers = {**FORM, "X-Forwarded-For": said}
    data = {"name": "bianca"}
    return [
        (await http.post("/login", data=data, headers=headers)).status_code for _ in range(count)
    ]


@pytest.mark.parametrize("proxies", [0, 1])
async def test_who_guesses_is_stopped_by_his_own_address(proxies: int) -> None:
    bank = Bank()
    page = PageConfig("127.0.0.1:0", bank.origin, proxies=proxies)
    transport = httpx.ASGITransport(app(bank.context, page), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url=bank.origin) as http:
        first = await statuses(http, "203.0.113.7", TRIES_BURST + 1)
        assert (429 in first) == bool(proxies), "the proxy alone is seen, and is not limited"
        assert 429 not in await statuses(http, "198.51.100.1", 2)


@pytest.mark.parametrize(
    ("page", "unlimited"),
    [
        (PageConfig("127.0.0.1:8443", "https://bank.example"), True),
        (PageConfig("[::1]:8443", "https://bank.example"), True),
        (PageConfig("127.0.0.1:8443", "https://bank.example", proxies=1), False),
        (PageConfig("0.0.0.0:443", "https://bank.example", "chain.pem", "key.pem"), False),
        (PageConfig("127.0.0.1:8443", "http://localhost:8443"), False),
        (PageConfig("127.0.0.1:8080", "http://bank.localhost:8080"), False),
    ],
)
def test_a_page_that_nobody_limits_says_so(page: PageConfig, unlimited: bool) -> None:
    assert page.is_unlimited == unlimited
