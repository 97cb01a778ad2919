"""Figures and the treatment report, from the record alone."""

from insonate.report.build import render_report
from insonate.report.story import RecordLike
from insonate.report.summary import Summary, summarise

__all__ = ["RecordLike", "Summary", "render_report", "summarise"]
