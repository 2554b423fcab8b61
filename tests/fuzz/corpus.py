"""Inputs worth keeping: few and small, in one JSON file for each group of targets.

{"target": ["base64", ...], ...}, each of which takes a parser where no seed and no other takes it,
or broke one once.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from tests.fuzz.reach import reach
from tests.fuzz.target import Target
from tests.fuzz.targets import GROUPS, group_of

FOLDER: Final = Path(__file__).parent / "corpus"
MAX_ENTRIES: Final = 40  # of a target: what a person can look through when one fails
MAX_ENTRY_BYTES: Final = 6_000  # what is larger is one of the seeds, or finds what a small one does
MAX_CORPUS_BYTES: Final = 300_000  # of all files: nobody wants to clone more than he reads


@cache
def _group(name: str) -> dict[str, list[str]]:
    path = FOLDER / f"{name}.json"
    found: dict[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}
    return found


def kept(name: str) -> tuple[bytes, ...]:
    """What is kept for a target beside its seeds."""
    return tuple(b64decode(text) for text in _group(group_of(name)).get(name, ()))


def keep(name: str, inputs: Iterable[bytes]) -> None:
    """Writes the target's part of the corpus anew."""
    group = group_of(name)
    texts = sorted({b64encode(data).decode() for data in inputs}, key=lambda t: (len(t), t))
    _group(group)[name] = texts
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(dict(sorted(_group(group).items())), indent=0)
    (FOLDER / f"{group}.json").write_text(text + "\n")


def unknown() -> list[str]:
    """Targets that the corpus names and that there are none of."""
    names = {t.name for make in GROUPS.values() for t in make()}
    return sorted(n for group in GROUPS for n in _group(group) if n not in names)


def fewest(target: Target, inputs: Iterable[bytes], broke: Iterable[bytes] = ()) -> list[bytes]:
    """Of all inputs the few that reach what no smaller one does and no seed; `broke` stay."""
    known: set[tuple[str, int, int]] = set()
    for data in target.seeds:
        known |= reach(target, data)
    chosen = list(dict.fromkeys(broke))
    for data in chosen:
        known |= reach(target, data)
    small = {data for data in inputs if len(data) <= MAX_ENTRY_BYTES}
    for data in sorted(small, key=lambda d: (len(d), d)):
        if len(chosen) >= MAX_ENTRIES:
            break
        if not (found := reach(target, data)) <= known:
            known |= found
            chosen.append(data)
    return chosen
