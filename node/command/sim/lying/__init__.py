"""Nodes and registries that cheat. They hold real keys and run the real code, and bend what it
says: a lie is signed, numbered and kept like the truth, and only its hearer can tell."""
