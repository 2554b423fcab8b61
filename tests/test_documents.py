"""README, example configurations and the words in every file: what they name exists and is ours."""

import re
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DAEMONS = ("node", "registry", "pathfinder")
MAIN = "node.command.__main__"


def told(faults: list[str]) -> str:
    return "\n" + "\n".join(faults)


def code_in(markdown: str) -> Iterator[str]:
    """Lines of fenced blocks, and inline code."""
    fenced = re.compile(r"^```.*?$(.*?)^```", re.MULTILINE | re.DOTALL)
    for block in fenced.findall(markdown):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", fenced.sub("", markdown))


def commands_in(markdown: str) -> set[tuple[str, ...]]:
    """Every `pledgeway word word ...`, up to the first word that cannot name a command."""
    pattern = re.compile(r"(?:^|[\s/$|(])pledgeway((?: +[a-z][a-z-]*(?![\w.:/=]))+)")
    return {tuple(m.split()) for line in code_in(markdown) for m in pattern.findall(line)}


def test_commands_are_found_in_markdown() -> None:
    text = "Say `pledgeway route --json`.\n```sh\n$ .venv/bin/pledgeway line open A\n"
    text += "pledgeway pay x.y\n```\nThe pledgeway of old is no command.\n"
    assert commands_in(text) == {("route",), ("line", "open"), ("pay",)}


DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "deploy").glob("*.md")))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_commands_that_a_document_names_exist(document: Path) -> None:
    import click

    commands = commands_in(document.read_text())
    assert commands, "it shows no command"
    main = import_module(MAIN).main
    assert isinstance(main, click.Command)
    missing = []
    for words in sorted(commands):
        here: click.Command | None = main
        for i, word in enumerate(words):
            if not isinstance(here, click.Group):
                break  # the rest are arguments
            here = here.get_command(click.Context(here), word)
            if here is None:
                missing.append(" ".join(words[: i + 1]))
                break
    assert not missing, told(missing)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.name)
def test_options_that_a_document_shows_exist(document: Path) -> None:
    """Each `--option` after a `pledgeway` command, continued lines included."""
    import click

    main = import_module(MAIN).main
    wrong = []
    for line in code_in(document.read_text().replace("\\\n", " ")):
        for said in re.findall(r"(?:^|[\s/$])pledgeway ([^|&;#]*)", line):
            here: click.Command = main
            words = said.split()
            while isinstance(here, click.Group) and words:
                found = here.get_command(click.Context(here), words[0])
                if found is None:
                    break
                here, words = found, words[1:]
            known = {name for p in here.params for name in (*p.opts, *p.secondary_opts)}
            options = [word.partition("=")[0] for word in words if word.startswith("--")]
            wrong += [f"{said}: {x}" for x in options if x not in {*known, "--help"}]
    assert not wrong, told(wrong)


def test_links_of_a_document_lead_somewhere() -> None:
    broken = [
        f"{document.name}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert not broken, told(broken)


WITHIN = {"witness": "registry.witness"}  # daemons that live inside another's package
EXAMPLES = sorted((ROOT / "deploy").glob("**/*.example.toml"))


def test_deploy_has_an_example_for_every_daemon() -> None:
    """As soon as anything is deployed at all."""
    if not any((ROOT / "deploy").iterdir()):
        pytest.skip("deploy/ is empty")
    daemons = {name for name in DAEMONS if (ROOT / name / "__main__.py").exists()}
    assert EXAMPLES
    assert daemons <= {p.name.split(".")[0] for p in EXAMPLES}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_example_configs_load(path: Path) -> None:
    daemon = path.name.split(".")[0]
    config = import_module(f"{WITHIN.get(daemon, daemon)}.config")
    assert config.read_config(path)


# ---------------------------------------------------------------- words


def tracked_files() -> list[Path]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()]


FOREIGN = re.compile(
    "|".join(
        (
            r"(?<![\w.<])/wo" + r"rk\b",  # paths of a machine of ours
            r"(?<![\w/-])sha" + r"red/(?!\w+\.(?:so|py)\b)",
            r"/tmp/br" + r"ief",
            r"(?i:\bpyp" + r"i\.org|pythonhos" + r"ted\.org)",
            r"\bA" + r"I\b",
            r"(?i:\bcla" + r"ude\b|\banth" + r"ropic\b|\bchat" + r"gpt\b|language mod" + r"el)",
        )
    )
)


# The checks that read data which is not part of the project, and skip where it is absent.
READS_REAL_DATA = {Path("tests/pathfinder/test_foreign.py"), Path("tests/sim/test_replay.py")}


@pytest.mark.edge
def test_the_project_speaks_of_itself_alone() -> None:
    faults = []
    for path in tracked_files():
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        faults += [
            f"{path.relative_to(ROOT)}:{i} {line.strip()[:80]}"
            for i, line in enumerate(lines, 1)
            if FOREIGN.search(line) and path.relative_to(ROOT) not in READS_REAL_DATA
        ]
    assert not faults, told(faults)
