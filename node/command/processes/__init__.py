"""Networks of real daemons on this machine: what the demo and the benchmarks start and compare."""
