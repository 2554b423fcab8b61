"""The payer's node is killed on its way: the page tells the truth afterwards, the books say once.

Who must not answer yet is frozen, so that each death comes where it is meant to come.
"""

import os
import signal

import pytest

from tests.browser.paying.conftest import LED_ON, Person
from tests.browser.paying.street import BANK, REGISTRY, SHOP, Brought

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def viewed(anna: Person, amount: int) -> tuple[Brought, dict[str, str]]:
    """A request that she looks at, and the form of her approval, which is not sent yet."""
    brought = anna.street.bring(amount=amount, description=f"Number {amount}")
    return brought, anna.approval(brought.id)


def send(anna: Person, brought: Brought, fields: dict[str, str]) -> None:
    """The approval is sent, and nobody waits for its page."""
    assert anna.post(f"/requests/{brought.id}/approve", fields)[0][0] == LED_ON


def require_paid_once(anna: Person, brought: Brought, before: int) -> None:
    """Everybody says the same: page, requester, purse, journal, payee, books."""
    street = anna.street
    anna.open(f"/requests/{brought.id}")
    anna.outcome("This is final")
    amount = brought.request.amount
    assert anna.purse == {"balance": before - amount, "limit": 20_000, "reserved": 0}
    assert street.phase(brought) == "COMMITTED"
    assert street.ask(SHOP, "request.show", id=brought.own)["phase"] == "PAID"
    entries = street.ask(BANK, "people.statement", name=anna.name)["entries"]
    assert sum(int(one["amount"]) == -amount for one in entries) == 1, "it stands there once"
    anna.open("/history")
    assert anna.text().count(brought.request.description) == 1
    assert street.books_hold()


def test_killed_between_approval_and_promise(anna: Person) -> None:
    """The node dies with its word that the approval is durable: whether it had promised by then or
    not, there is one end, and everybody tells it."""
    street, before = anna.street, anna.purse["balance"]
    brought, fields = viewed(anna, 1001)
    pid = street.town.processes.pid(street.daemon(BANK))
    headers = {"cookie": anna.cookie, "origin": street.origin}
    where = f"/requests/{brought.id}"
    answer = street.http.post(where + "/approve", data=fields, headers=headers)
    os.kill(pid, signal.SIGKILL)
    assert answer.status_code == 303
    street.kill(BANK)  # it is dead: for those who keep count of processes
    street.restart(BANK)
    anna.open(where)
    anna.window.until(lambda: street.phase(brought) in ("COMMITTED", "EXPIRED"), "it ends")
    if street.phase(brought) == "COMMITTED":
        require_paid_once(anna, brought, before)
        return
    assert "Nothing is held any more" in anna.look(brought.id)
    assert anna.purse == {"balance": before, "limit": 20_000, "reserved": 0}
    assert street.ask(SHOP, "request.show", id=brought.own)["phase"] != "PAID"
    assert street.books_hold()


def test_killed_between_promise_and_decision(anna: Person) -> None:
    street, before = anna.street, anna.purse["balance"]
    brought, fields = viewed(anna, 1002)
    with street.frozen(REGISTRY):
        send(anna, brought, fields)
        anna.window.until(lambda: street.phase(brought) == "EXECUTING", "the promise is given")
        assert anna.purse["reserved"] >= 1002 and anna.purse["balance"] == before
        street.kill(BANK)
    street.restart(BANK)
    require_paid_once(anna, brought, before)


def test_killed_after_the_decision_before_the_page_was_answered(anna: Person) -> None:
    street, before = anna.street, anna.purse["balance"]
    brought, fields = viewed(anna, 1003)
    send(anna, brought, fields)

    def decided() -> bool:
        return bool(street.ask(SHOP, "request.show", id=brought.own)["phase"] == "PAID")

    anna.window.until(decided, "the payee has it")
    street.kill(BANK)
    street.restart(BANK)
    require_paid_once(anna, brought, before)
