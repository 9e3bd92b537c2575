"""Practice: the paper's whole loop, from a dataset to a measured gain.

Training-Free GRPO (Cai et al., arXiv 2510.08191) with tasks, a verifier and a model of one's own:
attempt each task several times with the library's experiences in the prompt, submit the groups,
have the library learn, continue with what was learned, and compare held-out tasks with and without.

It is a client of the server like any other: it speaks MCP with it, embedded or over HTTP. A run
goes from `cli` through `run`, which uses `datasets`, `players`, `verifiers` and `client`, to
`metrics` and `report`. `records` are its data, as the journal keeps them.
"""
