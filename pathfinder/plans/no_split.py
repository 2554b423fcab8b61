"""Why several chains do not help either, in the form of the other reasons."""

from collections.abc import Sequence
from typing import Final

from pathfinder.answer import Bar, Reason
from pathfinder.plans.parts import PartsAnswer
from pathfinder.reason_codes import Code

MORE_CREDIT: Final = "ask for less, or for credit: `pledgeway line list` shows your own lines"


def no_split(
    answer: PartsAnswer,
    max_parts: int,
    *,
    names: Sequence[str] = (),
    as_far: str = "",
    next_step: str = "",
) -> Reason:
    """Of an answer without routes. Its figure is how much the lines are short of the amount, 0
    where something else than credit bars the parts too: the reasons before this one say what.

    `names`: the lines that all money crosses, for people. `as_far` opens a text about credit,
    `next_step` goes with it.
    """
    short, step = 0, ""
    text = f"no split into up to {max_parts} chains does either"
    if answer.most is not None and answer.most < answer.amount:
        short, step = answer.amount - answer.most, next_step
        most = f"{answer.most} {answer.brand}"
        text = f"{as_far}all lines together carry {most} at most, {short} too few"
        if names:
            text += f": {', '.join(names)}"
    elif not answer.exact:
        text = f"no split into up to {max_parts} chains was found that does"
    if max_parts == 1:
        text = "and a single chain is all that --parts 1 allows"
    return Reason(Bar(Code.PARTS, Code.PARTS.rule, text, figure=short, next_step=step))
