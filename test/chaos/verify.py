#!/usr/bin/python3
"""verify: do the topics hold what the ledger says was done?

    verify.py BOOTSTRAP TOPIC_PREFIX EXPECTATIONS MODE

EXPECTATIONS has a JSON line per key: {"table", "key", "ops", "row"}; ops has a
letter for each committed change of the key, in the order of commits, and row
is the row there is now, or null.  load.sql makes them.  MODE is at-least-once
or exactly-once.  Prints one JSON object: counts, and the first few of what is
wrong with the "order", the "state", and in exactly-once mode the "count".

A change is known by its LSN.  Order, for each key:

  - Taken by their first appearance, the records are the ledger's changes, all
    of them, each with its letter and (a delete has none where REPLICA IDENTITY
    is not FULL) its number, and their LSNs rise.
  - What comes again is the very same bytes, and is a suffix that is replayed:
    after any record comes the change after it, or one that was there before.
  - Behind a delete comes the tombstone, unless a replay begins there.
  - All of it is in one partition.

State: the last record is the row, or the last one is a tombstone and there is
no row.  A column that was dropped since may be in the record, one that was
added since must be null in the row; a value that was not in the WAL
(unchanged, out of line) is the one the records before had.
"""

import argparse
import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import readback  # noqa: E402

FAULTS_SHOWN = 5
TIMEOUT = 300
TABLES = ("single", "pair", "word", "wide")
NOT_IN_WAL = "__debezium_unavailable_value"


def canonical(key):
    return json.dumps(key, sort_keys=True, ensure_ascii=False)


class Key:
    """What the topic says of one key."""

    def __init__(self):
        self.lsns = []  # of its changes, in the order of their first appearance
        self.hashes = []
        self.places = {}  # LSN to index
        self.ops = ""
        self.last = -1
        self.partition = None
        self.tombstone_due = False
        self.value = None
        self.row = {}  # the value, with what was not in the WAL filled in

    def take(self, record):
        """The next record; what is wrong with it, if anything."""
        if self.partition not in (None, record["partition"]):
            yield f"in the partitions {self.partition} and {record['partition']}"
        self.partition = record["partition"]
        if record["value"] is None:
            if not self.tombstone_due:
                yield "a tombstone that does not follow a delete"
            self.tombstone_due = False
            self.value = None
            return
        value = json.loads(record["value"])
        lsn, op = value["__lsn"], value["__op"]
        digest = hashlib.md5(record["value"].encode()).digest()
        place = self.places.get(lsn)
        if self.tombstone_due and (place is None or place > self.last):
            yield f"no tombstone behind change {self.last + 1}"
        if place is None:
            yield from self.take_new(value, lsn, op, digest)
            place = len(self.lsns) - 1
        else:
            if digest != self.hashes[place]:
                yield f"change {place + 1} came again with other bytes"
            if place > self.last + 1:
                yield f"a replay goes from change {self.last + 1} to {place + 1}"
        self.last = place
        self.tombstone_due = op == "d"
        self.value = value
        # A replay begins in the past: what was before that is as it was then.
        self.row = {c: self.row.get(c) if v == NOT_IN_WAL else v for c, v in value.items()}

    def take_new(self, value, lsn, op, digest):
        number = len(self.lsns) + 1
        if self.last != number - 2:
            yield f"change {number} follows {self.last + 1}"
        if self.lsns and lsn <= self.lsns[-1]:
            yield f"change {number} at LSN {lsn} follows one at {self.lsns[-1]}"
        ver = value.get("ver")
        if op == "d" and ver is not None:
            ver += 1
        if ver is not None and ver != number or ver is None and op != "d":
            yield f"change {number} says that it is {ver}"
        self.places[lsn] = len(self.lsns)
        self.lsns.append(lsn)
        self.hashes.append(digest)
        self.ops += op


class Fold:
    def __init__(self):
        self.keys = {}
        self.order = []
        self.state = []
        self.counts = {"records": 0, "tombstones": 0, "repeats": 0, "not_in_wal": 0}

    def take(self, table, record):
        name = canonical(json.loads(record["key"]))
        key = self.keys.setdefault((table, name), Key())
        known = len(key.lsns)
        for fault in key.take(record):
            self.order.append(f"{table} {name}: {fault}")
        if record["value"] is None:
            self.counts["tombstones"] += 1
            return
        self.counts["records"] += 1
        self.counts["repeats"] += len(key.lsns) == known
        self.counts["not_in_wal"] += NOT_IN_WAL in record["value"]

    def compare(self, want):
        place = want["table"], canonical(want["key"])
        key = self.keys.pop(place, Key())
        name = " ".join(place)
        if key.ops != want["ops"]:
            self.order.append(f"{name}: the changes {key.ops or 'none'}, {want['ops']} were made")
        if key.tombstone_due:
            self.order.append(f"{name}: no tombstone at the end")
        row = want["row"]
        if row is None or key.value is None:
            if row is not key.value:
                self.state.append(f"{name}: the topic says {key.value}, the table {row}")
            return
        for column in row.keys() | key.row.keys():
            if column.startswith("__") or (column not in row and column.startswith("x")):
                continue
            if row.get(column) != key.row.get(column):
                self.state.append(f"{name}: {column} is {key.row.get(column)!r:.80} in the topic, "
                                  f"{row.get(column)!r:.80} in the table")


def records(bootstrap, topics, mode):
    reader = readback.Reader(argparse.Namespace(
        bootstrap=bootstrap, topics=topics, timeout=TIMEOUT, min_count=0, tombstones=False,
        no_tombstones=False,
        isolation_level="read_committed" if mode == "exactly-once" else "read_uncommitted"))
    if not reader.run():
        sys.exit(f"verify.py: the topics were not read to their ends in {TIMEOUT} s")
    reader.consumer.close()
    for where in sorted(reader.records):
        yield from reader.records[where]


def main():
    bootstrap, prefix, expectations, mode = sys.argv[1:]
    fold = Fold()
    for record in records(bootstrap, [prefix + table for table in TABLES], mode):
        fold.take(record["topic"][len(prefix):], record)
    changes = deletes = keys = 0
    with open(expectations, encoding="utf-8") as lines:
        for line in filter(str.strip, lines):
            want = json.loads(line)
            keys += 1
            changes += len(want["ops"])
            deletes += want["ops"].count("d")
            fold.compare(want)
    for table, name in fold.keys:
        fold.order.append(f"{table} {name}: the key was never written")
    counts = fold.counts
    count = []
    if mode == "exactly-once" and (counts["records"], counts["tombstones"]) != (changes, deletes):
        count.append(f"{counts['records']} records and {counts['tombstones']} tombstones "
                     f"of {changes} changes and {deletes} deletes")
    print(json.dumps({
        **counts, "keys": keys, "changes": changes, "order": fold.order[:FAULTS_SHOWN],
        "order_faults": len(fold.order), "state": fold.state[:FAULTS_SHOWN],
        "state_faults": len(fold.state), "count": count}))


if __name__ == "__main__":
    main()
