"""Installs the three scripts, what they share, and their SQL."""

from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
PLOT = ["jinja2", "matplotlib>=3.8"]
SPARK = ["pyspark>=4"]  # and Java 17 or later

setup(
    name="freshdesk-ticket-activities",
    version="1.0.0",
    description="Freshdesk ticket activities: generate, ingest, query",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    python_requires=">=3.10",
    install_requires=(HERE / "requirements.txt").read_text().split(),
    extras_require={
        "benchmark": ["duckdb", "sqlite-utils", "tabulate"],
        "plot": PLOT,
        "spark": SPARK,
        "test": ["hypothesis", "mypy", "pytest", "ruff", *PLOT],
    },
    py_modules=["ticket_gen", "export_json", "sql_queries"],
    # The SQL is installed beside the modules; see freshdesk.sql_dir().
    packages=["freshdesk", "freshdesk_sql"],
    package_dir={"freshdesk_sql": "sql"},
    package_data={
        "freshdesk": ["*.jinja"],
        "freshdesk_sql": ["*.sql", "*/*.sql"],
    },
    entry_points={
        "console_scripts": [
            f"{script} = {script}:main"
            for script in ("ticket_gen", "export_json", "sql_queries")
        ]
    },
)
