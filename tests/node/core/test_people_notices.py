"""Requesters are told of the end; and nobody fills the lists of others."""

from hashlib import sha256

import pytest

from node.command.sim.cores.plan import answered
from node.core.effects import Notify
from node.core.people import confirming
from node.core.people.events import (
    DenyRequest,
    NoticeSaid,
)
from node.core.people.notices import RETRIES_S
from node.core.people.rows import (
    ConfirmationPhase,
)
from node.core.rows import Request
from proto.limits import US
from proto.reason import Reason, Refusal
from proto.request_parts import Requester
from tests.node.core.people_table import (
    ANN,
    Bank,
    approval_id,
    asked,
    bank,
    brought,
    registered,
)

P = ConfirmationPhase
SHOP = sha256(b"shop").digest()
HOOK = "https://shop.example/hook"
DAY_US = 86_400 * US


def noticed(the: Bank, url: str = HOOK, use: str = "notify") -> Request:
    answered(the.do(registered(the.world, SHOP, f"{use} {HOOK}")))
    request = asked(the, requester=Requester(SHOP, "Shop", url))
    answered(the.do(brought(the.world, request, ANN, SHOP)))
    return request


def test_a_requester_is_told_of_the_end_until_it_has_heard() -> None:
    the = bank()
    request = noticed(the)
    applied = the.do(DenyRequest(the.world.now_us, approval_id(request), ANN))
    (notice,) = the.notices()
    assert Notify(notice.id) in applied.effects
    assert (notice.url, notice.phase, notice.tries) == (HOOK, P.DENIED, 0)
    first_us = notice.next_at_us
    assert RETRIES_S[0] * US <= first_us - the.world.now_us <= RETRIES_S[0] * US * 11 // 10
    the.world.run(first_us)
    (notice,) = the.notices()
    assert notice.tries == 1 and notice.next_at_us > first_us
    the.do(NoticeSaid(the.world.now_us, notice.id, True, True))
    (notice,) = the.notices()
    assert notice.delivered and notice.ended_at_us
    assert not the.do(NoticeSaid(the.world.now_us, notice.id, True, False)).changes


def test_nobody_is_called_at_a_url_that_was_not_registered() -> None:
    for url, use in (("https://other.example/", "notify"), (HOOK, "return")):
        the = bank()
        request = noticed(the, url, use)
        the.do(DenyRequest(the.world.now_us, approval_id(request), ANN))
        assert not the.notices()


def test_a_notice_that_nobody_takes_ends() -> None:
    the = bank()
    request = noticed(the)
    the.do(DenyRequest(the.world.now_us, approval_id(request), ANN))
    the.world.run(the.world.now_us + 10 * DAY_US)
    (notice,) = the.notices()
    assert notice.tries == len(RETRIES_S) + 1 and notice.ended_at_us and not notice.delivered


def test_strangers_cannot_fill_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirming, "MAX_OF_STRANGERS", 2)
    monkeypatch.setattr(confirming, "MAX_WAITING", 4)
    monkeypatch.setattr(confirming, "MAX_UNCLAIMED", 2)
    the = bank()
    answered(the.do(registered(the.world, SHOP)))
    full = Refusal(Reason.LIMIT_REACHED)

    def bring(person: bytes, key: bytes) -> object:
        applied = the.do(brought(the.world, asked(the), person, key))
        return next(e.refusal for e in applied.effects if hasattr(e, "refusal"))

    stranger = bytes(32)
    assert [bring(ANN, stranger) for _ in range(3)] == [None, None, full]
    assert [bring(ANN, SHOP) for _ in range(3)] == [None, None, full]
    assert bring(ANN, b"") == full
    assert [bring(b"", stranger) for _ in range(3)] == [None, None, full]
    assert [bring(b"", SHOP) for _ in range(3)] == [None, None, full]
    the.world.run(the.world.now_us + confirming.UNCLAIMED_US + 2)
    assert bring(b"", stranger) is None  # nobody came for the others
