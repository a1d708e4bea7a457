"""The agents' console: what waits for an answer, due first, in a terminal."""
