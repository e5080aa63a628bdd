"""`python -m nassay`."""

from nassay.cli.main import run

run()
