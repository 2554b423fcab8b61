"""Metrics as Prometheus reads them: text exposition format 0.0.4. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PREFIX: Final = "pledgeway_registry_"

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name without the prefix, its unit in the name, its samples by labels."""

    name: str
    kind: str  # "counter" or "gauge"
    text: str
    samples: Sequence[tuple[Labels, float]] = field(default=())

    def lines(self) -> Iterator[str]:
        yield from _head(self.name, self.kind, self.text)
        for labels, value in self.samples:
            yield _line(self.name, labels, value)


@dataclass(frozen=True, slots=True)
class HistogramFamily:
    """A histogram: upper bounds with how many lie at or below each but above the one before.

    `counts` has one more place, for what lies above the last bound.
    """

    name: str
    text: str
    bounds: Sequence[float]
    counts: Sequence[int]
    total: float

    def lines(self) -> Iterator[str]:
        yield from _head(self.name, "histogram", self.text)
        below = 0
        for bound, count in zip(self.bounds, self.counts, strict=False):
            below += count
            yield _line(f"{self.name}_bucket", {"le": _figure(bound)}, below)
        everything = sum(self.counts)
        yield _line(f"{self.name}_bucket", {"le": "+Inf"}, everything)
        yield _line(f"{self.name}_sum", {}, self.total)
        yield _line(f"{self.name}_count", {}, everything)


def exposition(families: Sequence[Family | HistogramFamily]) -> str:
    """The whole answer to a scrape."""
    return "".join(f"{line}\n" for family in families for line in family.lines())


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    assert "\n" not in text and "\\" not in text, text
    yield f"# HELP {PREFIX}{name} {text}"
    yield f"# TYPE {PREFIX}{name} {kind}"


def _line(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    braces = f"{{{inside}}}" if inside else ""
    return f"{PREFIX}{name}{braces} {_figure(value)}"


def _figure(value: float) -> str:
    return repr(value) if isinstance(value, float) and value != int(value) else str(int(value))


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
