"""Exchanges of any number of parties under one decision, and their templates."""
