"""The report: plain data to one HTML file that works offline."""

from whence.report.content import Content, ExampleRow, Proof, QueryCard
from whence.report.page import report, write_report
from whence.report.story import Section, Story, write_story

__all__ = ["Content", "ExampleRow", "Proof", "QueryCard", "Section", "Story", "report", "write_report", "write_story"]
