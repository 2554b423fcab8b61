"""What a node decides, as functions over frozen values: no clock, no randomness, no I/O."""
