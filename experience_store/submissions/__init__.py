"""Parses attempts as clients send them: lenient about form, strict about meaning.

Messages may be OpenAI chat messages or have content blocks as in Anthropic's API. Invalid input is
refused with its location and a fix; a misspelt field is an error, because a reward that is silently
ignored would leave a winner unscored.

Reading order: `clean_text`, `messages`, `read_submission`.
"""
