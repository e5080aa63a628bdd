from rich.console import Console

from nassay.reports.tables import comparison_table, gap_table


def printed(table) -> str:
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table)
    return console.export_text().replace("\u00a0", " ")


def test_comparison_shows_every_network(sample):
    text = printed(comparison_table(sample.summary))
    for word in ("Best", "Finalist 2", "Reference", "Random", "97.2 %", "1.92 ms", "413 k", "96.0 KiB"):
        assert word in text


def test_comparison_of_nothing():
    assert "No network is trained yet." in printed(comparison_table({}))


def test_gaps_with_interval_note_and_reason(sample):
    text = printed(gap_table(sample.summary["gaps"]))
    assert "0.38 to 0.70" in text
    assert "spans 0" in text
    assert "az_nas, synflow: Only 40 architectures" in text
    assert "found 0" in text


def test_square_brackets_are_no_markup():
    text = printed(comparison_table({"best": {"architecture": "w16[bold]x[/bold]"}}))
    assert "w16[bold]x[/bold]" in text
    assert "[red]zen" in printed(gap_table([{"estimator": "[red]zen", "truth": "t"}]))
