"""A run from its first attempt to its last.

Reading order: `runner` has the plan and does it, step by step. For each step, `group_runner` runs
the groups, `attempts` each attempt, and `phase` tells outages from failures; `learning` has the
library learn, with answers of the `teacher`. `journal` keeps every finished piece of work and what
it cost, `run_start` says what a run can be resumed with; `direct` is an ablation.
"""
