"""The commands `practice` and `evaluate`.

Reading order: `commands` has both, and `command_options` the options that they share; `run_options`
are all options, typed. `run_command` runs them, and `assembly` puts a run together, after the
`run_checks` of its settings and its library.
"""
