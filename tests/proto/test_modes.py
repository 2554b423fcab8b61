"""The sixteen cells of the mode table and the pairs named beside it (protocol section 3)."""

from itertools import product

import pytest

from proto.levels import Level
from proto.modes import Loss, Mode, is_late_leak, loss_of, mode_of

BARE, SECURED, ATOMIC, PROXY = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY
COLUMNS = (BARE, SECURED, ATOMIC, PROXY)

RISKS = {  # as printed: row = incoming, columns in the order above
    BARE: (3, 3, 3, 3),
    SECURED: (1, 1, 0, 0),
    ATOMIC: (2, 2, 0, 0),
    PROXY: (None, None, 3, 3),
}
LATE_LEAKS = {(BARE, SECURED), (BARE, ATOMIC), (PROXY, ATOMIC)}
RISK_OF = {"ATOMIC": 0, "SECURED": 1, "GATEWAY": 2, "BARE": 3}

CELLS = [(a, b, RISKS[a][i]) for a in COLUMNS for i, b in enumerate(COLUMNS)]


@pytest.mark.parametrize(("incoming", "outgoing", "risk"), CELLS)
def test_cell(incoming: Level, outgoing: Level, risk: int | None) -> None:
    mode = mode_of(incoming, outgoing)
    assert (None if mode is None else mode.risk) == risk


def test_the_printed_rule_gives_the_printed_table() -> None:
    for incoming, outgoing in product(Level, Level):
        expected: str | None = "BARE"
        if incoming.late_ok:
            escape = "GATEWAY" if incoming.needs_stamp else "SECURED"
            expected = "ATOMIC" if outgoing.needs_stamp else escape
        elif incoming.needs_stamp and not outgoing.needs_stamp:
            expected = None
        mode = mode_of(incoming, outgoing)
        assert (None if mode is None else mode.name) == expected


@pytest.mark.parametrize("mode", list(Mode))
def test_risk_is_three_minus_the_number_of_the_enum(mode: Mode) -> None:
    assert mode.risk == RISK_OF[mode.name] == 3 - mode.value


def test_names_are_shared_but_not_these() -> None:
    assert "PROXY" not in Mode.__members__
    assert "GATEWAY" not in Level.__members__


def test_late_leaks_are_these_three_pairs() -> None:
    assert {p for p in product(Level, Level) if is_late_leak(*p)} == LATE_LEAKS


def test_secured_and_gateway_alone_escape_through_the_registry() -> None:
    assert {m for m in Mode if m.relies_on_registry} == {Mode.SECURED, Mode.GATEWAY}


PRINTED_LOSSES = {  # section 3, second table
    BARE: (Loss.NOT_U, Loss.LATE_LEAK, Loss.LATE_LEAK, Loss.NOT_U),
    SECURED: (Loss.NOT_U_AND_NOT_R, Loss.NOT_U_AND_NOT_R, Loss.NOTHING, Loss.NOTHING),
    ATOMIC: (Loss.NOT_R, Loss.NOT_R, Loss.NOTHING, Loss.NOTHING),
    PROXY: (None, None, Loss.LATE_LEAK, Loss.NOT_U),
}


@pytest.mark.parametrize("incoming", list(Level))
def test_loss_table_is_the_printed_one(incoming: Level) -> None:
    assert tuple(loss_of(incoming, b) for b in COLUMNS) == PRINTED_LOSSES[incoming]
