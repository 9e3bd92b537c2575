"""Background learning: `worker` finds updates, `model_driver` drives them, `models` are clients.

`slots` shares the concurrent calls between libraries.
"""
