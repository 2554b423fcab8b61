"""The daemon: adverts in, answers out, and what its owner sees of it."""
