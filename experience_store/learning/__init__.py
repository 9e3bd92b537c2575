"""The learner: turns groups of rewarded attempts into operations on a library. It does no I/O."""
