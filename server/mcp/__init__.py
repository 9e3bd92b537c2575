"""The MCP surface: what hosts and their models see.

Reading order:

- `build` puts the server together, `server` is the server, `middleware` wraps its requests;
- `tools` are the five core tools, with `schemas` (the caller and the arguments), `results` and
  `next_steps`; `host_driver` runs an update with the host's model;
- `resources`, `prompts` and `pagination` are what a person or a host reads;
- `change_watcher` and `notifications` tell subscribers about changes;
- `admin` has the administration tools, `skills` serves libraries as Agent Skills.
"""
