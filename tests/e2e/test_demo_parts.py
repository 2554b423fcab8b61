"""The demo's parts that need no process: plans, roles, comparisons, and unusable input."""

from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from node.command.demo.casting import KILLED, MIXED, SCENES, cast
from node.command.demo.command import demo
from node.command.demo.florence import florence, florentine_roles
from node.command.demo.scene import expected_changes, hops_of
from node.command.processes.books import compare
from node.command.processes.control import Json
from node.command.processes.plan import MAX_HOUSES, PlanFault, make_plan
from node.command.processes.ports import free_ports
from pathfinder.core.graph import Graph
from pathfinder.core.search import find_route
from pathfinder.network import Line, Network, Node
from pathfinder.question import RouteQuestion
from proto.levels import Level
from tests.e2e.houses import FEES, chain_network


def test_florence_is_what_the_scenes_need() -> None:
    for seed in range(20):
        network = florence(Random(seed))
        assert (len(network.nodes), len(network.lines)) == (15, 40)
        for registry in network.registries:
            trusting = sum(registry in node.accepts for node in network.nodes)
            assert 0 < trusting < 15, "not trusted by everybody"
        levels = {}
        graph = Graph.from_network(network)
        for role in florentine_roles(network):
            allowed = role.levels or frozenset(Level)
            question = RouteQuestion(role.payer, role.payee, role.amount, levels=allowed)
            route = find_route(graph, question).route
            levels[role.scene, role.payee] = {h.level.name for h in route.hops} if route else None
        assert levels == {
            ("atomic", "Strozzi"): {"ATOMIC"},
            ("mixed", "Lamberteschi"): {"ATOMIC", "PROXY"},
            ("mixed", "Acciaiuoli"): {"SECURED", "BARE"},
            ("refused", "Bischeri"): None,
            ("silent", "Castellani"): {"ATOMIC"},
            ("killed", "Castellani"): {"ATOMIC"},
        }


def test_a_plan_makes_one_line_of_two_directions() -> None:
    nodes = (Node("A"), Node("B"))
    there, back = Line("B", "A", "USD", 5), Line("A", "B", "USD", 7, FEES)
    plan = make_plan(Network((), (), nodes, (there, back, Line("B", "A", "EUR", 3))))
    assert [(x.ends, x.brand, x.limits) for x in plan.lines] == [
        (("A", "B"), "USD", (7, 5)),
        (("B", "A"), "EUR", (3, 0)),
    ]
    wanted = [back, there, Line("B", "A", "EUR", 3), Line("A", "B", "EUR", 0)]
    assert list(plan.network.lines) == wanted


@pytest.mark.parametrize(
    "network",
    [
        Network((), (), (Node("A"),), ()),
        Network((), (), (Node("A"), Node("B")), ()),
        Network((), (), (Node("A"), Node("B/C")), (Line("A", "B/C", "USD", 1),)),
        Network(
            (), (), tuple(Node(f"N{i}") for i in range(MAX_HOUSES + 1)),
            (Line("N0", "N1", "USD", 1),),
        ),
    ],
    ids=["one node", "no line", "slash", "too many"],
)  # fmt: skip
def test_a_network_that_cannot_be_run(network: Network) -> None:
    with pytest.raises(PlanFault):
        make_plan(network)


def test_roles_of_any_network() -> None:
    roles = {role.scene: role for role in cast(chain_network(), Random(1))}
    assert tuple(roles) == SCENES
    assert roles["atomic"].chain in (("P", "A", "B", "Q"), ("Q", "B", "A", "P"))
    assert roles[KILLED].levels == {Level.ATOMIC}
    assert roles["refused"].amount == 6_000_001


def test_what_a_network_has_not_is_said() -> None:
    nodes = (Node("P", frozenset({"R"})), Node("Q", frozenset({"R"})))
    roles = {r.scene: r for r in cast(Network(("R",), (), nodes, (Line("P", "Q", "U", 50),)),
                                      Random(1))}  # fmt: skip
    assert roles[MIXED].absent and roles[KILLED].absent
    assert not roles["atomic"].absent and roles["atomic"].amount == 5
    assert all(role.absent for role in cast(Network((), (), nodes, (Line("P", "Q", "U", 0),)),
                                            Random(1)))  # fmt: skip


def book(line: str, out: int, into: int, **more: int) -> Json:
    blank = {"sequence_out": 1, "sequence_in": 1, "pending_out": 0, "pending_in": 0}
    named = {"id": line, "brand": "USD", "alias": "x"}
    return {**named, **blank, "booked_out": out, "booked_in": into, **more}


def audit(*lines: Json, outbox: int = 0, problems: tuple[str, ...] = ()) -> Json:
    return {"lines": list(lines), "outbox": outbox, "problems": list(problems)}


def test_books_that_mirror_each_other() -> None:
    check = compare({"A": audit(book("1", 5, 9)), "B": audit(book("1", 9, 5))}, 1)
    assert check.ok and check.sums == {"USD": 0}


@pytest.mark.parametrize(
    ("theirs", "where"),
    [
        (audit(book("1", 9, 6)), "A and B"),
        (audit(book("1", 9, 5, sequence_in=2)), "A and B"),
        (audit(book("1", 9, 5, pending_in=3)), "B with x"),
        (audit(book("1", 9, 5), outbox=1), "B"),
        (audit(book("1", 9, 5), problems=("a row",)), "B"),
        (audit(), "line 1"),
    ],
)
def test_books_that_differ(theirs: Json, where: str) -> None:
    check = compare({"A": audit(book("1", 5, 9)), "B": theirs}, 1)
    assert not check.ok
    assert where in {difference.where for difference in check.differences}


def test_books_that_are_missing() -> None:
    check = compare({"A": audit(book("1", 0, 0)), "B": audit(book("1", 0, 0))}, 2, ["A", "B", "C"])
    assert {d.where for d in check.differences} == {"network", "C"}


def test_what_a_payment_moves() -> None:
    hops = hops_of(
        {
            "modes": {"A": "ATOMIC"},
            "hops": [
                {"from": "P", "to": "A", "level": "ATOMIC", "amount": 107},
                {"from": "A", "to": "Q", "level": "ATOMIC", "amount": 100},
            ],
        }
    )
    assert [(h.mode, h.fee) for h in hops] == [(None, None), ("ATOMIC", 7)]
    assert expected_changes(hops, 100) == {"P": -107, "A": 7, "Q": 100}


def test_ports_differ() -> None:
    ports = free_ports(Random(3))
    found = [next(ports) for _ in range(40)]
    assert len(set(found)) == 40


@pytest.mark.parametrize(
    ("text", "word"),
    [("{", "JSON"), ('{"nodes": {"A": {}}}', "nodes"), ('{"nodes": {"A": {}, "B": {}}}', "lines")],
)
def test_unusable_input_is_one_line_and_status_2(tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "net.json"
    file.write_text(text)
    done = CliRunner().invoke(demo, ["--network", str(file)])
    assert done.exit_code == 2
    assert done.output.count("\n") == 1 and str(file) in done.output and word in done.output


def test_a_directory_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    done = CliRunner().invoke(demo, ["--keep", str(tmp_path)])
    assert done.exit_code in (1, 2)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
