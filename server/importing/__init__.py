"""Readers of other people's files.

Attempts: `entries` reads a file into entries, `attempts` what is in them, in `own_forms` of the
project or in another program's, of which `forms` has a module for each; `importer` stores them.
Lessons: `lesson_files` reads a file, `lesson_text` a text and `lesson_fields` data.
"""
