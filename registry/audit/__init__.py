"""Auditing a registry from outside: replaying its log, accusing it, and keeping a copy of it."""
