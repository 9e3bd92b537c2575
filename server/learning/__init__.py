"""Background learning: `worker` finds work, `model_driver` answers it, `models` are the clients."""
