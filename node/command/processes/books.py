"""The last check: every line's two books mirror each other, and every brand sums to zero."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import trio

from node.command.processes.control import Json, Refused
from node.command.processes.town import Town
from runtime.rpc_client import RpcError

QUIET_TIMEOUT_S: Final = 20.0  # reconnecting takes five at most, and whatever ends, ends by then
POLL_S: Final = 0.1
MIRRORED: Final = (("booked_out", "booked_in"), ("sequence_out", "sequence_in"))


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that has to be equal, zero or true, and is not."""

    where: str
    what: str
    here: str
    there: str


@dataclass(frozen=True, slots=True)
class Check:
    """`sums`: brand -> sum of all balances in the network."""

    lines: int
    nodes: int
    sums: Mapping[str, int]
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"ok": self.ok}


async def check_books(town: Town, timeout_s: float = QUIET_TIMEOUT_S) -> Check:
    """Waits until nothing is on its way any more, then compares all books."""
    audits: dict[str, Json] = {}
    with trio.move_on_after(timeout_s):
        while True:
            audits = await _audits(town)
            if compare(audits, len(town.plan.lines)).ok:
                break
            await trio.sleep(POLL_S)
    check = compare(audits, len(town.plan.lines), list(town.houses))
    ended = [Difference(name, "process", "ended", "runs") for name in town.processes.dead()]
    return replace(check, differences=(*check.differences, *ended))


async def _audits(town: Town) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, house in town.houses.items():
        try:
            found[name] = await house.control.ask("audit")
        except (RpcError, Refused):
            continue  # compare says who is missing
    return found


def compare(audits: Mapping[str, Json], lines: int, names: list[str] | None = None) -> Check:
    """What the answers of `audit` say together; `lines` is how many lines there should be."""
    differences = [
        Difference(name, "answers", "no", "yes") for name in names or () if name not in audits
    ]
    books: dict[str, list[tuple[str, Json]]] = {}
    sums: Counter[str] = Counter()
    for name, audit in audits.items():
        differences += _own(name, audit)
        for line in audit["lines"]:
            books.setdefault(line["id"], []).append((name, line))
            sums[line["brand"]] += line["booked_in"] - line["booked_out"]
    for line_id, both in books.items():
        differences += _mirror(line_id, both)
    if len(books) != lines:
        differences.append(Difference("network", "lines", str(len(books)), str(lines)))
    differences += [
        Difference("network", f"sum of {brand}", str(value), "0")
        for brand, value in sums.items()
        if value
    ]
    return Check(len(books), len(audits), dict(sums), tuple(differences))


def _own(name: str, audit: Json) -> list[Difference]:
    found = [Difference(name, "audit", problem, "sound") for problem in audit["problems"]]
    if audit["outbox"]:
        found.append(Difference(name, "unacknowledged messages", str(audit["outbox"]), "0"))
    for line in audit["lines"]:
        for key in ("pending_out", "pending_in"):
            if line[key]:
                where = f"{name} with {line['alias']}"
                found.append(Difference(where, key.replace("_", " "), str(line[key]), "0"))
    return found


def _mirror(line_id: str, both: list[tuple[str, Json]]) -> list[Difference]:
    if len(both) != 2:
        return [Difference(f"line {line_id[:10]}", "books", str(len(both)), "2")]
    (name, ours), (other, theirs) = both
    return [
        Difference(
            f"{name} and {other}",
            f"{mine} and {yours}".replace("_", " "),
            str(ours[mine]),
            str(theirs[yours]),
        )
        for pair in MIRRORED
        for mine, yours in (pair, pair[::-1])
        if ours[mine] != theirs[yours]
    ]
