"""Whole nodes and registries in one process: real engines over a wire, disks and clocks of ours."""
