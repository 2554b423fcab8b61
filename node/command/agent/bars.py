"""Bars of text: to the right what speaks for somebody, to the left what speaks against him."""

from typing import Final

WIDTH: Final = 12  # characters on either side


def bar(counts: int, most: int) -> str:
    """`counts` against the largest that stands in the table, `most`; whatever is not zero shows."""
    length = -(-abs(counts) * WIDTH // most) if most else 0
    left = "█" * length if counts < 0 else ""
    right = "█" * length if counts > 0 else ""
    return f"{left:>{WIDTH}}|{right}"
