"""Background learning: `models` are clients, `model_driver` drives updates, `worker` finds them."""
