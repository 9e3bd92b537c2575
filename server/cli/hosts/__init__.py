"""MCP hosts: what `install` writes into their configuration, where, and how it is undone.

Reading order: `catalogue` has the hosts, where their files are and the entry each of them wants;
`launch` has the command that starts this server. `changes` plans what `install` writes, merges and
undoes; it reads and writes through `config_file`, and edits a `document`, which is either a
`json_document` or a `toml_document`. A `backup` is what undo needs. `masking` hides secrets in what
is shown.
"""
