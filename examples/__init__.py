"""Worked examples: environments whose attempts can be recorded and learned from."""
