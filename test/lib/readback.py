#!/usr/bin/python3
"""readback: what is in these topics, read by an independent client.

    readback.py --bootstrap HOST:PORT [options] TOPIC…

Reads every partition from its beginning to the end it has when the reading
starts and prints one JSON object per record:
    {"topic", "partition", "offset", "key", "value", "headers", "ts"}
key and value are strings or null, headers a list of [name, value], ts the
record's timestamp in ms.  Bytes that are not UTF-8 come as {"base64": …}.
Records of a partition are in offset order; partitions follow one another.

--min-count N waits on arrival until N records were read and then still reads
to the end there was at that moment.  A topic that does not exist yet counts
as empty.  --tombstones prints only records with a null value, --no-tombstones
only the others; --min-count counts what is printed.

Exit status: 0; 1 when --timeout (seconds, in all) passed first, after printing
what there was and saying so on stderr.
"""

import argparse
import base64
import json
import sys
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

POLL_SECONDS = 0.2

# What a broker says of a partition between its creation and its leader's start.
BEING_CREATED = ("NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE", "UNKNOWN_TOPIC_OR_PART")


def text(data):
    if data is None:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def as_dict(message):
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "key": text(message.key()),
        "value": text(message.value()),
        "headers": [[name, text(value)] for name, value in message.headers() or []],
        "ts": message.timestamp()[1],
    }


class Reader:
    """All partitions of some topics, with new ones joining as they appear."""

    def __init__(self, args):
        self.args = args
        self.deadline = time.monotonic() + args.timeout
        self.records = {}
        self.position = {}
        self.wanted = 0
        self.consumer = Consumer({
            "bootstrap.servers": args.bootstrap,
            "group.id": "nova-readback",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": args.isolation_level,
            "enable.partition.eof": True,
            # A broker answers a connection in turn: a long fetch delays every question.
            "fetch.wait.max.ms": 10,
        })

    def late(self):
        return time.monotonic() > self.deadline

    def discover(self):
        """Take in partitions that are new; false if some are not ready yet."""
        known = len(self.position)
        ready = True
        for topic in self.args.topics:
            meta = self.consumer.list_topics(topic, timeout=10).topics[topic]
            for partition in meta.partitions if meta.error is None else ():
                if (topic, partition) not in self.position:
                    try:
                        low, _ = self.watermarks((topic, partition))
                    except KafkaException as failure:
                        if failure.args[0].name() not in BEING_CREATED:
                            raise
                        ready = False
                    else:
                        self.position[topic, partition] = low
        if len(self.position) > known:
            self.consumer.assign(
                [TopicPartition(t, p, o) for (t, p), o in self.position.items()])
        return ready

    def watermarks(self, where):
        return self.consumer.get_watermark_offsets(TopicPartition(*where), timeout=10)

    def ends(self):
        return {where: self.watermarks(where)[1] for where in self.position}

    def poll(self):
        message = self.consumer.poll(POLL_SECONDS)
        if message is None:
            return
        where = message.topic(), message.partition()
        if message.error() is None:
            self.position[where] = message.offset() + 1
            record = as_dict(message)
            self.records.setdefault(where, []).append(record)
            self.wanted += self.selected(record)
        elif message.error().name() == "_PARTITION_EOF":
            # Past control records and compacted ones, which are never delivered.
            self.position[where] = max(self.position[where], message.offset())
        elif not message.error().retriable() and message.error().fatal():
            raise KafkaException(message.error())

    def read_to(self, ends):
        while any(self.position[w] < end for w, end in ends.items()):
            if self.late():
                return
            self.poll()

    def run(self):
        while True:
            ready = self.discover()
            self.read_to(self.ends())
            if ready and self.wanted >= self.args.min_count:
                return True
            if self.late():
                return False
            self.poll()

    def selected(self, record):
        if self.args.tombstones:
            return record["value"] is None
        if self.args.no_tombstones:
            return record["value"] is not None
        return True

    def print(self):
        for where in sorted(self.records):
            for record in self.records[where]:
                if self.selected(record):
                    print(json.dumps(record, ensure_ascii=False))


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--min-count", type=int, default=0)
    parser.add_argument("--isolation-level", default="read_committed",
                        choices=["read_committed", "read_uncommitted"])
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--tombstones", action="store_true")
    only.add_argument("--no-tombstones", action="store_true")
    parser.add_argument("topics", nargs="+", metavar="TOPIC")
    return parser.parse_args()


def main():
    args = arguments()
    sys.stdout.reconfigure(encoding="utf-8")
    reader = Reader(args)
    complete = reader.run()
    reader.print()
    reader.consumer.close()
    if not complete:
        print(f"readback: {reader.wanted} of {args.min_count} records of "
              f"{', '.join(args.topics)} after {args.timeout:g} s", file=sys.stderr)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
