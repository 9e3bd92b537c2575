"""What the skill of a library is called.

Names of skills are narrower than names of libraries: 1 to 64 lower-case letters, digits and single
hyphens. A library whose name is one keeps it. Another gets the nearest name and a part of its
digest, so that two libraries never share a skill; names that look like that get a digest too.
"""

from __future__ import annotations

import re
from hashlib import sha256

_PLAIN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_DIGEST = 12
_MARK = re.compile(rf"-x[0-9a-f]{{{_DIGEST}}}$")
_LONGEST = 64 - _DIGEST - 2


def skill_name(library: str) -> str:
    """The name of a library's skill."""
    if _PLAIN.fullmatch(library) and not is_derived(library):
        return library
    near = "-".join(re.findall(r"[a-z0-9]+", library))[:_LONGEST].rstrip("-")
    return f"{near}-x{sha256(library.encode()).hexdigest()[:_DIGEST]}"


def is_derived(skill: str) -> bool:
    """Whether a skill's name is another than its library's."""
    return _MARK.search(skill) is not None
