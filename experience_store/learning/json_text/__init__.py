r"""The JSON object in what a language model wrote.

Models wrap their answers in prose, fences and thoughts, write JSON as they would write Python or
JavaScript, and forget to escape LaTeX. All of that can be mended without guessing at what was
meant. What cannot is refused, with a message that tells the model how to answer better: an answer
that breaks off in the middle, crossed brackets, or a repair that would lose an object. Half an
answer must never pass for a whole one with fewer operations.

An answer is read in this order:

1. `regions` finds what begins like JSON and follows it to the bracket that closes it.
2. `strings` reads each string on the way, whatever its quotes. A placeholder takes its place, so
   that no later repair can bend it.
3. `latex` gives a string's backslashes back the meaning that JSON would take from them.
4. `decoding` makes a value of what is left, repaired if need be, and puts the strings back.
5. `parsing` chooses the object that was asked for.
"""

from __future__ import annotations

from experience_store.learning.json_text.latex import restore_latex
from experience_store.learning.json_text.parsing import parse_object

__all__ = ["parse_object", "restore_latex"]
