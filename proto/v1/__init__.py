"""Generated from the ``.proto`` files beside it by ``python -m proto.generate``."""
