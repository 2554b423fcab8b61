"""One target under atheris: libFuzzer, guided by the coverage of our packages' bytecode.

python -m tests.fuzz.guided TARGET FOLDER [libFuzzer options]: run by `python -m tests.fuzz`.
"""

import sys
from random import Random

import atheris


def main() -> None:
    """Never returns: libFuzzer ends the process, with 77 where an input broke the target."""
    with atheris.instrument_imports(include=["proto", "runtime", "node", "registry", "pathfinder"]):
        from tests.fuzz.targets import targets
    from tests.fuzz.mutate import mutate
    from tests.fuzz.target import check

    target = targets()[sys.argv[1]]
    others = list(target.seeds)

    def mutator(data: bytes, max_size: int, seed: int) -> bytes:
        """Half by structure, half as libFuzzer does it: it knows what was compared with what."""
        draw = Random(seed)
        if draw.random() < 0.5:
            return bytes(atheris.Mutate(data, max_size))
        return mutate(data, others, draw, target.form)[:max_size]

    def run(data: bytes) -> None:
        check(target, data)

    atheris.Setup([sys.argv[0], *sys.argv[2:]], run, custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
