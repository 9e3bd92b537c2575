"""Readers of other people's files, one module a format.

`json_lines` reads lines, `rollouts` the forms of attempts in them, `markdown` a library; `importer`
puts rollouts into the store.
"""
