"""Practice: the paper's whole loop, from a dataset to a measured gain.

Training-Free GRPO (Cai et al., arXiv 2510.08191) with your own tasks, verifier and model: attempt
each task several times with the library's experiences in the prompt, submit the groups, have the
library learn, continue with what was learned, and compare held-out tasks with and without it.

It is a client of the server like any other: it speaks MCP, to an embedded server or over HTTP.

Reading order: `records` is the data of a run, as its journal keeps it. A run goes from `cli`
through `run`, which uses `datasets`, `players`, `verifiers` and `client`, to `metrics` and
`report`.
`spending` counts what it costs, `run_errors` stop it, and `reasoning_gym` has types for the package
of that name.
"""
