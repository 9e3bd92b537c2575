"""The learner: turns groups of rewarded attempts into operations on a library. It does no I/O.

The method is `update`. Its `inputs` are groups and a library; it asks `prompts`, in which
`transcript` shortens attempts to a budget. Answers are read by `answer_json`, with LaTeX restored
by `latex`. `proposals` are the operations of the comparisons; `consolidation` settles, round by
round, those in `conflicts`.
"""
