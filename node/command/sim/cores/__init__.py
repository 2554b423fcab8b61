"""A world of bare cores: no engine, no store, no clock; forked, searched, driven by hand."""
