"""The report: plain data to one HTML file that works offline."""

from wherefrom.reporting.content import Content, ExampleRow, Proof, QueryCard
from wherefrom.reporting.page import report, write_report
from wherefrom.reporting.story import Section, Story, cell, write_story
from wherefrom.store import write_whole

__all__ = ["Content", "ExampleRow", "Proof", "QueryCard", "Section", "Story", "cell", "report", "write_report", "write_story", "write_whole"]
