"""Small exports that are easily counted wrongly, and their right values.

The exports stand in tests/cases. The values are worked out by hand.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ingest_and_query

CASES = Path(__file__).with_name("cases")

pytestmark = pytest.mark.usefixtures("workplace")


def reports_of(name: str) -> dict[str, list[str]]:
    """Return the rows of each report on one of the exports."""
    reports = ingest_and_query((CASES / f"{name}.json").read_bytes())
    return {name: lines[1:] for name, lines in reports.items()}


def test_deleted_tickets_and_spam_count_in_no_figure_over_many_tickets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Tickets 2 (spam) and 3 (deleted) are set aside; 4 was restored."""
    reports = reports_of("spam_and_deleted")
    assert reports["ticket_properties"] == [
        "1,Low,,900,,,Email,",
        "2,Low,,,,,Email,spam",
        "3,Low,,,,,Email,deleted",
        "4,Low,,,,,Email,",
    ]
    assert reports["time_to_first_response"] == ["1,600", "2,", "3,", "4,"]
    assert reports["time_spent_open"] == [
        "1,53999",
        "2,53999",
        "3,53999",
        "4,43199",
    ]
    assert reports["metrics_by_source"] == [
        "Email,2,2,1,0,0,0,2,600,600,600,,,"
    ]
    assert reports["tickets_by_hour"][9] == "2026-03-02T09:00:00Z,1,1,0,0,1"
    assert reports["tickets_by_hour"][-1] == "2026-03-02T23:00:00Z,0,0,0,0,2"
    *_, longest, oldest, last = capsys.readouterr().out.splitlines()
    assert longest == "Longest without a response: 4 for 11h 59m"
    assert oldest == "Oldest open tickets: 1 for 14h 59m, 4 for 11h 59m"
    assert "24 reports of 2 tickets (2 more set aside as deleted or" in last


def test_an_outbound_email_begins_when_the_customer_answers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On tickets 11 to 16 an agent writes first; only 15 is answered."""
    reports = reports_of("outbound_email")
    assert reports["time_to_first_response"] == [
        *("1,600", "2,600", "3,600"),
        *("11,", "12,", "13,", "14,", "15,900", "16,"),
    ]
    assert reports["time_till_resolution"] == [
        *("1,3600", "2,3600", "3,3600"),
        *("11,", "12,", "13,", "14,", "15,1200", "16,"),
    ]
    assert [row for row in reports["ticket_metrics"] if row[0] == "1"][1:] == [
        *(
            f"{n},0,0,0,,,,0,Closed,2026-03-02T10:00:00Z,0,0,"
            for n in range(11, 15)
        ),
        "15,1200,0,0,1200,900,1200,0,Closed,2026-03-02T10:00:00Z,1,1,1",
        "16,50399,0,0,,,,0,Open,2026-03-02T10:00:00Z,0,0,",
    ]
    assert reports["metrics_by_agent"] == [
        "900,,9,9,4,8,4,0,1,0,600,900,675,3600,3600,3000"
    ]
    assert "Longest without a response: none" in capsys.readouterr().out


def test_agents_are_known_by_the_statuses_that_they_set() -> None:
    """901 and 902 are never assigned; 777 is in copy."""
    reports = reports_of("agents_never_assigned")
    assert reports["time_to_first_response"] == [
        "1,1200",
        "2,1200",
        "3,1200",
        "4,1800",
    ]
