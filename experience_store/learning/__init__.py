"""The learner: turns groups of rewarded attempts into operations on a library. It does no I/O.

The method is `update`. It selects the attempts to compare (`attempt_selection`) and asks `prompts`,
in which attempts are shortened to a budget by `transcript`. Answers are read by `answer_json`, with
LaTeX restored by `latex`. `proposals` are the operations of the comparisons; `consolidation`
settles, round by round, those that are in `conflicts`.
"""
