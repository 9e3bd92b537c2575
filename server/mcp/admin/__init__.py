"""Administration tools: describe, edit, compare, roll back, review and delete libraries.

Off unless switched on. `tools` and `review_tool` are the tools, `results` their answers; the work
is done by `server.library_service`, which the command line shares.
"""
