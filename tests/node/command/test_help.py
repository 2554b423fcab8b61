"""Every command teaches: an example, its exit statuses; and --help costs next to nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from node.command.__main__ import PLACES, main
from tests.node.command.conftest import ROOT

# Rooms of others, which are mounted here: their own tests say what their help holds.
MOUNTED = {
    *("route", "max-sendable", "registry", "witness", "verify", "demo", "bench", "pathfinder"),
    "sim",
}


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        if not path and name in MOUNTED:
            continue
        found = group.get_command(ctx, name)
        assert found is not None
        yield (*path, name)
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))


ALL = list(commands(main))


def help_of(*path: str) -> str:
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_all_commands_are_there() -> None:
    assert {" ".join(path) for path in ALL} == {
        *("node", "node init", "node run", "node status", "node card", "node stop"),
        *("node incidents", "node audit", "node registry", "node registry add"),
        *("node registry list", "node registry accept", "node registry drop"),
        *("node registry expose", "node registry proof"),
        *("node registry follow", "node registry unfollow"),
        *("node policy", "node policy add", "node policy list", "node policy drop"),
        *("node peer", "node peer add", "node peer list"),
        *("node pathfinder", "node pathfinder use", "node pathfinder list", "node pathfinder drop"),
        "node domain-proof",
        *("line", "line offer", "line accept", "line limit", "line close", "line list"),
        *("fees", "fees show", "fees set"),
        *("request", "request create", "request list", "request show"),
        *("request confirm", "request decline", "request countersign"),
        *("request requester-key", "request requester-key new"),
        "request receipt",
        *("pay", "payment", "payment show", "payment list", "payment abandon"),
        *("payment evidence", "payment receipt", "balance", "network", "network export"),
        *("network learned", "network forget"),
        *("network import", "network show", "network draw"),
        *("registrar", "registrar brand", "registrar brand create", "registrar brand list"),
        *("registrar brand show", "registrar brand change", "registrar issue", "registrar account"),
        *("registrar account create", "registrar account list", "registrar account freeze"),
        *("registrar terms", "registrar terms grant", "registrar terms revoke"),
        *("registrar list", "registrar legs", "registrar pools", "registrar audit"),
        *("rights", "rights forget", "rights learn", "rights list"),
        *("account", "account open", "account import", "account list", "account show"),
        *("escrow", "escrow templates", "escrow explain", "escrow propose"),
        *(
            "escrow list",
            "escrow show",
            "escrow accept",
            "escrow cancel",
            "escrow stand",
            "escrow standing",
        ),
        *("escrow unstand", "escrow inbox"),
        *("agent", "agent offer", "agent learn", "agent list", "agent score", "agent forget"),
        *("agent run", "sale", "sale open", "sale offer", "sale choose-agent", "sale take"),
        *("sale hand-over", "sale reveal", "sale control", "sale attest", "sale release"),
        *("sale refund", "sale concede", "sale challenge", "sale slash", "sale vote"),
        *("sale close", "sale list", "sale show"),
        *("people", "people invite", "people withdraw", "people list", "people show"),
        *("people statement", "people limit", "people pay-in", "people pay-out", "people books"),
        *("people sessions", "people sessions end", "people close"),
        *("requester", "requester add", "requester list", "requester end"),
        *("requester notices", "requester notices again", "node webhook-keys"),
        *("wallet", "wallet join", "wallet login", "wallet key", "wallet pending", "wallet show"),
        *("wallet approve", "wallet deny", "wallet pay", "wallet ask", "wallet history"),
        *("wallet balance", "wallet mandates", "wallet revoke", "wallet watch"),
        "wallet receipt",
        *("pending", "pending list", "pending show", "pending take", "pending approve"),
        *("pending deny", "pending mandates", "pending revoke"),
    }


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_teaches(path: tuple[str, ...]) -> None:
    text = help_of(*path)
    assert "Example" in text
    assert f"pledgeway {' '.join(path)}" in text.split("Example", 1)[1]
    here: click.Command | None = main
    for name in path:
        assert isinstance(here, click.Group)
        here = here.get_command(click.Context(here), name)
    if not isinstance(here, click.Group):
        assert "Exit status: 0" in text
        assert "--json" in text or path == ("node", "run")
        signs = path in (("request", "countersign"), ("request", "requester-key", "new"))
        offline = path in (("node", "init"), ("node", "run")) or signs
        elsewhere = path[0] == "wallet"  # it asks the node of somebody else
        assert ("--wallet" in text) is elsewhere
        assert ("--node" in text) is not (offline or elsewhere)
        files = (
            *(("escrow", "templates"), ("escrow", "explain")),
            *(("node", "domain-proof"), ("node", "webhook-keys")),
        )
        reads = path in files  # and no more
        asks_nobody = offline or reads or path[:2] == ("node", "pathfinder")  # they edit a file
        assert "3 " in text.split("Exit status:")[1] or asks_nobody


def test_examples_name_commands_and_options_that_exist() -> None:
    for path in [(), *ALL]:
        for line in help_of(*path).splitlines():
            if not line.strip().startswith("pledgeway "):
                continue
            words = line.split("#")[0].split("&&")[0].split(">")[0].split()[1:]
            here: click.Command = main
            while isinstance(here, click.Group) and not words[0].startswith("--"):
                found = here.get_command(click.Context(here), words.pop(0))
                assert found is not None, line
                here = found
            known = {name for param in here.params for name in (*param.opts, *param.secondary_opts)}
            unknown = {word for word in words if word.startswith("--")} - known
            assert not unknown, (line, unknown)


def test_the_group_names_every_place() -> None:
    text = help_of()
    for name, place in PLACES.items():
        assert f"{name} " in text
        assert place.short_help in text
    assert "PLEDGEWAY_NODE" in text


@pytest.mark.parametrize("name", sorted(MOUNTED - {"demo"}))
def test_the_rooms_of_others_are_mounted(name: str) -> None:
    assert "Usage: " in help_of(name)


def test_an_unknown_command_is_unusable_input() -> None:
    result = CliRunner().invoke(main, ["nonsense"])
    assert result.exit_code == 2
    assert result.stdout == ""


def test_version() -> None:
    result = CliRunner().invoke(main, ["--version"])
    assert result.exit_code == 0
    assert result.stdout.startswith("pledgeway, version ")


HEAVY = ("grpc", "trio", "sqlalchemy", "networkx", "starlette", "cryptography", "asyncio")


@pytest.mark.edge
@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], ()),
        (["--version"], ()),
        (["node", "--help"], ()),
        (["pay", "--help"], ()),
        (["node", "status", "--node", "/nowhere"], ()),
        (["node", "init", "--help"], ()),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_nothing_heavy_is_imported(arguments: list[str], allowed: tuple[str, ...]) -> None:
    code = (
        "import sys, json\n"
        "from node.command.__main__ import main\n"
        "try:\n    main(json.loads(sys.argv[1]))\n"
        "except SystemExit:\n    pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert loaded & {*HEAVY} <= {*allowed}


@pytest.mark.parametrize("path", [p for p in ALL if p[0] in {"wallet", "pending", "requester"}])
def test_groups_say_whole_sentences(path: tuple[str, ...]) -> None:
    listed = help_of(*path[:-1]).partition("Commands:")[2]
    assert f"\n  {path[-1]} " in listed and "..." not in listed
    assert max(map(len, listed.splitlines())) <= 80
