"""Every reason has words, and its figure comes with its unit."""

import inspect
import re

import pytest

from node.texts import WORDS, Figure, said
from proto import reason as reason_module
from proto.modes import Mode
from proto.reason import Reason


def test_every_reason_has_words() -> None:
    assert {*WORDS} == {*Reason}


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_words_are_half_sentences(reason: Reason) -> None:
    for figure in (0, 3):
        words = said(reason.name, figure, "USD")
        assert words is not None
        assert words.message
        assert words.next_step
        for text in (words.message, words.next_step):
            assert not text.endswith(".")
            assert not text[0].isspace()
            assert "{" not in text
            assert text.isprintable()
    assert WORDS[reason].detail.count("{}") == (WORDS[reason].figure is not Figure.NOTHING)


def unit_said(reason: Reason) -> Figure:
    """What the comment beside the reason says that its figure is."""
    source = inspect.getsource(reason_module)
    line = re.search(rf"^    {reason.name} = {int(reason)}\b(.*)$", source, re.MULTILINE)
    assert line is not None
    comment = line.group(1)
    if "µs" in comment:
        return Figure.TIME
    if "smallest" in comment:
        return Figure.AMOUNT
    if "promises pending" in comment:
        return Figure.COUNT
    return Figure.MODE if "the mode" in comment else Figure.NOTHING


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_the_figure_is_what_the_protocol_says(reason: Reason) -> None:
    if reason is not Reason.CLOCK_UNSAFE:  # its comment tells of the error, not of a figure
        assert WORDS[reason].figure is unit_said(reason)


def test_figures() -> None:
    assert str(said("CREDIT_SHORT", 350, "USD")) == (
        "the line is short by 350 USD; ask for less or have the limit raised"
    )
    assert str(said("CREDIT_SHORT", 350)).startswith("the line is short by 350 units;")
    assert str(said("CREDIT_SHORT")).startswith("the line is short;")
    assert "by 1.500 s" in str(said("HOLD_TOO_LONG", 1_500_000))
    assert ": 12 are pending" in str(said("PENDING_FULL", 12))
    assert ": GATEWAY" in str(said("MODE_REFUSED", Mode.GATEWAY))
    assert ": 77" in str(said("MODE_REFUSED", 77))


def test_other_codes_have_none() -> None:
    assert said("BAD_ARGUMENT") is None
    assert said("") is None
