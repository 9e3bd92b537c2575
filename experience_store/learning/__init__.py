"""The learner: turns groups of rewarded attempts into operations on a library. It does no I/O.

The method is `update`. It chooses the attempts to compare (`attempts`), asks `questions`, to which
attempts go as `transcript` shortens them and whose answers are read by `answer_json`, and settles
what is proposed (`proposals`) in `rounds`, as far as it is in `contention`.
"""
