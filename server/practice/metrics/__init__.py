"""The figures of a run: pure functions from records to records, standard library only.

Reading order: `attempt_metrics` counts attempts, `estimates` has intervals and tests; `run_metrics`
are the arms and steps, `comparison` the arms in pairs, and `verdict` says what that shows.
`formatting` writes figures for people.
"""
