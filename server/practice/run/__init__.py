"""A run from its first attempt to its last.

`plan` says what is done; `runner` does it, step by step. Of each step, `group_runner` plays the
groups, `attempts` each attempt, and `phase` tells outages from failures; `learning` has the library
learn, with answers of the `teacher`. `journal` keeps every finished piece of work, `run_start` says
what a run may be resumed with, `accounting` what it has spent; `direct` is an ablation.
"""
