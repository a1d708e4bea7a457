"""Reports as text, JSON, CSV and HTML, and exports of the store. Nothing here computes a figure."""

from __future__ import annotations

from enum import StrEnum

from answerback.rendering.export import ExportFormat, write_export
from answerback.rendering.report_csv import render_csv
from answerback.rendering.report_html import render_html
from answerback.rendering.report_json import render_json
from answerback.rendering.report_text import render_text
from desk.model.report import Report

__all__ = ["ExportFormat", "ReportFormat", "render", "write_export"]


class ReportFormat(StrEnum):
    TEXT = "text"
    """For a terminal, at most 100 columns."""
    JSON = "json"
    """For a script; every figure unrounded but for tenths of a second."""
    CSV = "csv"
    """For a spreadsheet; write it as `utf-8-sig`, which Excel needs to read other scripts than Latin."""
    HTML = "html"
    """One file that needs nothing else, to print or to forward."""


def render(report: Report, format: ReportFormat) -> str:
    """The report in one format: a pure function of it, ending with a line break."""
    match format:
        case ReportFormat.TEXT:
            return render_text(report)
        case ReportFormat.JSON:
            return render_json(report)
        case ReportFormat.CSV:
            return render_csv(report)
        case ReportFormat.HTML:
            return render_html(report)
