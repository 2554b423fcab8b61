"""Exchanges among any number of parties under one decision: seats, coordinators, templates."""
