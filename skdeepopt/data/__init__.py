"""Reading arrays, tables and lists as images."""

from skdeepopt.data._canonical import canonical_order
from skdeepopt.data._layout import ImageLayout, infer_layout, layout_of
from skdeepopt.data._rows import as_rows

__all__ = ["ImageLayout", "as_rows", "canonical_order", "infer_layout", "layout_of"]
