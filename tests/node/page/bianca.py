"""Bianca, who comes in at a bank's page, and what is kept of her."""

from node.core.people.rows import person_id
from tests.node.page.bank import Bank, Browser

BIANCA = person_id("bianca")


async def joined(bank: Bank, browser: Browser, name: str = "bianca") -> list[str]:
    """The codes of somebody who is in."""
    page = await browser.join(bank.invite(name))
    assert page.status == 200, page.text
    return page.codes


def rows(bank: Bank, kind: type) -> list:  # type: ignore[type-arg]
    """Hers of one kind, ended ones too."""
    return [row for row in bank.memory.of_person(BIANCA) if isinstance(row, kind)]
