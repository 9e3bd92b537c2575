"""What must not be stored, and what must not be taught.

Trajectories are untrusted: web pages and tool output are in them. Secrets are redacted before a
trajectory is stored (`redaction`). What is distilled from trajectories is put into the prompts of
other agents, so an experience that carries a secret, a link, a command or an attempt to steer its
reader is refused, with the reason (`content_policy`).

Both are tables of patterns. No such table is complete; delimiters, provenance and review come on
top. So the tables lean towards leaving ordinary text alone: what merely resembles a secret, like
an order number or the word after "password:", stays. The text may be hostile: every quantifier is
bounded or cannot backtrack, so that matching takes linear time.
"""
