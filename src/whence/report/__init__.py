"""The report: plain data to one HTML file that works offline."""

from whence.report.content import Content, ExampleRow, Proof, QueryCard
from whence.report.page import report, write_report

__all__ = ["Content", "ExampleRow", "Proof", "QueryCard", "report", "write_report"]
