"""Libraries as Agent Skills: folders of Markdown that hosts load when a task calls for them.

`naming` says what a library's skill is called, `folder` what is in it, `topics` how a long library
is split, `extension` serves it over MCP (SEP-2640) and `export` writes it to disk. What is in a
skill follows from the library and its version alone, byte for byte.
"""
