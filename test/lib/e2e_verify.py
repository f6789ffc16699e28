#!/usr/bin/python3
"""e2e_verify: is what the topics hold what the tables went through?

    e2e_verify.py BOOTSTRAP TOPIC_PREFIX EXPECTATIONS [--snapshot | --snapshots GONE]

EXPECTATIONS has a JSON line per key: {"table", "key", "ver", "row"}; ver is
how many changes the key had, row its present row or null.  See E2E.pm for the
load that makes them.  Prints one JSON object: "records" and "tombstones" that
were read, "repeats" (records below one that was there already), and the first
few of what is wrong with the "order" and with the final "state".

A record shows its number in "ver"; that of a delete is one more than the row
it deletes had, and where it does not show that (no REPLICA IDENTITY FULL), one
more than the record before.  A number that is more than one above the highest
so far means that records are missing or came too early.

With --snapshot a key may begin with a record of op r that has any number, or,
where there was no row at that moment, with an insert.  "reads" counts the r.

With --snapshots there were several, and what was changed before the last one
may be missing: an r may have any higher number, and the keys of GONE, which had
no row in the last snapshot, may have a record nevertheless, or go on with an
insert.  GONE has a JSON line per key: {"table", "key", "ver"}.
"""

import json
import sys
import time
from decimal import Decimal

from confluent_kafka import Consumer, TopicPartition

FAULTS_SHOWN = 5
TIMEOUT = 10
WAIT = 0.1


def parse(text):
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def canonical(key):
    return json.dumps(key, sort_keys=True, ensure_ascii=False, default=str)


def partitions(consumer, prefix, tables):
    """(topic, partition, end) of all partitions there are."""
    for table in sorted(tables):
        topic = prefix + table
        meta = consumer.list_topics(topic, timeout=TIMEOUT).topics[topic]
        for partition in meta.partitions if meta.error is None else ():
            where = TopicPartition(topic, partition, 0)
            _, where_end = consumer.get_watermark_offsets(where, timeout=TIMEOUT)
            yield topic, partition, where_end


def read(consumer, topic, partition, end):
    """Key and value of every record up to the end."""
    offset = 0
    late = time.monotonic() + TIMEOUT
    if end > 0:
        consumer.assign([TopicPartition(topic, partition, 0)])
    while offset < end:
        # It waits until it has that many, and the end of a transaction takes an offset, too.
        for message in consumer.consume(min(end - offset, 10000), WAIT):
            late = time.monotonic() + TIMEOUT
            if message.error() is None:
                yield message.key(), message.value()
                offset = message.offset() + 1
            elif message.error().name() == "_PARTITION_EOF":
                offset = max(offset, message.offset())
            else:
                sys.exit(f"e2e_verify: {topic} [{partition}]: {message.error()}")
        if time.monotonic() > late:
            sys.exit(f"e2e_verify: {topic} [{partition}]: nothing comes behind {offset} of {end}")


class Key:
    """Where the history of one key stands."""

    def __init__(self):
        self.highest = 0
        self.last = 0
        self.value = None
        self.partition = None
        self.tombstone_due = False


class Fold:
    def __init__(self, snapshot, stale=None):
        self.keys = {}
        self.begins = ("r", "c") if snapshot else ()
        self.stale = stale  # None: one snapshot; else keys gone before the last, with their number
        self.counts = {"records": 0, "reads": 0, "tombstones": 0, "repeats": 0}
        self.order = []

    def fault(self, table, key, what):
        self.order.append(f"{table} {key}: {what}")

    def take(self, table, partition, raw_key, raw_value):
        name = canonical(parse(raw_key))
        key = self.keys.setdefault((table, name), Key())
        if key.partition not in (None, partition):
            self.fault(table, name, f"in the partitions {key.partition} and {partition}")
        key.partition = partition
        if raw_value is None:
            self.take_tombstone(table, name, key)
        else:
            self.take_record(table, name, key, parse(raw_value))

    def take_tombstone(self, table, name, key):
        self.counts["tombstones"] += 1
        if not key.tombstone_due:
            self.fault(table, name, "a tombstone that does not follow a delete")
        key.tombstone_due = False
        key.value = None

    def take_record(self, table, name, key, value):
        self.counts["records"] += 1
        op = value.get("__op")
        ver = value.get("ver")
        if op == "d":
            ver = key.last + 1 if ver is None else int(ver) + 1
        if ver is None or op not in ("c", "u", "d") + self.begins:
            self.fault(table, name, f"not a change: {value}")
            return
        ver = int(ver)
        self.counts["reads"] += op == "r"
        if key.highest == 0 and op in self.begins:
            key.highest = ver - 1
        # Another snapshot: nobody saw what was changed before it, or the last delete.
        if self.stale is not None and ver > key.highest:
            if op == "r" or (op == "c" and self.stale.get((table, name)) == ver - 1):
                key.highest = ver - 1
        if ver <= key.highest:
            self.counts["repeats"] += 1
        elif ver != key.highest + 1:
            self.fault(table, name, f"number {ver} follows {key.highest}")
        # Delivery again begins at an earlier number and may cut off a tombstone.
        elif key.tombstone_due:
            self.fault(table, name, f"no tombstone between delete and number {ver}")
        key.highest = max(key.highest, ver)
        key.last = ver
        key.tombstone_due = op == "d"
        key.value = value

    def state_faults(self, expectations):
        for (table, name), want in expectations.items():
            key = self.keys.get((table, name), Key())
            row = None
            if key.value is not None:
                row = {k: v for k, v in key.value.items() if not k.startswith("__")}
            if self.begins and key.highest == 0 and want["row"] is None:
                continue
            if want["row"] is None and (self.stale or {}).get((table, name)) == want["ver"]:
                continue
            if key.highest != want["ver"] or key.last != want["ver"]:
                yield f"{table} {name}: ends at {key.last} of {want['ver']}"
            elif key.tombstone_due:
                yield f"{table} {name}: the tombstone is missing"
            elif row != want["row"]:
                yield f"{table} {name}: {row} is not {want['row']}"
        for table, name in self.keys.keys() - expectations.keys():
            yield f"{table} {name}: never was"


def main():
    bootstrap, prefix, path, *options = sys.argv[1:]
    expectations = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                want = parse(line)
                expectations[want["table"], canonical(want["key"])] = want
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "e2e-verify",
                         "enable.auto.commit": False, "auto.offset.reset": "error",
                         "enable.partition.eof": True, "fetch.wait.max.ms": 10})
    stale = None
    if options[:1] == ["--snapshots"]:
        with open(options[1], encoding="utf-8") as lines:
            gone = [parse(line) for line in lines if line.strip()]
        stale = {(g["table"], canonical(g["key"])): g["ver"] for g in gone}
    fold = Fold(bool(options), stale)
    tables = {table for table, _ in expectations}
    for topic, partition, end in list(partitions(consumer, prefix, tables)):
        for key, value in read(consumer, topic, partition, end):
            fold.take(topic[len(prefix):], partition, key, value)
    consumer.close()
    print(json.dumps({**fold.counts, "order": fold.order[:FAULTS_SHOWN],
                      "state": list(fold.state_faults(expectations))[:FAULTS_SHOWN]}))


if __name__ == "__main__":
    main()
