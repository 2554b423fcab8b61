"""The rules of the house as tests: who imports whom, what is pure, how long things are."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("proto", "runtime", "node", "registry", "pathfinder")
MAY_IMPORT = {  # the star: besides itself
    "proto": set(),
    "runtime": {"proto"},
    "node": {"runtime", "proto"},
    "registry": {"runtime", "proto"},
    "pathfinder": {"runtime", "proto"},
}
ABOVE_THE_STAR = "node.command"  # the composition root: imports everything, nothing imports it
IMPURE = {
    *("asyncio", "grpc", "os", "random", "secrets", "socket", "sqlalchemy"),
    *("threading", "time", "trio"),
}
PURE_NODE_ROOMS = (
    *("node/ledger/clearing.py", "node/escrow/templates.py", "node/web/approval.py"),
    *("node/learning.py", "node/line_memory.py", "node/course.py"),
    *(f"node/registrar/{name}.py" for name in ("core", "rows", "step", "titles", "legs", "owner")),
    "node/registrar/derivative.py",
    *(f"node/registrar/pool{name}.py" for name in ("s", "_rows", "_money", "_course", "_votes")),
    *("node/escrow/faults.py", "node/escrow/strict_json.py", "node/escrow/wildcards.py"),
    *("node/escrow/resolving.py", "node/escrow/plan.py", "node/escrow/checks.py"),
    *("node/escrow/filling.py", "node/escrow/telling.py"),
    *(
        f"node/reputation/{name}.py"
        for name in ("flow", "heads", "ratings", "score", "sharing", "trust")
    ),
    *(f"node/sale/{name}.py" for name in ("vault", "handover", "evidence_log", "control_text")),
)
PURE_REGISTRY = ("registry/log.py", "registry/tlog.py", "registry/audit/replay.py")
IMPURE_PATHFINDER = {
    *("service.py", "config.py", "__main__.py", "network_file.py"),
    *("searching.py", "home.py", "daemon.py", "verbs.py"),
}
MAX_LINES = 400
MAX_FUNCTION_LINES = 70
MAX_COLUMNS = 100


def is_generated(path: Path) -> bool:
    return path.match("proto/v1/*") and path.name != "__init__.py"


@cache
def sources(*packages: str) -> tuple[Path, ...]:
    """Python files that people write, relative to the root."""
    found = [p.relative_to(ROOT) for name in packages for p in (ROOT / name).rglob("*.py")]
    return tuple(sorted(p for p in found if not is_generated(p) and "node_modules" not in p.parts))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(), str(path))


def module_name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) for every import, wherever in the file it stands."""
    for part in ast.walk(tree(path)):
        if isinstance(part, ast.Import):
            yield from ((part.lineno, alias.name) for alias in part.names)
        elif isinstance(part, ast.ImportFrom):
            base = part.module or ""
            if part.level:
                here = module_name(path).split(".")
                keep = len(here) - part.level + (path.name == "__init__.py")
                base = ".".join([*here[:keep], *([base] if base else [])])
            yield part.lineno, base
            yield from ((part.lineno, f"{base}.{alias.name}") for alias in part.names)


def pure_files() -> list[Path]:
    proto = [p for p in sources("proto") if p != Path("proto/generate.py")]
    core = [p for p in sources("node") if p.is_relative_to("node/core")]
    rooms = [Path(p) for p in (*PURE_NODE_ROOMS, *PURE_REGISTRY) if (ROOT / p).exists()]
    finder = [p for p in sources("pathfinder") if p.name not in IMPURE_PATHFINDER]
    return [*proto, *core, *rooms, *finder]


def told(faults: list[str]) -> str:
    return "\n" + "\n".join(faults)


# ---------------------------------------------------------------- imports and purity


def test_imports_form_a_star() -> None:
    faults = []
    for path in sources(*PACKAGES):
        own = path.parts[0]
        if path.is_relative_to(ABOVE_THE_STAR.replace(".", "/")):
            continue
        for line, name in imports(path):
            other = name.split(".")[0]
            if other in PACKAGES and other != own and other not in MAY_IMPORT[own]:
                faults.append(f"{path}:{line} imports {name}")
    assert not faults, told(faults)


def test_nothing_imports_the_composition_root() -> None:
    faults = [
        f"{path}:{line} imports {name}"
        for path in sources(*PACKAGES)
        if not path.is_relative_to(ABOVE_THE_STAR.replace(".", "/"))
        for line, name in imports(path)
        if f"{name}.".startswith(f"{ABOVE_THE_STAR}.")
    ]
    assert not faults, told(faults)


def test_nothing_imports_tests() -> None:
    faults = [
        f"{path}:{line}"
        for path in sources(*PACKAGES)
        for line, name in imports(path)
        if name.split(".")[0] in ("tests", "pytest", "hypothesis")
    ]
    assert not faults, told(faults)


def test_pure_modules_do_no_io() -> None:
    files = pure_files()
    assert len(files) > 20
    faults = [
        f"{path}:{line} imports {name}"
        for path in files
        for line, name in imports(path)
        if name.split(".")[0] in IMPURE or name.startswith("runtime.") or name == "runtime"
    ]
    assert not faults, told(faults)


def test_pure_modules_read_no_clock_and_draw_nothing() -> None:
    forbidden = {"now", "utcnow", "today", "uuid1", "uuid4", "urandom", "token_bytes"}
    faults = []
    for path in pure_files():
        for part in ast.walk(tree(path)):
            if not isinstance(part, ast.Call):
                continue
            f = part.func
            by_module = isinstance(f, ast.Attribute) and f.attr in forbidden
            if by_module or (isinstance(f, ast.Name) and f.id in {"open", "input", "print"}):
                faults.append(f"{path}:{part.lineno}")
    assert not faults, told(faults)


def test_the_core_knows_no_wire() -> None:
    """No protobuf object enters a core."""
    faults = [
        f"{path}:{line} imports {name}"
        for path in sources("node")
        if path.is_relative_to("node/core")
        for line, name in imports(path)
        if name.startswith(("proto.v1", "google.protobuf", "node."))
        and not name.startswith("node.core")
    ]
    assert not faults, told(faults)


# ---------------------------------------------------------------- size and form


def test_files_are_short() -> None:
    faults = []
    for path in sources(*PACKAGES, "tests"):
        lines = (ROOT / path).read_text().count("\n")
        if lines > MAX_LINES:
            faults.append(f"{path} has {lines} lines")
    assert not faults, told(faults)


def test_lines_are_short() -> None:
    faults = [
        f"{path}:{i} has {len(line)} columns"
        for path in sources(*PACKAGES, "tests")
        for i, line in enumerate((ROOT / path).read_text().splitlines(), 1)
        if len(line) > MAX_COLUMNS
    ]
    assert not faults, told(faults)


def test_functions_are_short() -> None:
    faults = []
    for path in sources(*PACKAGES, "tests"):
        for part in ast.walk(tree(path)):
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                assert part.end_lineno is not None
                lines = part.end_lineno - part.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    faults.append(f"{path}:{part.lineno} {part.name} has {lines} lines")
    assert not faults, told(faults)


def test_every_file_tells_what_it_is() -> None:
    faults = [
        str(path)
        for path in sources(*PACKAGES, "tests")
        if not ast.get_docstring(tree(path)) and (ROOT / path).read_text().strip()
    ]
    assert not faults, told(faults)


def test_names_of_files_tell_something() -> None:
    vague = {"utils", "util", "helpers", "helper", "misc", "common", "stuff"}
    assert not [str(p) for p in sources(*PACKAGES, "tests") if p.stem in vague]


def interface() -> Iterator[tuple[Path, str]]:
    """(file, name) of everything that one room takes out of another room's file."""
    files = {module_name(p): p for p in sources(*PACKAGES)}
    for path in sources(*PACKAGES):
        for part in ast.walk(tree(path)):
            if isinstance(part, ast.ImportFrom) and part.module in files:
                home = files[part.module]
                if home.parent != path.parent:
                    yield from ((home, alias.name) for alias in part.names)


def test_the_interfaces_of_rooms_are_documented() -> None:
    """What another room imports says what it is; a type alias or constant may do so by comment."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    faults = {
        f"{path}:{part.lineno} {name} has no docstring"
        for path, name in interface()
        for part in tree(path).body
        if isinstance(part, kinds) and part.name == name and not ast.get_docstring(part)
    }
    assert not faults, told(sorted(faults))


def test_no_handler_swallows_everything() -> None:
    faults = []
    for path in sources(*PACKAGES, "tests"):
        for part in ast.walk(tree(path)):
            if not isinstance(part, ast.ExceptHandler):
                continue
            kinds = part.type.elts if isinstance(part.type, ast.Tuple) else [part.type]
            broad = [k for k in kinds if k is None or ast.unparse(k) == "Exception"]
            # BaseException is caught to clean up, so it has to go on.
            base = [k for k in kinds if k is not None and ast.unparse(k) == "BaseException"]
            goes_on = any(isinstance(x, ast.Raise) for s in part.body for x in ast.walk(s))
            if broad or (base and not goes_on):
                faults.append(f"{path}:{part.lineno}")
    assert not faults, told(faults)


ROWS = (
    *("node/core/money_rows.py", "node/core/escrow/rows.py", "node/core/sale/rows.py"),
    *("node/core/sale/agents.py", "node/core/people/rows.py"),
)


def test_values_are_frozen() -> None:
    """A dataclass of a pure room is a value: nobody changes it under its reader.

    Rows are frozen without slots: a changed row is a copy of a dictionary (node.core.rows.replace),
    which is a tenth of a payment's CPU cheaper than dataclasses.replace.
    """
    faults = []
    for path in pure_files():
        for part in ast.walk(tree(path)):
            for mark in part.decorator_list if isinstance(part, ast.ClassDef) else ():
                text = ast.unparse(mark)
                wanted = ("frozen=True",) if str(path) in ROWS else ("frozen=True", "slots=True")
                if "dataclass" in text and not all(word in text for word in wanted):
                    faults.append(f"{path}:{part.lineno} {part.name} is {text}")
    assert not faults, told(faults)


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(
        "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImpl" + "ementedError"))
    )
    faults = [
        f"{path}:{i}"
        for path in sources(*PACKAGES, "tests")
        for i, line in enumerate((ROOT / path).read_text().splitlines(), 1)
        if marks.search(line)
    ]
    assert not faults, told(faults)


# ---------------------------------------------------------------- tools


def tool(name: str) -> list[str]:
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    return [sys.executable, "-m", name]


@pytest.mark.edge
@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]], ids=["check", "format"])
def test_ruff(arguments: list[str]) -> None:
    done = subprocess.run(
        [*tool("ruff"), *arguments, "--quiet", "."], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.edge
@pytest.mark.first
def test_mypy() -> None:
    done = subprocess.run(tool("mypy"), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_generated_code_is_fresh(tmp_path: Path) -> None:
    """``python -m proto.generate`` changes nothing."""
    if find_spec("grpc_tools") is None:
        pytest.skip("grpcio-tools is not installed")
    from proto.generate import SCHEMAS, generate

    committed = ROOT / "proto" / "v1"
    assert sorted(SCHEMAS) == sorted(p.stem for p in committed.glob("*.proto"))
    generate(tmp_path)
    fresh = {p.name: p.read_bytes() for p in (tmp_path / "proto" / "v1").iterdir()}
    kept = {p.name: p.read_bytes() for p in committed.glob("*_pb2*.py*")}
    assert sorted(fresh) == sorted(kept)
    assert [name for name in fresh if fresh[name] != kept[name]] == []
