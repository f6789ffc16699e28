#!/usr/bin/python3
"""findings.py: writes the tables at the end of FINDINGS.md anew from truth/.

Everything below the line TABLES of FINDINGS.md is replaced; what is above it
is written by hand.  Of each column of the tables of schema "t" every value is
shown as PostgreSQL prints it and as the JSON text that Debezium wrote with the
configuration "flat" (from the snapshot; the stream's text too where it
differs), then, per configuration that captures the table, where that wrote
something else.
"""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

from records import members  # noqa: E402

TABLES = "<!-- what follows is written by findings.py -->"
STREAMED = 1000
# "flat" converts NULL to defaults, as every other does; these show the rest.
SKIP = {"defaults", "flat", "schemas", "schemas_flat"}


def row_of(record):
    """(id, members) of an insert or snapshot record of a table, or None."""
    value = record.get("value")
    if not value or value == "null" or "schema" in record and "text" in record:
        return None
    row = members(value)
    if "after" in row:
        if row["after"] == "null":
            return None
        row = members(row["after"])
    return (int(row["id"]), row) if "id" in row else None


def load(name):
    """{table: {id: first row written}} of a configuration."""
    tables = {}
    for line in (HERE / "truth" / f"{name}.jsonl").read_text("utf-8").rstrip("\n").split("\n"):
        record = json.loads(line)
        found = re.fullmatch(r"PREFIX\.t\.(\w+)", record.get("topic", ""))
        row = row_of(record) if found else None
        if row:
            tables.setdefault(found[1], {}).setdefault(*row)
    return tables


def literals():
    tables = {}
    for line in (HERE / "truth/literals.jsonl").read_text("utf-8").rstrip("\n").split("\n"):
        entry = json.loads(line)
        tables.setdefault(entry["table"], {})[int(entry["row"]["id"])] = entry["row"]
    return tables


def cell(text):
    if text is None:
        return "*absent*"
    text = text if len(text) < 200 else text[:150] + f"… ({len(text)} bytes)"
    text = text.replace("|", "\\|").replace("\n", "⏎").replace("\r", "␍").replace("\t", "␉")
    return f"`` {text} ``" if "`" in text else f"`{text}`" if text else "*empty*"


def column(table, name, rows, truth, out):
    flat = truth["flat"].get(table, {})
    shown = set()
    lines = []
    for number in sorted(rows):
        literal = rows[number].get(name)
        base = number % STREAMED
        if literal is None and table != "dflt" or (base, literal) in shown or base not in flat:
            continue
        shown.add((base, literal))
        snap = flat[base].get(name)
        stream = flat.get(base + STREAMED, {}).get(name)
        lines.append((literal, snap, stream, base))
    if all(snap is None and stream is None for _, snap, stream, _ in lines) and not any(
            truth[c].get(table, {}).get(base, {}).get(name)
            for c in truth for _, _, _, base in lines):
        return [] if not lines else [f"\n**{name}**: absent in every configuration."]
    out = [f"\n**{name}**\n", "| PostgreSQL | flat | elsewhere |", "|---|---|---|"]
    for literal, snap, stream, base in lines:
        both = cell(snap) if snap == stream or base + STREAMED not in flat \
            else f"{cell(snap)}; stream {cell(stream)}"
        out.append(f"| {cell(literal) if literal is not None else 'NULL'} | {both} | "
                   f"{elsewhere(table, name, base, flat, truth)} |")
    return out if lines else []


def elsewhere(table, name, base, flat, truth):
    """What other configurations wrote for the row, grouped by text."""
    others = {}
    for config, tables in truth.items():
        for number, where in ((base, ""), (base + STREAMED, " (stream)")):
            row = tables.get(table, {}).get(number)
            if config in SKIP or row is None or number not in flat:
                continue
            text = row.get(name)
            if text == flat[number].get(name):
                continue
            if where and text == tables.get(table, {}).get(base, {}).get(name):
                continue
            others.setdefault(text, []).append(config + where)
    return "; ".join(f"{', '.join(c)}: {cell(t)}" for t, c in others.items())


def main():
    truth = {p.stem: load(p.stem) for p in sorted((HERE / "truth").glob("*.jsonl"))
             if p.stem != "literals"}
    out = []
    for table, rows in literals().items():
        out.append(f"\n### t.{table}")
        for name in next(iter(rows.values())):
            if name != "id":
                out += column(table, name, rows, truth, out)
    path = HERE / "FINDINGS.md"
    text = path.read_text("utf-8").split(TABLES)[0]
    path.write_text(text + TABLES + "\n" + "\n".join(out) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
