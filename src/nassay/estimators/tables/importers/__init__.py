"""From the official release of a benchmark to a table; nothing in a foreign file is executed."""

from nassay.estimators.tables.importers.base import Importer, importers, run_import

__all__ = ["Importer", "importers", "run_import"]
