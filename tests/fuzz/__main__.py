"""Fuzzes parsers for as long as one likes, and keeps the few inputs that are worth it.

Coverage-guided by atheris where it is installed (`pip install -e .[fuzz]`), else by the mutator of
this folder and Python's own tracer, which is slower.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Final

from tests.fuzz import corpus
from tests.fuzz.mutate import MAX_BYTES, mutate
from tests.fuzz.reach import reach
from tests.fuzz.target import Target, check
from tests.fuzz.targets import targets

EXAMPLE: Final = """\
examples:
  python -m tests.fuzz --list
  python -m tests.fuzz --target message --minutes 5
  python -m tests.fuzz --target all --minutes 0.5      (of each; half an hour in all)

exit status: 0 nothing broke; 1 an input broke its target, and is kept in tests/fuzz/corpus, so
that the suite fails until that is mended; 2 unusable arguments.
"""
POOL: Final = 400  # inputs that the fallback remembers
TIMEOUT_S: Final = 10  # for one input: parsers take microseconds
MEMORY_MB: Final = 2048  # the largest input has 70 kB


def main() -> int:
    """The exit status."""
    asked = _arguments().parse_args()
    found = targets()
    if asked.list:
        print("\n".join(found))
        return 0
    if asked.target != "all" and asked.target not in found:
        print(f"fuzz: no target {asked.target!r}: see --list", file=sys.stderr)
        return 2
    guided = find_spec("atheris") is not None
    if not guided:
        hint = "atheris is not installed (pip install -e .[fuzz]): a slower way is taken"
        print(f"fuzz: {hint}", file=sys.stderr)
    broken = 0
    for name in found if asked.target == "all" else [asked.target]:
        run = _guided if guided else _traced
        broken += run(found[name], asked.minutes * 60)
    return 1 if broken else 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--list", action="store_true", help="names all targets")
    what.add_argument("--target", metavar="NAME", help="one of --list, or all")
    parser.add_argument("--minutes", type=float, default=1.0, metavar="M", help="for each (1)")
    return parser


def _guided(target: Target, seconds: float) -> int:
    """Runs atheris in a process of its own: libFuzzer ends with its process."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        inputs = Path(folder, "inputs")
        inputs.mkdir()
        for number, data in enumerate((*target.seeds, *corpus.kept(target.name))):
            (inputs / f"{number:05}").write_bytes(data)
        log = Path(folder, "log")
        with log.open("wb") as out:
            command = [
                *(sys.executable, "-m", "tests.fuzz.guided", target.name, str(inputs)),
                *(f"-max_total_time={max(1, round(seconds))}", f"-max_len={MAX_BYTES}"),
                *(f"-artifact_prefix={folder}/broke-", f"-timeout={TIMEOUT_S}"),
                f"-rss_limit_mb={MEMORY_MB}",
            ]
            subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False)
        broke = [path.read_bytes() for path in sorted(Path(folder).glob("broke-*"))]
        said = log.read_text(errors="replace")
        reached = [path.read_bytes() for path in sorted(inputs.iterdir())]
    runs = [line for line in said.splitlines() if line.startswith(("#", "Done"))][-1:]
    _keep(target, reached, broke)
    print(f"{target.name}: {runs[0] if runs else 'did not run'}", flush=True)
    if broke or not runs:
        print("\n".join(said.splitlines()[-40:]))
    return len(broke) or (not runs)


def _traced(target: Target, seconds: float) -> int:
    """The mutator, guided by Python's own tracer: every tenth input is looked at."""
    draw = Random(target.name)
    pool = [*target.seeds, *corpus.kept(target.name)]
    known = set().union(*(reach(target, data) for data in pool))
    broke: list[bytes] = []
    runs, end = 0, time.monotonic() + seconds
    while time.monotonic() < end and not broke:
        data = mutate(draw.choice(pool), pool, draw, target.form)
        runs += 1
        try:
            accepted = check(target, data)
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt):
                corpus.keep(target.name, [*corpus.kept(target.name), data])
                print(f"{target.name}: broken by {data.hex()}", file=sys.stderr)
            raise
        if (accepted or runs % 10 == 0) and not (found := reach(target, data)) <= known:
            known |= found
            pool.append(data)
            if len(pool) > POOL:
                del pool[len(target.seeds)]
    _keep(target, pool, broke)
    print(f"{target.name}: {runs} inputs, {len(known)} pairs of lines", flush=True)
    return len(broke)


def _keep(target: Target, reached: list[bytes], broke: list[bytes]) -> None:
    once = [data for data in corpus.kept(target.name) if data not in reached]
    corpus.keep(target.name, corpus.fewest(target, [*reached, *once], broke))


if __name__ == "__main__":
    sys.exit(main())
