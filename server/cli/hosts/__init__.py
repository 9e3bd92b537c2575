"""The programs that start the server for a model: where they keep their configuration, and how.

`catalogue` knows the hosts, `places` their files, `document` how to change such a file without
touching what is not ours, `installing`, `undoing` and `records` how to do and undo that.
"""
