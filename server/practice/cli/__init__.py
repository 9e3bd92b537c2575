"""The commands `practice` and `evaluate`.

`practice` and `evaluate` are the commands, with `command_options` they share; `run_options` are the
options, typed; `run_command` runs them; `assembly` puts a run together from them, with
`library_checks` and `run_settings`.
"""
