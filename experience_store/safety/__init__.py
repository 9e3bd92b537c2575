"""What must not be stored, and what must not be taught.

Trajectories are untrusted: they contain web pages and tool output. `redaction` (with
`secret_names`) removes secrets before a trajectory is stored. Experiences end up in the prompts of
other agents, so `content_policy` refuses one that contains a secret, a link, a command or an
attempt to steer its reader, and says why.

Both are tables of patterns. No such table is complete; delimiters, provenance and review are the
other layers. The tables err towards leaving ordinary text alone: what merely resembles a secret,
such as an order number or the word after "password:", stays. The text may be hostile: every
quantifier is bounded or possessive, so that matching takes linear time.
"""
