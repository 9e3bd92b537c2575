"""Learning with a model of the server's own."""
