"""Trained networks as files that run without nassay."""

from nassay.exports.bundle import ExportMismatchError, ExportReport, export_best

__all__ = ["ExportMismatchError", "ExportReport", "export_best"]
