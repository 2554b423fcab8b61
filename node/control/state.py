"""Verbs about the node as a whole: status, card, audit, incidents, stop."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import trio

from node.control.context import Context
from node.control.database import look, store_bytes
from node.control.failure import Arguments
from node.control.inbox import WORDS
from node.control.peers import peers_json
from node.control.settled import answering
from node.core.escrow.rows import Deal, Seat, SeatPhase
from node.core.invariants import checks
from node.core.rows import Incident, Key, Payment, PaymentPhase, Row
from node.remote_finder import RemoteFinder
from proto.card import read_card

ROWS_AT_ONCE: Final = 200  # of an audit: some 2 ms, then whatever else has come is done


async def status(context: Context, arguments: Arguments) -> dict[str, Any]:
    """How the node is; with `db`, what its store holds."""
    memory = context.engine.memory
    with_db = arguments.flag("db", False)
    arguments.done()
    phases = [p.phase for p in memory.owned(Payment)]
    with answering():
        archived = context.archive.counts()
        database = await look(context) if with_db else None
    pending = sum(line.count_in + line.count_out for line in context.lines)
    nodes, lines = context.finder.size()
    remote = context.finder
    services = remote.services() if isinstance(remote, RemoteFinder) else []
    return {
        "node": context.identity.key.node_id.hex(),
        "alias": context.alias,
        "address": context.address,
        "uptime_s": (context.clock.now_us() - context.started_us) // 1_000_000,
        "peers": peers_json(context),
        "lines": len(context.lines),
        "pending_promises": pending,
        "payments": {
            "live": sum(not p.final for p in phases),
            **{
                phase.name.lower(): phases.count(phase) + archived[phase]
                for phase in (PaymentPhase.COMMITTED, PaymentPhase.ABORTED)
            },
        },
        "incidents": len(memory.owned(Incident)),
        "exchanges": _exchanges(context),
        "registrar": {"place": context.registrar.place} if context.registrar else None,
        "clock_error_ms": context.clock.error_us() // 1000,
        "store": {"path": context.database, "bytes": store_bytes(context)},
        "registries": [
            {"id": r.hex(), "name": k.record.name, "accepted": k.accepted}
            for r, k in sorted(context.book.registries.items())
        ],
        "graph": {"nodes": nodes, "lines": lines},
        "pathfinders": services,
        "gossip": asdict(context.gossip.figures()),
        "processes": [
            {"id": p.id.hex(), "this": p.this, "keeper": p.keeper, "streams": p.streams}
            for p in context.processes()
        ],
    } | ({"database": database} if database else {})


def _exchanges(context: Context) -> dict[str, Any]:
    """Whether others can reach this node for exchanges, where, and how many are under way."""
    exchange, now_us = context.exchange, context.clock.now_us()
    serves = exchange is not None and exchange.serves
    deals = [deal for deal in context.engine.memory.owned(Deal) if not deal.phase.final]
    seats = [seat for seat in context.engine.memory.owned(Seat) if not seat.phase.final]
    invited = sum(seat.phase is SeatPhase.INVITED for seat in seats)
    return {
        "serves": serves,
        "address": read_card(context.card, now_us).service if serves else "",
        "live": len({deal.id for deal in deals} | {seat.deal for seat in seats}),
        "asked": invited,
    }


async def card(context: Context, arguments: Arguments) -> dict[str, Any]:
    arguments.done()
    node = context.identity.key.node_id.hex()
    return {"node": node, "alias": context.alias, "card": context.card}


async def audit(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Checks every row against every other, and gives the heads that neighbours compare."""
    arguments.done()
    rows = dict(context.engine.memory.rows)  # of one moment, like the heads
    heads = _heads(context)
    problems = await _problems(rows)
    return {"ok": not problems, "problems": problems} | heads


def _heads(context: Context) -> dict[str, Any]:
    return {
        "node": context.identity.key.node_id.hex(),
        "lines": [
            {
                "id": line.id.hex(),
                "peer": line.peer.hex(),
                "alias": context.alias_of(line.peer),
                "brand": line.brand.name,
                "brand_id": line.brand.guid.hex(),
                "booked_out": line.booked_out,
                "sequence_out": line.sequence_out,
                "booked_in": line.booked_in,
                "sequence_in": line.sequence_in,
                "pending_out": line.pending_out,
                "pending_in": line.pending_in,
            }
            for line in sorted(context.lines, key=lambda x: x.id)
        ],
        "outbox": sum(len(n.outbox) for n in context.engine.links.neighbours.values()),
    }


async def incidents(context: Context, arguments: Arguments) -> dict[str, Any]:
    arguments.done()
    found = context.engine.memory.owned(Incident)
    return {
        "incidents": [
            {
                "kind": i.kind.name,
                "what": WORDS[i.kind][0],
                "at_us": i.at_us,
                "peer": i.peer.hex(),
                "alias": context.alias_of(i.peer),
                "amount": i.amount,
                "detail": i.detail,
            }
            for i in sorted(found, key=lambda i: i.at_us)
        ]
    }


async def stop(context: Context, arguments: Arguments) -> dict[str, Any]:
    arguments.done()
    context.stop.set()
    return {}


async def _problems(rows: Mapping[Key, Row]) -> list[str]:
    """Neighbours are served between the rows."""
    try:
        for number, _ in enumerate(checks(rows)):
            if not number % ROWS_AT_ONCE:
                await trio.lowlevel.checkpoint()
    except AssertionError as error:
        return [str(error)]
    return []
