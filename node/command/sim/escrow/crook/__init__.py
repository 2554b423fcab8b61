"""Dishonest parties and coordinators: what they say and do instead of what they should."""
