"""What a study found, for the eyes: the HTML report, terminal tables, drawings of networks."""

from nassay.reports.data import ReportData
from nassay.reports.page import render, write_report
from nassay.reports.pictures import picture
from nassay.reports.tables import comparison_table, gap_table

__all__ = [
    "ReportData",
    "comparison_table",
    "gap_table",
    "picture",
    "render",
    "write_report",
]
