"""Results as tables, charts and files; the only room that knows matplotlib."""

from skdeepopt.report._cells import Cell
from skdeepopt.report._chart import write_chart
from skdeepopt.report._packing_display import PackingDisplay
from skdeepopt.report._pareto_display import ParetoDisplay
from skdeepopt.report._pruning_display import PruningDisplay
from skdeepopt.report._quantization_display import QuantizationDisplay
from skdeepopt.report._results import results_document, write_csv, write_json
from skdeepopt.report._table import (
    BASELINE,
    COLUMNS,
    Row,
    build_rows,
    chart_subtitle,
    rich_table,
    table_caption,
    text_table,
    to_ascii,
)
from skdeepopt.report._transfer_display import TransferDisplay

__all__ = [
    "BASELINE",
    "COLUMNS",
    "Cell",
    "PackingDisplay",
    "ParetoDisplay",
    "PruningDisplay",
    "QuantizationDisplay",
    "Row",
    "TransferDisplay",
    "build_rows",
    "chart_subtitle",
    "results_document",
    "rich_table",
    "table_caption",
    "text_table",
    "to_ascii",
    "write_chart",
    "write_csv",
    "write_json",
]
