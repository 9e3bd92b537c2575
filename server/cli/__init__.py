"""The command line `experience-mcp`.

Reading order: `main` lists the commands and imports one when it runs; `commands` has a module for
each, with the command's name. They share `options` (with `option_sections` for those with many, and
`serving_options` for `serve`), `open_database` and `output`. `diagnostics` are the checks of
`doctor`, `demo_recording` is what `demo` plays, `hosts` edits the configuration of MCP hosts.
"""

INTERRUPTED = 130  # exit code after SIGINT
