"""Every parser keeps to its word: on the corpus, on seeded mutations, and none is left out."""

import ast
import re
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

import pytest

from tests.fuzz import corpus
from tests.fuzz.mutate import fields, joined, mutate
from tests.fuzz.reach import PACKAGES, ROOT, called
from tests.fuzz.target import Broken, Target, check
from tests.fuzz.targets import GROUPS, targets
from tests.fuzz.unreached import UNREACHED

MUTATIONS: Final = 320  # of a target at the usual cost: some 20 s for all; more by tests.fuzz
NAMES: Final = sorted(targets())
PARSER: Final = re.compile(  # in `proto` whatever checks what was read as well
    r"(\w+\.)*_?(decode|read|parse|unwrap|verify|from|open_message|check_hello)(_\w*)?"
    r"|_?[a-z]+_from_\w+|proto:(\w+\.)*_?check_\w+"
)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_target_is_seeded_with_is_accepted(name: str) -> None:
    """Else its mutations would stop where all strangers' bytes do, and prove little."""
    found = [check(targets()[name], seed) for seed in targets()[name].seeds]
    assert any(found)
    if name != "fraud verdict":  # true files and near misses
        assert all(found)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_kept(name: str) -> None:
    for data in corpus.kept(name):
        check(targets()[name], data)


@pytest.mark.parametrize("name", NAMES)
def test_mutations(name: str) -> None:
    target = targets()[name]
    draw, pool = Random(f"mutations of {name}"), [*target.seeds, *corpus.kept(name)]
    for _ in range(MUTATIONS // target.cost):
        data = mutate(draw.choice(pool), pool, draw, target.form)
        try:
            check(target, data)
        except BaseException as error:
            error.add_note(f"{name}: {data!r}")
            raise


def test_the_corpus_is_small_and_of_these_targets() -> None:
    assert corpus.unknown() == []
    assert sum(p.stat().st_size for p in corpus.FOLDER.iterdir()) < corpus.MAX_CORPUS_BYTES
    assert {p.stem for p in corpus.FOLDER.iterdir()} <= set(GROUPS)
    for name in NAMES:
        assert len(corpus.kept(name)) <= corpus.MAX_ENTRIES, name


# ---------------------------------------------------------------- nothing is left out


def parsers() -> set[tuple[str, str]]:
    """(file, qualified name) of everything that is named as what reads something."""
    found = set()
    for package in PACKAGES:
        for path in sorted(Path(ROOT, package).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if name.startswith(("proto/v1/", "node/command/")):
                continue
            for qualified in _functions(ast.parse(path.read_text()), ""):
                if PARSER.fullmatch(qualified) or PARSER.fullmatch(f"{package}:{qualified}"):
                    found.add((name, qualified))
    return found


def _functions(node: ast.AST, prefix: str) -> list[str]:
    found = []
    for part in getattr(node, "body", ()):
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(prefix + part.name)
        elif isinstance(part, ast.ClassDef):
            found += _functions(part, f"{prefix}{part.name}.")
    return found


@cache
def reached() -> frozenset[tuple[str, str]]:
    """What seeds and corpus make run."""
    found: set[tuple[str, str]] = set()
    for name, target in targets().items():
        for data in (*target.seeds, *corpus.kept(name)):
            found |= called(target, data)
    return frozenset(found)


def test_every_parser_is_fuzzed_or_says_why_not() -> None:
    missing = {f"{file}:{name}" for file, name in parsers() - reached()}
    excused = {f"{file}:{name}" for names in UNREACHED.values() for file, name in names}
    assert missing == excused, (
        f"reached by no target: {sorted(missing - excused)};"
        f" reached, or gone: {sorted(excused - missing)}"
    )


# ---------------------------------------------------------------- the harness itself


def test_a_parser_that_breaks_its_word_is_caught() -> None:
    """The checks that all of the above rests on."""
    good = Target("bits", lambda d: int(d), (ValueError,), (b"1",), lambda n: b"%d" % n, exact=True)
    assert check(good, b"12")
    assert not check(good, b"x")
    with pytest.raises(Broken, match="written otherwise"):
        check(good, b"012")
    loose = Target("bits", lambda d: int(d), (ValueError,), (b"1",), lambda n: b"%d" % (n % 10))
    with pytest.raises(Broken, match="read as"):
        check(loose, b"12")
    with pytest.raises(ZeroDivisionError):
        check(Target("bits", lambda d: 1 // len(d), (ValueError,), ()), b"")

    def repainting(data: bytes) -> None:
        raise ValueError(data.decode())

    with pytest.raises(Broken, match="cannot be shown"):
        check(Target("said", repainting, (ValueError,), ()), b"\x1b[2J")


def test_mutations_are_messages_still_and_repeat() -> None:
    (seed, *_) = targets()["message"].seeds
    parts = fields(seed)
    assert parts is not None and joined(parts) == seed
    drawn = [mutate(seed, (seed,), Random(i)) for i in range(300)]
    assert drawn == [mutate(seed, (seed,), Random(i)) for i in range(300)]
    assert sum(fields(data) is not None for data in drawn) > 200
    assert len(set(drawn)) > 200
