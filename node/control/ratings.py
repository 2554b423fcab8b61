"""Scores of agents: a house's list fetched, checked, and weighed by the credit that we grant."""

from base64 import b64encode
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import trio

from node.advertising import open_credit
from node.control.contacts import card_of, exchange_of
from node.control.context import Context
from node.control.failure import ControlFailure, bad_argument
from node.core.rows import LinePhase
from node.escrow.account_keeper import called
from node.reputation.heads import Seen
from node.reputation.ratings import (
    MAX_ENTRIES,
    BadList,
    Subject,
    follow,
    heard,
    missing_votes,
)
from node.reputation.score import EQUAL, HALF_LIFE_US, Counted, Exchange, Score, score_of
from node.reputation.trust import Grant, trust_of
from proto.adverts import LineAdvert
from proto.card import NodeCard
from proto.money import Brand
from proto.sale.votes import Rating, rating_head, read_rating
from proto.v1 import escrow_pb2 as pb

MAX_COUNTED: Final = 500  # votes told of in one answer, a fifth of a message; all of them count


@dataclass(frozen=True, slots=True)
class Weighing:
    """How the viewer weighs. `credit`: the brand of the lines along which he believes others, None
    where he has none."""

    credit: Brand | None
    half_life_us: int = HALF_LIFE_US
    exchange: Exchange = EQUAL


@dataclass(frozen=True, slots=True)
class Rated:
    """An agent's score, or why there is none. `seen`: what is known about the house's list;
    `now`: what is wrong with it at this moment, if anything."""

    subject: Subject
    entries: tuple[Rating, ...]
    score: Score | None
    seen: Seen
    lines: int
    cut: bool
    now: BadList | None = None


def credit_brand(context: Context, named: str | None) -> Brand | None:
    """The brand of lines that counts where the owner names none: that of most of his open lines,
    of those the one in which he grants most. None where he has no lines."""
    if named is not None:
        brand = context.find_brand(named)
        if all(line.brand.guid != brand.guid for line in context.lines):
            raise bad_argument("credit", f"no line of yours is in {named}")
        return brand
    brands, lines, granted = dict[bytes, Brand](), Counter[bytes](), Counter[bytes]()
    for line in context.lines:
        if line.phase is LinePhase.OPEN:
            brands[line.brand.guid] = line.brand
            lines[line.brand.guid] += 1
            granted[line.brand.guid] += line.limit_in
    ranked = sorted(brands, key=lambda guid: (-lines[guid], -granted[guid], guid))
    return brands[ranked[0]] if ranked else None


async def rate(
    context: Context, subject: Subject, house: str, weighing: Weighing, name: str
) -> Rated:
    """An agent as this node sees him now. `house`: the card of the registrar that keeps the list;
    `name`: of the argument that named it. ControlFailure where it does not answer.

    A list that is bad gives no score, and neither does one of a house that is proven to have
    signed two: what it has left out cannot be known.
    """
    card = card_of(context, house, name)
    # Before the list is asked for: another call may see it grow meanwhile.
    before = context.heads.get(subject)
    signed = await _fetched(context, card, subject)
    now_us = context.clock.now_us()
    check = partial(follow, subject, signed, before.last or None, now_us)
    try:
        entries = await trio.to_thread.run_sync(check)
    except BadList as bad:
        seen = context.heads.get(subject).noticed(bad, now_us)
        await context.heads.keep(subject, seen)
        return Rated(subject, (), None, seen, 0, False, bad)
    seen = context.heads.get(subject)
    if len(entries) > seen.sequence:
        seen = seen.grown(signed[-1])
        await context.heads.keep(subject, seen)
    if seen.proven:
        return Rated(subject, entries, None, seen, 0, False)
    own, said = _grants(context, weighing.credit)
    viewer, votes = context.identity.node, heard(entries)

    def weigh() -> Rated:
        trust = trust_of(viewer, own, said, subject.agent)
        score = score_of(trust, votes, now_us, weighing.half_life_us, weighing.exchange)
        return Rated(subject, entries, score, seen, trust.lines, trust.cut)

    return await trio.to_thread.run_sync(weigh)


async def _fetched(context: Context, card: NodeCard, subject: Subject) -> list[bytes]:
    """All of it, page by page: what was checked before is known by its hash, not by memory."""
    ways, found = exchange_of(context).ways, list[bytes]()
    asked = pb.RatingsRequest(brand=subject.brand, agent=subject.agent)
    while len(found) <= MAX_ENTRIES:
        asked.after = len(found)
        reply = await called(card, ways.ratings(card, asked))
        found += [entry.SerializeToString() for entry in reply.entries]
        if not reply.more or not reply.entries:
            return found
    raise ControlFailure("TOO_LARGE", f"{card.alias} lists more than {MAX_ENTRIES} sales of him")


def _grants(context: Context, credit: Brand | None) -> tuple[dict[Any, int], list[Grant]]:
    """What we grant, by our own books, and what others say that they grant."""
    if credit is None:
        return {}, []
    own: dict[Any, int] = {}
    for line in context.lines:
        if line.brand.guid == credit.guid:
            own[line.peer] = own.get(line.peer, 0) + open_credit(line)
    said = [
        (advert.promisor, advert.promisee, advert.grants)
        for advert in context.gossip.adverts
        if isinstance(advert, LineAdvert) and advert.brand.guid == credit.guid and not advert.closed
    ]
    return own, said


def rated_json(context: Context, rated: Rated, weighing: Weighing) -> dict[str, Any]:
    """As every answer shows it: "score" is None where the list cannot be believed."""
    score = rated.score
    if score is None:
        return {"score": None, "list": _list_json(rated)}
    votes = heard(rated.entries)
    return {
        "score": score.total,
        "good": score.good,
        "bad": score.bad,
        "sales": len(rated.entries),
        "votes_good": sum(1 for vote in votes if vote.success),
        "votes_bad": sum(1 for vote in votes if not vote.success),
        "votes_missing": missing_votes(rated.entries),
        "raters": len({vote.voter for vote in votes}),
        "raters_unknown": score.unknown,
        "list": _list_json(rated),
        "credit": None if weighing.credit is None else weighing.credit.name,
        "lines": rated.lines,
        "cut": rated.cut,
        "half_life_us": weighing.half_life_us,
        "worth": f"{weighing.exchange.credit}/{weighing.exchange.deposit}",
    }


def _list_json(rated: Rated) -> dict[str, Any]:
    """ "state": GOOD; BAD now; or DISOWNED: the house is proven to have signed two lists."""
    seen, now = rated.seen, rated.now
    state = "BAD" if now is not None else "DISOWNED" if seen.proven else "GOOD"
    fault = now.fault if now is not None else seen.fault
    return {
        "state": state,
        "fault": None if fault is None else fault.name,
        # Its end: whoever else asks this house must be shown the same, or has a proof.
        "sequence": seen.sequence,
        "head": rating_head(read_rating(seen.last)).hex() if seen.last else None,
        "text": str(now) if now is not None else None if fault is None else fault.value,
        "noticed_at_us": seen.noticed_at_us or None,
        "evidence": [b64encode(data).decode() for data in seen.evidence],
    }


def counted_json(context: Context, rated: Rated, now_us: int) -> list[dict[str, Any]]:
    """Votes and what they counted for: those that count come first, of both the newest."""
    counted = rated.score.votes if rated.score is not None else ()
    first = sorted(counted, key=lambda one: (not one.taken, -one.vote.at_us, -one.vote.sequence))
    return [_counted_json(context, one, now_us) for one in first[:MAX_COUNTED]]


def _counted_json(context: Context, one: Counted, now_us: int) -> dict[str, Any]:
    vote = one.vote
    return {
        "sale": vote.sequence,
        "pool": vote.pool.hex(),
        "at_us": vote.at_us,
        "age_us": max(0, now_us - vote.at_us),
        "voter": vote.voter.hex(),
        "voter_alias": context.alias_of(vote.voter),
        "success": vote.success,
        "value": vote.value,
        "weight": one.weight,
        "taken": one.taken,
        "counts": one.counts,
    }
