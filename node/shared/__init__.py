"""Several processes of one node over one database: each serves, and all are the same node."""
