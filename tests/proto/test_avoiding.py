"""What people write to keep clear of a node or a line, however the names look."""

import pytest

from proto.avoiding import MAX_AVOID_CHARS, Avoided, CannotAvoid, read_avoided

KNOWN = {"Ann", "Ben", "Ann-Ben", "A→B", "→", "-", "B->C", "C", "B", "A", ">C", "é [x]"}


def read(text: str) -> Avoided[str]:
    return read_avoided(text, lambda name: {name} & KNOWN)


@pytest.mark.parametrize(
    ("text", "nodes", "lines"),
    [
        ("Ann", {"Ann"}, set()),
        ("é [x]", {"é [x]"}, set()),
        ("Ann→Ben", set(), {("Ann", "Ben")}),
        ("Ann->Ben", set(), {("Ann", "Ben")}),
        (" Ann → Ben ", set(), {("Ann", "Ben")}),
        ("Ann-C", set(), {("Ann", "C"), ("C", "Ann")}),
        ("Ann-Ben→C", set(), {("Ann-Ben", "C")}),
        ("A→B→C", set(), {("A→B", "C")}),
        ("→→C", set(), {("→", "C")}),
        ("B->C→A", set(), {("B->C", "A")}),
    ],
)
def test_readings(text: str, nodes: set[str], lines: set[tuple[str, str]]) -> None:
    assert read(text) == Avoided(frozenset(nodes), frozenset(lines))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Zoe", "no node Zoe"),
        ("", "no node"),
        ("Ann→Zoe", "no node"),
        ("Ann→Ann", "no node"),
        ("→Ann", "no node"),
        ("Ann-Ben", "several"),  # a node, and a line in both directions
        ("A→B", "several"),
        ("B->C", "several"),
        ("A->C", "several"),  # A->C, and A - >C
        ("x" * (MAX_AVOID_CHARS + 1), "more than"),
        ("-" * MAX_AVOID_CHARS, "no node"),
    ],
)
def test_what_cannot_be_avoided(text: str, cause: str) -> None:
    with pytest.raises(CannotAvoid, match=cause):
        read(text)


def test_a_name_of_several_nodes() -> None:
    with pytest.raises(CannotAvoid, match="several"):
        read_avoided("Ann", lambda name: [b"\1", b"\2"] if name == "Ann" else [])


def test_wishes_add_up() -> None:
    assert read("Ann") | read("Ann→Ben") == Avoided(frozenset({"Ann"}), frozenset({("Ann", "Ben")}))
