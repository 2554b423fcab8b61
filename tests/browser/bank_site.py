"""A node's page as the browser's tests need it: its core alone, served under a name of loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.browser.serving import served
from tests.node.page.bank import Bank


@contextmanager
def bank_site() -> Iterator[Bank]:
    """A bank of its own, at bank.origin. Its port is known only once it is served."""
    found: list[Any] = []

    async def first(scope: Any, receive: Any, send: Any) -> None:
        await found[0](scope, receive, send)

    with served(first) as port:
        bank = Bank(f"http://bank.localhost:{port}")
        found.append(bank.app())
        yield bank
