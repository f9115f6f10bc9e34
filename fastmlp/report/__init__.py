"""A report of a training on a table: one HTML file with data, network, curves, results and importance of columns."""

from fastmlp.report.importance import Importance, permutation_importance
from fastmlp.report.verdict import verdict
from fastmlp.report.writing import report_html, write_report

__all__ = ["Importance", "permutation_importance", "report_html", "verdict", "write_report"]
