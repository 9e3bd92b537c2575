"""Readers of other programs' files, one module per format.

`json_lines` reads JSON lines, `rollouts` the forms of attempts in them, `importer` stores the
attempts; `markdown` reads a library.
"""
