"""Generated helpdesks, from the three command lines: the CSVs are right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import export, ingest_and_query
from oracle import recompute

import ticket_gen

FORMS = ["readme", "today"]


def generated(directory: Path, *options: str) -> list[bytes]:
    """Generate a helpdesk of 300 tickets, and return its exports by name."""
    arguments = ["-n", "300", "--seed", "7", "--end-at", "2026-03-03T12:00:00Z"]
    output = ["-o", str(directory / "activities.json")]
    assert ticket_gen.main([*arguments, *output, *options]) == 0
    return [file.read_bytes() for file in sorted(directory.glob("*.json"))]


@pytest.mark.parametrize("form", FORMS)
def test_the_csvs_of_a_generated_day_equal_the_oracle(
    workplace: Path, form: str
) -> None:
    exports = generated(workplace, "--form", form)
    assert len(exports) == 1
    reports = ingest_and_query(*exports)
    assert len(reports["ticket_metrics"]) == 1 + 300
    assert reports == recompute(exports)


@pytest.mark.parametrize("form", FORMS)
def test_the_csvs_of_three_generated_days_equal_the_oracle(
    workplace: Path, form: str
) -> None:
    exports = generated(workplace, "--form", form, "--days", "3")
    assert len(exports) == 3
    reports = ingest_and_query(*reversed(exports))
    assert len(reports["ticket_metrics"]) == 1 + 300
    assert reports == recompute(exports)


@pytest.mark.parametrize("form", FORMS)
def test_three_generated_days_say_the_same_as_one_long_window(
    workplace: Path, form: str
) -> None:
    days = [
        json.loads(day)
        for day in generated(workplace, "--form", form, "--days", "3")
    ]
    one_long_window = export(
        *(activity for day in days for activity in day["activities_data"]),
        start_at=days[0]["metadata"]["start_at"],
        end_at=days[-1]["metadata"]["end_at"],
    )
    apart, together = workplace / "apart", workplace / "together"
    apart.mkdir()
    together.mkdir()
    reports = ingest_and_query(*days, directory=apart)
    assert ingest_and_query(one_long_window, directory=together) == reports
