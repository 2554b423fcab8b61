"""Generates the Python modules of ``proto/v1``: ``python -m proto.generate``.

The generated files are committed, so that neither users nor wheels need a compiler. A test runs
this again and compares bytes.
"""

import sys
from pathlib import Path

SCHEMAS = ("types", "registry", "node", "control", "pathfinder", "escrow", "sale", "confirm")


def generate(destination: Path) -> None:
    """Writes ``*_pb2.py``, ``*_pb2.pyi`` and ``*_pb2_grpc.py`` below `destination`.

    Raises RuntimeError when the compiler refuses a schema; it has printed why.
    """
    from grpc_tools import protoc  # a development dependency: imported only where it is used

    root = Path(__file__).resolve().parent.parent
    arguments = [
        "protoc",
        f"-I{root}",
        f"--python_out={destination}",
        f"--pyi_out={destination}",
        f"--grpc_python_out={destination}",
        *(f"proto/v1/{name}.proto" for name in SCHEMAS),
    ]
    if status := protoc.main(arguments):
        raise RuntimeError(f"protoc ended with status {status}")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
