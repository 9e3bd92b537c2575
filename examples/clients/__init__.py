"""Agents of your own that use the server: one on the bare SDK, one on an agent framework."""
