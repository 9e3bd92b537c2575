"""Readers of foreign files, one module for each format.

`json_lines` reads JSON lines, `rollouts` the forms of attempts in them, and `markdown` a library;
`importer` stores the attempts.
"""
