"""Quantiles of what was measured."""

from collections.abc import Sequence


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that `share` of all do not exceed (nearest rank); at least one value."""
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]
