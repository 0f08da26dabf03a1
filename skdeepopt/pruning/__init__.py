"""Pruning: weights masked, channels and blocks removed."""
