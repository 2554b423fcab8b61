"""The wheel holds exactly our five packages, and what is installed under their names is ours."""

import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.edge

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("node", "pathfinder", "proto", "registry", "runtime")
SHIPPED = {".py", ".pyi", ".proto", ".html", ".css", ".svg", ".json"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, so that neither build/ nor *.egg-info appear in the tree."""
    source = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    # A stray folder beside the packages must not end up in the wheel.
    for name in ("tests", "deploy"):
        (source / name).mkdir()
        (source / name / "__init__.py").write_text("")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    return source


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without the network."""
    for needed in ("pip", "setuptools"):
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed, and the test fetches nothing")
    out = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


def written_files(source: Path) -> set[str]:
    """What people or the compiler of the schema wrote, by its path in the wheel."""
    files = (p for name in PACKAGES for p in (source / name).rglob("*"))
    return {p.relative_to(source).as_posix() for p in files if p.is_file() and p.suffix in SHIPPED}


def test_the_wheel_holds_exactly_the_five_packages(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    (info,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops - {info} == set(PACKAGES)
    assert info.startswith("pledgeway-")


def test_the_wheel_holds_every_source_and_schema(wheel: Path, source: Path) -> None:
    names = {n for n in ZipFile(wheel).namelist() if Path(n).suffix in SHIPPED}
    assert names == written_files(source)
    schemas = {p.name for p in (source / "proto" / "v1").glob("*.proto")}
    assert {Path(n).name for n in names if n.endswith(".proto")} == schemas != set()


def test_the_wheel_installs_the_command_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("/entry_points.txt"))
        lines = archive.read(name).decode().split("\n")
    assert [x for x in lines if x] == [
        "[console_scripts]",
        "pledgeway = node.command.__main__:main",
    ]


def test_the_wheel_works_far_from_the_tree(wheel: Path, tmp_path: Path) -> None:
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = "import proto, proto.certificate, proto.v1.types_pb2; print(proto.__file__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd="/",
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == tmp_path / "proto" / "__init__.py"


@pytest.mark.parametrize("name", PACKAGES)
def test_installed_packages_are_ours(name: str) -> None:
    """Another distribution with a top-level `proto` would win over an editable install."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"import {name}; print({name}.__file__)"],
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = Path(done.stdout.strip())
    ours = Path(__import__(name).__file__ or "")
    assert found == ours
    assert (found.parent / "__init__.py").read_bytes() == (ROOT / name / "__init__.py").read_bytes()


def test_the_command_is_installed() -> None:
    found = entry_points(group="console_scripts", name="pledgeway")
    assert {e.value for e in found} == {"node.command.__main__:main"}
