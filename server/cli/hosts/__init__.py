"""MCP hosts: what `install` writes into their configuration, where, and how it is undone.

Reading order: `catalogue` has the hosts and the entry each of them wants, `locations` the places of
their files, `launch` the command that starts this server. `changes` plans what `install` does,
merges and undoes; it reads and writes through `config_file`, and edits a `document`, which is a
`json_document` or a `toml_document`. A `backup` is what undo needs, `backup_store` keeps it, and
`older_backup` reads those of the first version. `masking` hides secrets in what is shown.
"""
