"""How the nearest rejected chains are shown to people: each chain once, with all that bars it.

Reads the JSON form (`pathfinder.answer_json`), offline from a file's names or from a running node,
which adds `names` (id -> name). What older nodes have kept lacks most keys and is shown as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from node.command.display import Json, say
from node.command.reason_steps import own_step

FIGURE: Final = 2  # which of the columns is set flush right
US: Final = 1_000_000  # µs in a second
UNLIMITED: Final = frozenset({"PARTS", "NO_PATH"})  # codes that only repeat what their text says


def show_reasons(answer: Json, brand: object, title: str) -> None:
    """Prints an answer's `reasons` under a title, and what was `skipped`; nothing where neither."""
    reasons = [r for r in answer.get("reasons") or () if isinstance(r, Mapping)]
    if reasons:
        say(title)
    for line in reason_lines(reasons, brand):
        say(f"  {line}")
    if skipped := skipped_text(answer.get("skipped") or ()):
        say(skipped)


def reason_lines(reasons: Sequence[Json], brand: object) -> Iterator[str]:
    """A heading for each chain, then a line for each of its bars, in columns, with what to do."""
    rows = [_cells(reason, brand) for reason in reasons]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    for _, group in groupby(zip(reasons, rows, strict=True), key=lambda pair: _chain(pair[0])):
        barred = list(group)
        heading = _heading(barred[0][0], brand)
        indent = "  " if heading else ""
        if heading:
            yield heading
        for reason, cells in barred:
            columns = (
                cell.rjust(width) if number == FIGURE else cell.ljust(width)
                for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
                if cell or (width and heading)
            )
            start = indent + "".join(f"{column}  " for column in columns)
            yield f"{start}{reason.get('text') or reason.get('code') or reason.get('rule')}"
            if step := str(reason.get("next_step") or own_step(reason, brand)):
                yield f"{' ' * len(start)}→ {step}"


def skipped_text(skipped: Sequence[Json]) -> str:
    """What was not looked at to the end, in one sentence; "" where nothing was."""
    others = [one for one in skipped if one.get("what") != "SEARCH"]
    if not others:
        return ""  # the search itself has a sentence of its own, beside `exact`
    parts = [f"{one.get('what')} ({_after(one.get('labels'))})" for one in others]
    return f"Not looked at to the end, so there may be more to say: {', '.join(parts)}."


def _after(labels: object) -> str:
    return f"after {labels} partial chains" if labels else "not begun"


def _cells(reason: Json, brand: object) -> tuple[str, str, str]:
    """Rule, code and figure. A rule that is no number repeats the code."""
    code = str(reason.get("code") or "")
    rule = str(reason.get("rule") or "")
    if code in UNLIMITED or rule in UNLIMITED:
        return "", "", ""
    return rule if rule[1:].isdigit() else "", code, _figure(reason, brand)


def _figure(reason: Json, brand: object) -> str:
    figure = reason.get("figure")
    if not isinstance(figure, int) or not figure:
        return ""
    match reason.get("unit"):
        case "brand":
            return f"{figure} {brand or 'units'}"
        case "us":
            # Up, as in the text: 0.000 s too long would be no reason.
            ms = -(-figure // 1000)
            return f"{ms * 1000 // US}.{ms % 1000:03d} s"
        case "promises":
            return f"{figure} promise{'' if figure == 1 else 's'}"
        case "risk":
            return f"risk +{figure}"
    return ""


def _chain(reason: Json) -> tuple[Any, ...]:
    return (
        tuple(reason.get("chain") or ()),
        tuple(reason.get("levels") or ()),
        reason.get("registry"),
        reason.get("cost"),
    )


def _heading(reason: Json, brand: object) -> str:
    names: Mapping[str, str] = reason.get("names") or {}
    chain, levels = reason.get("chain") or (), reason.get("levels") or ()
    if not chain:
        return ""
    text = str(names.get(chain[0], chain[0]))
    for node, level in zip(chain[1:], levels, strict=False):
        text += f" -{level}→ {names.get(node, node)}"
    registry = reason.get("registry")
    under = f" under {names.get(registry, registry)}" if registry else ""
    several = ", but for all of:" if (reason.get("bars") or 1) > 1 else ", but for:"
    return f"{text}{under} would cost {reason.get('cost')} {brand or 'units'}{several}"
