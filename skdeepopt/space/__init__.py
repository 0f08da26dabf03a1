"""What a search may choose from, and where in it a candidate lies."""

from skdeepopt.space._space import search_space

__all__ = ["search_space"]
