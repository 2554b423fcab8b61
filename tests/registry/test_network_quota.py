"""What one part of the net may ask for, and that it never costs a commit that was admitted."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from node.command.sim.cast import NOW_US, SECOND
from proto.commit import Commit
from proto.v1 import registry_pb2 as rpb
from registry.asks import AskAnnounce, AskById, AskCommit, AskNothing, AskQuery
from registry.calendar import Calendar
from registry.examine import read_subject
from registry.log import Reason, Refused, Subject
from registry.quota import HOUR_US, Quota, announcement_cost
from runtime.buckets import LOCAL, US, Buckets
from tests.proto.build import DESCRIPTOR, make_commit
from tests.registry.build import descriptor
from tests.registry.serving import commit_item, serving

NET = "203.0.113.0/24"
AT_US = 1_000 * US
DATA = DESCRIPTOR.encode()


def made(per_s: int = 1, burst: int = 2) -> tuple[Quota, Calendar]:
    calendar = Calendar(100)
    return Quota(Buckets(per_s, burst, [ip_network("10.0.0.0/8")]), calendar), calendar


def test_a_place_far_ahead_is_dear() -> None:
    assert announcement_cost(NOW_US + 10 * US, NOW_US) == 1
    assert announcement_cost(NOW_US - US, NOW_US) == 1
    assert announcement_cost(NOW_US + 30 * 24 * HOUR_US, NOW_US) == 721


def test_beyond_the_burst_items_are_refused_one_by_one() -> None:
    quota, _ = made()
    asks = [AskQuery(DATA), AskById(bytes(32)), AskAnnounce(DATA), AskNothing()]
    assert quota.within(asks, NET, AT_US) == [
        *asks[:2],
        Refused(Reason.OVER_QUOTA, US),
        Refused(Reason.OVER_QUOTA, US),
    ]
    assert quota.within(asks[:1], NET, AT_US + US) == asks[:1]


def test_what_was_refused_before_costs_nothing() -> None:
    quota, _ = made(burst=1)
    too_many = Refused(Reason.OVER_QUOTA, 256)
    assert quota.within([too_many, too_many, AskQuery(DATA)], NET, AT_US) == [
        too_many,
        too_many,
        AskQuery(DATA),
    ]


@pytest.mark.parametrize("prefix", [LOCAL, "10.1.2.0/24"])
def test_our_own_are_never_limited(prefix: str) -> None:
    quota, _ = made(burst=1)
    asks = [AskQuery(DATA)] * 50
    assert quota.within(asks, prefix, AT_US) == asks


def test_an_admitted_commit_is_never_limited() -> None:
    quota, calendar = made(burst=1)
    one, other = descriptor("one"), descriptor("other")
    subject = AskCommit(one.encode(), b"evidence"), AskCommit(other.encode(), b"evidence")

    read = read_subject(one.encode())
    assert isinstance(read, Subject)
    assert calendar.reserve(read.kept)
    quota.within([AskQuery(DATA)], NET, AT_US)  # the bucket is empty now
    admitted, stranger = quota.within(subject, NET, AT_US)
    assert admitted == subject[0]
    assert isinstance(stranger, Refused) and stranger.reason is Reason.OVER_QUOTA
    calendar.release(*read.key)
    (again,) = quota.within(subject[:1], NET, AT_US)
    assert isinstance(again, Refused)


def test_a_place_far_ahead_costs_more() -> None:
    quota, _ = made(burst=30)
    assert quota.may_keep(NET, NOW_US + 10 * SECOND, NOW_US, AT_US), "the next minutes are free"
    assert quota.may_keep(NET, NOW_US + 24 * HOUR_US, NOW_US, AT_US)
    assert not quota.may_keep(NET, NOW_US + 24 * HOUR_US, NOW_US, AT_US)
    assert quota.may_keep(NET, NOW_US + 10 * SECOND, NOW_US, AT_US)


def test_bad_evidence_for_an_admitted_commit_is_checked_for_nothing_once() -> None:
    quota, calendar = made(burst=1)
    one = descriptor("one")
    read = read_subject(one.encode())
    assert isinstance(read, Subject)
    assert calendar.reserve(read.kept)
    ask = AskCommit(one.encode(), b"bad")
    flood = quota.within([ask] * 9, NET, AT_US)
    assert flood[:2] == [ask, ask], "one is free, one is paid for"
    assert all(isinstance(other, Refused) for other in flood[2:])
    assert quota.within([ask], NET, AT_US) == [ask], "nothing is known of its evidence yet"
    quota.spoil(NET, read.commit_id)
    assert quota.within([ask], NET, AT_US) == [Refused(Reason.OVER_QUOTA, US)]
    assert quota.within([ask], "198.51.100.0/24", AT_US) == [ask], "the payee lives elsewhere"


@pytest.mark.edge
async def test_a_flood_of_bad_evidence_ends_at_the_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.service.prefix_of", lambda _: NET)
    async with serving(tmp_path / "r", network_per_s=1, network_burst=2) as served:
        d = served.descriptor("a")
        (admitted,) = await served.announce(d)
        assert admitted.HasField("interim")
        bad = rpb.DecideItem(commit=Commit(d.encode(), b"").to_message())
        said = [(await served.decide(bad))[0].refusal.reason for _ in range(30)]
        assert said[0] == rpb.BAD_EVIDENCE
        assert rpb.OVER_QUOTA in said
        monkeypatch.setattr("registry.service.prefix_of", lambda _: "198.51.100.0/24")
        (answer,) = await served.decide(commit_item(make_commit(d)))
        assert answer.HasField("final")
