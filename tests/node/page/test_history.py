"""The journal on a page: running balances over all pages and brands, and the file."""

import csv
from io import StringIO
from re import findall

import pytest

from node.core.people.events import Transfer
from node.core.people.rows import EntryKind, Person
from node.page.history import cell
from node.people.journal import PAGE
from proto.limits import US
from proto.money import common_brand
from tests.node.page.bank import Page
from tests.node.page.house import EUR, House

LINDEN = common_brand("L$")


@pytest.fixture
async def ada(home: House) -> Person:
    return await home.person("ada", limit=1000)


def balances(page: Page) -> list[int]:
    """The last column, top to bottom."""
    found = findall(r'<td class="number">(-?[\d\u202f]+)</td></tr>', page.answer.text)
    return [int(text.replace("\u202f", "")) for text in found]


async def test_balances_run_on_over_pages_and_brands(home: House, ada: Person) -> None:
    """Entries of one instant have an order too, and a page may begin between them."""
    at_us = home.clock.now_us()
    expected: dict[str, list[int]] = {"EUR": [], "L$": []}
    for number in range(PAGE + 30):
        brand = LINDEN if number % 3 == 0 else EUR
        sums = expected[brand.name]
        out = number % 5 == 4 and (sums or [0])[-1] > number
        kind = EntryKind.PAID_OUT if out else EntryKind.PAID_IN
        amount = number + 1 if not out else number
        # Keys grow within an instant, so that the order on the page is the order of booking.
        reference = number.to_bytes(16, "big")
        instant_us = at_us + number // 20 * US
        await home.context.do(
            lambda _, r=reference, b=brand, a=amount, k=kind, t=instant_us: Transfer(
                t, r, ada.id, b, a, k, "till"
            )
        )
        sums.append((sums or [0])[-1] + (-amount if out else amount))
    async with home.browser(ada) as browser:
        for brand in (EUR, LINDEN):
            path, found = f"/history?brand={brand.guid.hex()}", []
            while path:
                page = await browser.look(path)
                found += balances(page)
                older = findall(r'href="([^"]*)" rel="next"', page.answer.text)
                path = older[0].replace("&amp;", "&") if older else ""
            assert found == expected[brand.name][::-1], brand.name
        both = await browser.look("/history")
        assert len(balances(both)) == PAGE and "Older ones" in both.text
        mixed = [expected["L$"].pop() if n % 3 == 0 else expected["EUR"].pop()
                 for n in reversed(range(30, PAGE + 30))]  # fmt: skip
        assert balances(both) == mixed


async def test_the_file_has_all_of_it_and_no_formula(home: House, ada: Person) -> None:
    await home.pay_in(ada, 7, "=HYPERLINK(evil)")
    await home.pay_in(ada, 8, 'plain, "quoted"')
    async with home.browser(ada) as browser:
        answer = (await browser.look("/history.csv")).answer
        assert answer.headers["content-type"].startswith("text/csv")
        assert 'filename="ada-history.csv"' in answer.headers["content-disposition"]
        rows = list(csv.DictReader(StringIO(answer.text)))
        assert [(r["amount"], r["text"]) for r in rows] == [
            ("8", 'plain, "quoted"'), ("7", "'=HYPERLINK(evil)"),
        ]  # fmt: skip
        only = await browser.look(f"/history.csv?brand={LINDEN.guid.hex()}")
        assert only.status == 404  # no account in it


@pytest.mark.parametrize("text", ("=1", "+1", "-1", "@x", "\t=1", "\r=1"))
def test_cells_are_words(text: str) -> None:
    assert cell(text)[0] in "'["


@pytest.mark.parametrize("after", ("x", "1-2", "1--", "-1-aa-", "9" * 30 + "-aa-", "1-zz-"))
async def test_links_to_nowhere(home: House, ada: Person, after: str) -> None:
    async with home.browser(ada) as browser:
        for path in ("/history", "/requests"):
            page = await browser.look(f"{path}?after={after}")
            assert page.status in (200, 400)
