# `make` runs all checks, as CI does.
.PHONY: check
check:
	.ci/run
