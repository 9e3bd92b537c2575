"""The command line `experience-mcp`.

`main` has the list of commands and imports one when it runs. `commands` has a module for each, with
the command's name. `options`, `option_sections`, `database` and `output` are what they share; `hosts`
edits the configuration of MCP hosts.
"""

INTERRUPTED = 130  # exit code after SIGINT
