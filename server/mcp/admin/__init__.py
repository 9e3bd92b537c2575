"""Administration tools: describe, edit, compare, roll back, review and delete libraries.

Off unless switched on. `library_tools` and `review_tool` are the tools, `calls` their shared
arguments and results; `server.library_service`, shared with the command line, does the work.
"""
