"""What status labels mean: by Freshdesk, and by the user's mappings.

Labels match without regard to case, to surrounding or repeated white space,
and to how accented letters are composed.
"""

from __future__ import annotations

import argparse
import sqlite3
import unicodedata
from collections.abc import Collection, Iterable

from freshdesk import STATUS_ALIASES, STATUSES, Failure, sql

# A label, and what it means: a canonical status, or another label.
# '' takes back what it meant.
Alias = tuple[str, str]


def spelling(label: str) -> str:
    """Return a status label with its white space trimmed and folded."""
    return " ".join(label.split())


def label_key(label: str) -> str:
    """Return what two labels share that mean the same status."""
    composed = unicodedata.normalize("NFC", spelling(label))
    return unicodedata.normalize("NFC", composed.casefold())


# The labels that have a fixed meaning.
OWN_LABELS = dict(zip(STATUSES, STATUSES, strict=True)) | STATUS_ALIASES
FRESHDESKS = {label_key(label): OWN_LABELS[label] for label in OWN_LABELS}


def status_alias(text: str) -> Alias:
    """Return (label, meaning) of "Label=Meaning", an argument of a script."""
    label, equals, meaning = map(spelling, text.rpartition("="))
    if not equals or not label:
        raise argparse.ArgumentTypeError(f"{text!r} is not LABEL=MEANING")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is not UTF-8") from None
    meaning = FRESHDESKS.get(label_key(meaning), meaning)
    if fixed := FRESHDESKS.get(label_key(label)):
        if fixed != meaning:
            raise argparse.ArgumentTypeError(
                f"{label!r} is Freshdesk's own label, and always means {fixed}"
            )
    elif label_key(label) == label_key(meaning):
        raise argparse.ArgumentTypeError(f"{text!r} maps a label to itself")
    return label, meaning


def users_aliases(connection: sqlite3.Connection) -> list[Alias]:
    """Return the user's mappings in a database, by their labels."""
    aliases = connection.execute(sql("ingest/select_status_aliases"))
    return [
        (label, meaning)
        for label, meaning in aliases
        if label_key(label) not in {*FRESHDESKS, label_key(meaning)}
    ]


def change_aliases(
    connection: sqlite3.Connection, changes: Iterable[Alias]
) -> None:
    """Map labels, or take that back. The last word on a label counts.

    Raises Failure if mappings lead in a circle.
    """
    aliases = {label_key(a[0]): a for a in users_aliases(connection)}
    for label, meaning in changes:
        aliases.pop(label_key(label), None)
        if meaning and label_key(label) not in FRESHDESKS:
            aliases[label_key(label)] = label, meaning
    connection.execute("delete from status_aliases")
    insertion = sql("ingest/insert_status_alias")
    connection.executemany(insertion, alias_rows(aliases))


def alias_rows(aliases: dict[str, Alias]) -> list[tuple[str, str, str, str]]:
    """Return the rows of the table `status_aliases`.

    What a label is mapped to has a row, too: so all its spellings are one.
    """
    found = {
        label_key(label): (label_key(label), label, status, status)
        for label, status in OWN_LABELS.items()
    }
    for key, (label, meaning) in sorted(aliases.items()):
        end, passed = label_key(meaning), [key]
        while end in aliases:
            if end in passed:
                raise Failure(
                    f"the status {label!r} would mean itself in the end; map"
                    f" {meaning!r} to something else, or take it back with"
                    f" --status-alias {aliases[end][0] + '='!r}"
                )
            passed.append(end)
            _, meaning = aliases[end]
            end = label_key(meaning)
        is_status = end, meaning, meaning, meaning
        *_, status = found.setdefault(end, is_status)
        found[key] = key, label, aliases[key][1], status
    return [*found.values()]


def unknown_labels(
    connection: sqlite3.Connection, changes: Collection[Alias]
) -> list[str]:
    """Return which of the labels that were mapped no export has."""
    keys = connection.execute("select label_key from statuses")
    known = {"", *FRESHDESKS, *(key for (key,) in keys)}
    return [
        label
        for pair in changes
        for label in pair
        if label_key(label) not in known
    ]
