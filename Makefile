# `make` runs all checks, as CI does.
.PHONY: check
check:
	.ci/run

# The bundle for Claude Desktop, into dist/.
.PHONY: mcpb
mcpb:
	uv run packaging/mcpb/build.py
