"""A payables desk with unwritten conventions: an environment to learn experiences from."""
