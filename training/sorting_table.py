"""A plan, or what came of it, as a table for other programs: CSV, or JSON with the same fields."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from training.sorting import Plan, Row

COLUMNS = ("path", "hash", "probability", "verdict", "decided_by", "outcome", "target", "why", "tags")
"""What is told of each photo; hash: XXH3-128 in hexadecimal; decided_by: person, model or nobody.

tags: those that it gets, and behind the word “without” those that it loses, with semicolons between them
"""


def table(plan: Plan, outcomes: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """The photos of a plan, in its order, by COLUMNS; outcomes: what came of them, by path, if it was carried out."""
    known = outcomes or {}
    return [_line(row, plan, known.get(row.file.path, row.fate.value)) for row in plan.rows]


def write(name: str, plan: Plan, outcomes: Mapping[str, str] | None = None) -> None:
    """Write the table to a file, "-" for stdout: JSON if its name ends so, else CSV; in UTF-8.

    Names that are no UTF-8 keep their bytes in CSV, and are escaped in JSON. Raises OSError.
    """
    lines = table(plan, outcomes)
    with _opened(name) as file:
        if name.lower().endswith(".json"):
            json.dump(lines, file, indent=1)
            file.write("\n")
        else:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
        file.flush()


def _line(row: Row, plan: Plan, outcome: str) -> dict[str, str]:
    return {
        "path": row.file.path,
        "hash": "" if row.digest is None else row.digest.hex(),
        "probability": "" if row.probability is None else f"{row.probability:.6f}",
        "verdict": "" if row.zone is None else row.zone.label(plan.rules.subject),
        "decided_by": "person" if row.by_human else "nobody" if row.zone is None else "model",
        "outcome": outcome,
        "target": row.target or "",
        "why": row.problem or row.note or row.why,
        "tags": "; ".join([*row.add, *(f"without {tag}" for tag in row.remove)]),
    }


def _opened(name: str) -> contextlib.AbstractContextManager[TextIO]:
    if name != "-":
        return Path(name).open("w", encoding="utf-8", errors="surrogateescape", newline="")
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
    return contextlib.nullcontext(sys.stdout)
