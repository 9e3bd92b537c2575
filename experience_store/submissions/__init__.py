"""Parses attempts as clients send them: lenient about form, strict about meaning.

Messages may have any form that is in use; `forms` reads each. What cannot be read whole is refused
with its location and a fix, and so is a misspelt field: a reward or an answer that is silently
ignored would be worse than none.

Reading order: `clean_text`, `forms`, `messages`, `read_submission`.
"""
