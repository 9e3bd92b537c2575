"""The command line `experience-mcp`.

`main` has the table of commands and loads one when it runs; `commands` has a module for each;
`options` and `output` are what they share; `hosts` edits the configuration of MCP hosts.
"""

INTERRUPTED = 130  # exit code after SIGINT
