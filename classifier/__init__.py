"""Finds complaints: one encoder, one forward pass, many heads. Serving loads no torch."""
