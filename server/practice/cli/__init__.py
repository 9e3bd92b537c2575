"""The commands `practice` and `evaluate`."""
