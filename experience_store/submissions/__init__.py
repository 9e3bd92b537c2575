"""Attempts as clients send them: lenient about form, strict about meaning.

Messages may be OpenAI chat messages or have content blocks of the Anthropic kind. What cannot be
understood is refused with the place and a way to mend it; a misspelt field is an error, because a
reward that is silently ignored would make a winner unscored.
"""
