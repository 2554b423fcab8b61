"""How a witness is: for its page, for `witness status` and for monitoring."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from proto.limits import US


@dataclass(frozen=True, slots=True)
class ShardState:
    """The checkpoint of one shard that was cosigned last. `time_s`: POSIX seconds."""

    origin: str
    size: int
    root: bytes
    time_s: int


@dataclass(frozen=True, slots=True)
class LogState:
    """A registry's log that is accepted here, with the shards that were cosigned."""

    registry: bytes
    name: str
    prefix: str
    shards: tuple[ShardState, ...]


@dataclass(frozen=True, slots=True)
class State:
    """`key`: the verifier key. `ok`: it cosigns. `evidence`: names of the files kept."""

    name: str
    key: str
    ok: bool
    now_us: int
    clock_error_us: int
    logs: tuple[LogState, ...]
    evidence: tuple[str, ...]

    @property
    def shards(self) -> list[ShardState]:
        return [shard for log in self.logs for shard in log.shards]


@dataclass(frozen=True, slots=True)
class Tally:
    """How often requests came to what. Since the start; touched from the one trio thread."""

    counts: Counter[str] = field(default_factory=Counter)

    def count(self, result: str) -> None:
        self.counts[result] += 1


def health_json(state: State) -> dict[str, Any]:
    """What `GET /health` answers."""
    return {
        "ok": state.ok,
        "name": state.name,
        "key": state.key,
        "now_us": state.now_us,
        "clock_error_us": state.clock_error_us,
        "logs": [
            {
                "registry": log.registry.hex(),
                "name": log.name,
                "log_origin": log.prefix,
                "shards": [
                    {
                        "origin": shard.origin,
                        "size": shard.size,
                        "root": shard.root.hex(),
                        "time_s": shard.time_s,
                    }
                    for shard in log.shards
                ],
            }
            for log in state.logs
        ],
        "evidence": list(state.evidence),
    }


def metrics_text(state: State, tally: Tally) -> str:
    """Prometheus text format 0.0.4."""
    lines = [
        "# HELP pledgeway_witness_ok 1 where the clock allows to cosign.",
        "# TYPE pledgeway_witness_ok gauge",
        f"pledgeway_witness_ok {int(state.ok)}",
        "# HELP pledgeway_witness_clock_error_seconds Bound on the clock's error.",
        "# TYPE pledgeway_witness_clock_error_seconds gauge",
        f"pledgeway_witness_clock_error_seconds {state.clock_error_us / US:.6f}",
        "# HELP pledgeway_witness_logs Logs that are accepted.",
        "# TYPE pledgeway_witness_logs gauge",
        f"pledgeway_witness_logs {len(state.logs)}",
        "# HELP pledgeway_witness_evidence Files about logs that contradict themselves.",
        "# TYPE pledgeway_witness_evidence gauge",
        f"pledgeway_witness_evidence {len(state.evidence)}",
        "# HELP pledgeway_witness_requests_total Requests to add a checkpoint, by result.",
        "# TYPE pledgeway_witness_requests_total counter",
        *(
            f'pledgeway_witness_requests_total{{result="{result}"}} {count}'
            for result, count in sorted(tally.counts.items())
        ),
        "# HELP pledgeway_witness_size Leaves of the newest cosigned checkpoint.",
        "# TYPE pledgeway_witness_size gauge",
        *(f"pledgeway_witness_size{_label(s)} {s.size}" for s in state.shards),
        "# HELP pledgeway_witness_time_seconds When it was cosigned, POSIX seconds.",
        "# TYPE pledgeway_witness_time_seconds gauge",
        *(f"pledgeway_witness_time_seconds{_label(s)} {s.time_s}" for s in state.shards),
    ]
    return "\n".join(lines) + "\n"


def _label(shard: ShardState) -> str:
    text = shard.origin.replace("\\", "\\\\").replace('"', '\\"')
    return f'{{origin="{text}"}}'
