"""The figures of a run: pure functions from records to records, standard library only."""
