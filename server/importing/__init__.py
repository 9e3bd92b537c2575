"""Readers of other programs' files.

`entries` reads a file into entries, `attempts` the attempts in them with a module of `forms` for
each program's form, and `importer` stores them; `lessons` and `markdown` read experiences.
"""
