"""What the README says is there, and what is there the README says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from conftest import BUSINESS_REPORTS, REPORTS, ROOT, SLA_REPORTS, lines

import export_json
import sql_queries
import ticket_gen
from freshdesk import __version__, pictures, views

README = (ROOT / "README.md").read_text(encoding="utf-8")
OF_TESTS = (ROOT / "tests/README.md").read_text(encoding="utf-8")
OF_SQL = (ROOT / "sql/README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
MAINS: dict[str, Callable[[Sequence[str]], int]] = {
    "ticket_gen.py": ticket_gen.main,
    "export_json.py": export_json.main,
    "sql_queries.py": sql_queries.main,
}


def test_every_variable_of_the_makefile_is_explained_with_its_default() -> None:
    in_makefile = dict(re.findall(r"^([A-Z_]+) \??=(.*)$", MAKEFILE, re.M))
    of_variable = r"^\| `([A-Z_]+)` \|(.*?)\| "
    in_readme = dict(re.findall(of_variable, README + OF_TESTS, re.M))
    assert sorted(in_readme) == sorted(in_makefile)
    for name, default in in_makefile.items():
        value = default.strip().replace("$(DATA_DIR)", "data")
        assert in_readme[name].strip() == (f"`{value}`" if value else "")


def test_every_target_of_the_makefile_is_explained() -> None:
    for target in re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.M):
        assert f"`make {target}`" in README + OF_TESTS


@pytest.mark.parametrize("script", MAINS)
def test_every_option_of_a_script_is_named(
    script: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        MAINS[script](["--help"])
    (row,) = re.findall(rf"^\| `{script}` .*--.*$", README, re.M)
    for option in re.findall(
        r"^  .*?(--[a-z-]+)", capsys.readouterr().out, re.M
    ):
        assert option == "--help" or option in row


def test_every_report_and_picture_is_explained() -> None:
    for name in (*REPORTS, *BUSINESS_REPORTS, *SLA_REPORTS):
        assert f"`{name}.csv`" in README
    for name in pictures.ALL_PICTURES:
        assert f"`{name}`" in README
    assert (ROOT / re.findall(r"!\[.*\]\((.*)\)", README)[0]).exists()


@pytest.mark.parametrize("script", MAINS)
def test_a_script_tells_the_version_that_the_readme_ends_with(
    script: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        MAINS[script](["--version"])
    assert stopped.value.code == 0
    name = script.removesuffix(".py")
    assert capsys.readouterr().out == f"{name} {__version__}\n"
    changes = OF_TESTS.partition("## What changed\n\n")[2]
    assert changes.startswith(f"**{__version__}**")


def test_every_view_is_explained() -> None:
    explained = re.findall(r"^\| `(\w+)` \|", OF_SQL, re.M)
    assert sorted(explained) == sorted(views())


@pytest.mark.usefixtures("workplace")
def test_every_command_of_the_readme_runs_and_prints_what_it_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    commands = re.findall(r"^\$ python (\S+\.py) ?(.*)$", README, re.M)
    assert len(commands) == 7
    # Spark's answer is tried where Spark is installed.
    commands = [(script, a) for script, a in commands if "spark" not in a]
    # Mappings are for an account's own database: they come last.
    for script, arguments in [*commands[2:], *commands[:2]]:
        assert MAINS[script](shlex.split(arguments)) == 0
    printed = capsys.readouterr().out.splitlines()
    (output,) = re.findall(r"^```text\n(.*?)```", README, re.M | re.S)
    shown = output.splitlines()
    assert shown == printed[: len(shown)]

    (rows,) = re.findall(r"^```csv\n(.*?)```", README, re.M | re.S)
    assert sql_queries.main(["time_to_first_response"]) == 0
    written = lines(Path("data/outputs/time_to_first_response.csv"))
    header, *rest = rows.splitlines()
    assert written[0] == header
    assert "\n".join(rest) in "\n".join(written)
    assert len(rest) >= 3


def test_the_readmes_own_reports_run(workplace: Path) -> None:
    (workplace / "mine").mkdir()
    texts = re.findall(r"^```sql\n(.*?)```", OF_SQL, re.M | re.S)
    for number, text in enumerate(texts):
        (workplace / f"mine/{number}.sql").write_text(text)
    assert ticket_gen.main(["-n", "50", "--seed", "1"]) == 0
    assert export_json.main([]) == 0
    assert sql_queries.main(["--sql-dir", "mine"]) == 0
    assert [lines(Path(f"data/outputs/{n}.csv"))[0] for n in range(2)] == [
        "ticket_id,reopens",
        "group_name,p90_seconds",
    ]
