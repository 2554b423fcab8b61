"""How the registry is, for machines: GET /health for one look, GET /metrics for a Prometheus."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from proto.limits import US
from proto.statement import DecisionReason, Outcome
from registry.health import Health, State
from registry.health_json import health_json
from registry.log import Reason
from registry.meter import Histogram, Meter
from registry.web.exposition import MEDIA_TYPE, Family, HistogramFamily, exposition
from registry.web.replies import JSON, NO_STORE

AskHealth = Callable[[], Awaitable[Health]]


@dataclass(frozen=True, slots=True)
class Vitals:
    """`health` says how the daemon is, `meter` what it did since its start."""

    health: AskHealth
    meter: Meter

    def routes(self) -> list[Route]:
        return [
            Route("/health", self.get_health, methods=["GET"]),
            Route("/metrics", self.get_metrics, methods=["GET"]),
        ]

    async def get_health(self, request: Request) -> Response:
        health = await self.health()
        return Response(health_json(health), 200 if health.ok else 503, NO_STORE, JSON)

    async def get_metrics(self, request: Request) -> Response:
        text = exposition(metrics(await self.health(), self.meter))
        return Response(text, 200, {**NO_STORE, "Content-Type": MEDIA_TYPE})


def metrics(health: Health, meter: Meter) -> list[Family | HistogramFamily]:
    """Everything a scrape gives. Times are POSIX seconds, spans seconds."""
    return [*_counted(meter), *_clock(health), *_log(health), *_room(health)]


def _counted(meter: Meter) -> list[Family | HistogramFamily]:
    made = [
        ({"outcome": _outcome(reason).name, "reason": reason.name}, float(meter.decisions[reason]))
        for reason in DecisionReason
        if reason is not DecisionReason.EPOCH  # an answer, never a decision
    ]
    refused = [({"reason": reason.name}, float(meter.refusals[reason])) for reason in Reason]
    return [
        Family("decisions_total", "counter", "Decisions made since the start.", made),
        Family("refusals_total", "counter", "Items refused since the start.", refused),
        _histogram("group_decisions", "Decisions made durable by one transaction.", meter.groups),
        _histogram(
            "answer_seconds", "From a call to its answers, in seconds.", meter.latency_us, US
        ),
    ]


def _outcome(reason: DecisionReason) -> Outcome:
    return Outcome.COMMITTED if reason is DecisionReason.COMMIT else Outcome.NOT_COMMITTED


def _histogram(name: str, text: str, of: Histogram, unit: int = 1) -> HistogramFamily:
    bounds = [bound / unit for bound in of.bounds]
    return HistogramFamily(name, text, bounds, of.counts, of.total / unit)


def _clock(health: Health) -> list[Family | HistogramFamily]:
    states = [({"state": s.value}, float(s.value == health.state)) for s in State]
    return [
        Family("state", "gauge", "1 for the state it is in; DECIDING is the good one.", states),
        _gauge("clock_error_seconds", "Bound on the clock's error.", health.clock_error_us / US),
        _gauge("clock_limit_seconds", "Error above which nothing is decided.", _s(health)),
        _gauge("clock_mark_seconds", "High-water mark of the clock.", health.clock_mark_us / US),
        _gauge("key_expiry_seconds", "End of the statement key.", health.key_not_after_us / US),
        _gauge("record_expiry_seconds", "End of the record.", health.record_expires_at_us / US),
    ]


def _s(health: Health) -> float:
    return health.clock_limit_us / US


def _log(health: Health) -> list[Family | HistogramFamily]:
    sizes, covered, times, seen = [], [], [], []
    for shard in health.shards:
        labels = {"shard": str(shard.shard)}
        sizes.append((labels, float(shard.entries)))
        covered.append((labels, float(shard.published)))
        times.append((labels, shard.published_at_us / US))
    for witness in health.witnesses:
        seen.append(({"witness": witness.name}, witness.at_us / US))
    members = [
        ({"member": m.name, "registry": m.registry}, float(m.waiting)) for m in health.members
    ]
    return [
        Family("relay_commits", "gauge", "Commits that a member still has to be told.", members),
        Family("log_entries", "gauge", "Entries of each shard's log.", sizes),
        Family("checkpoint_entries", "gauge", "Entries below its newest checkpoint.", covered),
        Family("checkpoint_time_seconds", "gauge", "When it was published.", times),
        Family("cosignature_time_seconds", "gauge", "Newest cosignature, 0: none.", seen),
        _gauge("witness_quorum", "Cosignatures that a checkpoint needs.", health.witness_quorum),
    ]


def _room(health: Health) -> list[Family | HistogramFamily]:
    return [
        _gauge("queue_items", "Items waiting for the deciding thread.", health.queue),
        _gauge("announced_items", "Announced and not decided yet.", health.pending),
        _gauge("database_bytes", "Size of the database file.", health.database_bytes),
        _gauge("disk_free_bytes", "Free on the disk it lies on.", health.disk_free_bytes),
    ]


def _gauge(name: str, text: str, value: float) -> Family:
    return Family(name, "gauge", text, [({}, float(value))])
