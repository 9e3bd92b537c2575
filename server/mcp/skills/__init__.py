"""Libraries as Agent Skills: folders of Markdown that hosts load when a task calls for them.

`folder` is a skill's name and files, with `topics`, by which a long library is split; `served` are
the skills that a caller sees, as resources; `extension` adds the methods of SEP-2640;
`skill_export` writes a skill to disk. A skill depends on the library and its version alone, byte
for byte.
"""
