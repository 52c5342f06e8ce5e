"""An export's rows, as a task of Spark's reads them.

Apart from freshdesk.spark because workers need neither sqlglot nor our scripts:
these are sent to them.
"""

from __future__ import annotations

import marshal
import re
import time
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from export_json import (
    Ingested,
    batches,
    blamed,
    label_key,
    read_metadata,
    sha256,
    spelling,
    uncompressed,
)
from freshdesk import Failure

Row = tuple[Any, ...]

NO_NUMBER = 0  # of an export, before all are known


def parsed(
    path: str, content: bytearray, tables: Sequence[str], label: int
) -> Iterator[Row]:
    """Yield the rows of an export, or one that says what is wrong with it.

    Nothing is yielded before the export's end, since what makes a file no
    export, and which export it is, may stand there. *label* is the place of a
    status in the rows of changes.
    """
    path = re.sub("^file:(//(?=/))?", "", path)
    pieces = []
    labels: set[str | None] = set()
    ingested = Ingested(Path(path).name)
    try:
        with blamed(path):
            file = uncompressed(BytesIO(content))
            digest = sha256(file)
            file.seek(0)
            metadata = read_metadata(file)
            file.seek(0)
            for batch in batches(file, NO_NUMBER):
                ingested.count(batch, metadata)
                labels.update(batch.property_changes[label])
                pieces.append(
                    marshal.dumps([batch.rows(table) for table in tables])
                )
    except Failure as failure:
        yield (path, str(failure), *[None] * (5 + len(tables)))
        return
    origin = (path, None, *metadata[:2], digest)
    export = (
        NO_NUMBER,
        ingested.name,
        digest,
        *metadata[:2],
        ingested.activities,
        ingested.outside_window,
        ingested.last_performed_at,
        int(time.time()),
    )
    yield (*origin, export, None, *[None] * len(tables))
    for one in filter(None, labels):
        status = (one, spelling(one), label_key(one))
        yield (*origin, None, status, *[None] * len(tables))
    for piece in pieces:
        for place, rows in enumerate(marshal.loads(piece)):
            before, after = [None] * place, [None] * (len(tables) - place - 1)
            for row in rows:
                yield (*origin, None, None, *before, row, *after)
