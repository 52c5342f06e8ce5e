"""Installs the three scripts, what they share, and their SQL."""

from pathlib import Path

from setuptools import setup

from freshdesk import __version__

HERE = Path(__file__).parent
EXCEL = ["xlsxwriter"]
PARQUET = ["pyarrow"]
PLOT = ["jinja2", "matplotlib>=3.8"]
SPARK = ["pyspark>=4"]  # and Java 17 or later

setup(
    name="freshdesk-ticket-activities",
    version=__version__,
    description="Freshdesk ticket activities: generate, ingest, query",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    python_requires=">=3.10",
    install_requires=(HERE / "requirements.txt").read_text().split(),
    extras_require={
        "benchmark": ["duckdb", "sqlite-utils", "tabulate"],
        "excel": EXCEL,
        "parquet": PARQUET,
        "plot": PLOT,
        "spark": SPARK,
        "test": [
            *("hypothesis", "mypy", "openpyxl", "pytest", "pytest-xdist"),
            *("ruff", *EXCEL, *PARQUET, *PLOT),
        ],
    },
    py_modules=["ticket_gen", "export_json", "sql_queries"],
    # The SQL is installed beside the modules; see freshdesk.sql_dir().
    packages=["freshdesk", "freshdesk_sql"],
    package_dir={"freshdesk_sql": "sql"},
    package_data={
        "freshdesk": ["*.jinja", "*.json", "*.mplstyle"],
        "freshdesk_sql": ["*.csv", "*.sql", "*/*.sql"],
    },
    entry_points={
        "console_scripts": [
            f"{script} = {script}:main"
            for script in ("ticket_gen", "export_json", "sql_queries")
        ]
    },
)
