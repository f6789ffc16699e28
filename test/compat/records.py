"""records: what Kafka holds of one connector, read whole and made comparable.

A connector's topics are those whose name is its topic.prefix, or starts or
ends with it and a dot (side topics: "__debezium-heartbeat.<prefix>"), plus the
names given by others (an outbox' topics have no prefix).

Two runs differ in times, positions and ids.  mask() replaces these, and only
these, by fixed text of the same kind and leaves every other byte; MASKS names
the groups.  A field added with a prefix ("__source_ts_ms") is masked like the
field itself.  "clock" is all that differs between two connectors that read
the same WAL; snapshots also have times and positions of their own ("commit").

Records without a key have no order and no partition of their own: they come
sorted, as of partition 0.  So do those whose key holds what differs between
the sides.  Of heartbeats, whose number depends on time, one is kept.

Traps: a value is kept as the text that was on the wire, for 1.0 and 1 are
different here; the value null (a tombstone) is None and the four bytes "null"
are the string "null".  The order between partitions means nothing.
"""

import base64
import hashlib
import json
import re
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

POLL_SECONDS = 0.2



def messages_as_one(collections):
    """A transaction's data collections, with one entry for all its messages.

    Debezium has one for each message, which it calls by a Java object's address
    and puts in an order that follows from that.
    """
    found = re.findall(r'{"data_collection":"[^"]*","event_count":\d+}', collections)
    tables = [each for each in found if "LogicalDecodingMessageId@" not in each]
    one = f'{{"data_collection":"message","event_count":{len(found) - len(tables)}}}'
    return ",".join([*tables, one])


# Group → what is found, what replaces it.
MASKS = {
    "clock": [
        (re.compile(r'("op":"[crudtm]","ts_ms":)\d+(?:(,"ts_us":)\d+(,"ts_ns":)\d+)?'),
         lambda m: m[1] + "0" + (m[2] + "0" + m[3] + "0" if m[2] else "")),
        (re.compile(r'("(?:__|cdc_)ts_[mun]s":)\d+'), r"\g<1>0"),
        (re.compile(r'(^|"payload":)({"ts_ms":)\d+}'), r"\g<1>\g<2>0}"),
        # What Java prints of an object that has no text: a hash of this run's.
        (re.compile(r"(\[L[A-Za-z.]+;@)[0-9a-f]+"), r"\g<1>0"),
        (re.compile(r'("data_collections":\[)(.*?LogicalDecodingMessageId@.*?)(\])'),
         lambda m: m[1] + messages_as_one(m[2]) + m[3])],
    "commit": [
        (re.compile(r'("[A-Za-z_]*?(?:ts_ms|ts_us|ts_ns|lsn|txId)":)-?\d+'), r"\g<1>0"),
        (re.compile(r'("[A-Za-z_]*?sequence":")((?:[^"\\]|\\.)*)"'),
         lambda m: m[1] + re.sub(r"\d+", "0", m[2]) + '"'),
        (re.compile(r'("(?:[A-Za-z_]*transaction_|__)?id":")\d+:\d+"'), r'\g<1>0:0"'),
        (re.compile(r'^"\d+:\d+"$'), '"0:0"')]}
SNAPSHOT = re.compile(r'"(?:__)?op":"r"|"(?:__)?snapshot":"(?!false)')
TIME_HEADER = re.compile(r"(ts_ms|ts_us|ts_ns|lsn|txId|sequence|transaction_id|^__id)$")
# A string, or an array that holds no array: never from one string's end to the
# next one's beginning.
STRING = r'"(?:[^"\\]|\\.)*"'
LONG = re.compile(STRING + r"|\[(?:" + STRING + r'|\{(?:' + STRING + r'|[^{}"])*\}|[^\[\]{}"])*\]')
LONG_BYTES = 300
HEARTBEAT = "__debezium-heartbeat"
RUN_ID = "__debezium.context.runId"


def text(data):
    """Bytes as they are on the wire, as text; None stays None."""
    if data is None:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(data).decode("ascii")


def mask(value, groups):
    """The value without what differs from run to run."""
    for group in groups if value is not None else ():
        for pattern, replacement in MASKS[group]:
            value = pattern.sub(replacement, value)
    return value


def mask_header(name, value, groups):
    if name == RUN_ID:
        return "run-id"
    if value is not None and "commit" in groups and TIME_HEADER.search(name):
        return re.sub(r"\d+", "0", value)
    return mask(value, groups)


def shorten(value):
    """For files: long strings and arrays become their size and hash."""
    def digest(found):
        data = found[0].encode("utf-8")
        if len(data) < LONG_BYTES:
            return found[0]
        return f'"<{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}>"'
    return None if value is None else LONG.sub(digest, value)


def split_schema(value):
    """(schema, payload) of {"schema":…,"payload":…}, as text; else (None, value)."""
    if value is None or not value.startswith('{"schema":{'):
        return None, value
    end = json.JSONDecoder().raw_decode(value, len('{"schema":'))[1]
    return value[len('{"schema":'):end], value[end + len(',"payload":'):-1]


def with_schema(schema, payload):
    """The inverse of split_schema()."""
    return payload if schema is None else f'{{"schema":{schema},"payload":{payload}}}'


def members(text):
    """The members of a JSON object as {name: raw text}, as they were written."""
    out, decoder, at = {}, json.JSONDecoder(), 1
    while text[at] != "}":
        name, end = decoder.raw_decode(text, at)
        _, after = decoder.raw_decode(text, end + 1)
        out[name] = text[end + 1:after]
        at = after + (text[after] == ",")
    return out


def parts(text):
    """Like members(); of a schema's array of fields {name: raw text} as well."""
    if text[0] == "{":
        return members(text)
    out, decoder, at = {}, json.JSONDecoder(), 1
    while text[at] != "]":
        field, end = decoder.raw_decode(text, at)
        out[field["field"]] = text[at:end]
        at = end + (text[end] == ",")
    return out


def belongs(topic, prefix):
    return topic == prefix or topic.startswith(prefix + ".") or topic.endswith("." + prefix)


class Topics:
    """Everything in a Kafka, read on until one is content."""

    def __init__(self, bootstrap, timeout):
        self.deadline = time.monotonic() + timeout
        self.consumer = Consumer({
            "bootstrap.servers": bootstrap, "group.id": "compat", "enable.auto.commit": False,
            "enable.partition.eof": True, "auto.offset.reset": "earliest",
            "isolation.level": "read_committed"})
        self.start_over()

    def start_over(self):
        """Forgets all; what is read next is read from the beginning."""
        self.records = {}
        self.position = {}
        self.at_end = set()
        self.consumer.unassign()

    def discover(self):
        found = self.consumer.list_topics(timeout=30).topics
        new = [(name, p) for name, topic in found.items() if not name.startswith("__consumer")
               and not name.startswith("__transaction") for p in topic.partitions
               if (name, p) not in self.position]
        for where in new:
            self.position[where] = 0
            self.records[where] = []
        if new:
            self.consumer.assign([TopicPartition(t, p, at) for (t, p), at in self.position.items()])

    def poll(self):
        for message in self.consumer.consume(5000, POLL_SECONDS):
            where = (message.topic(), message.partition())
            if message.error():
                if message.error().code() == KafkaError._PARTITION_EOF:
                    self.at_end.add(where)
                elif message.error().fatal():
                    raise KafkaException(message.error())
            elif message.offset() >= self.position[where]:
                self.records[where].append(message)
                self.position[where] = message.offset() + 1

    def read_to_end(self):
        """All there is now: asking each partition for its end would take longer."""
        self.start_over()
        self.discover()
        while self.at_end != set(self.position):
            if time.monotonic() > self.deadline:
                raise TimeoutError("the topics do not come to the end they had")
            self.poll()

    def read_until(self, content):
        """Reads until content() is true; False when the time was over first."""
        while True:
            self.discover()
            self.poll()
            if content():
                self.read_to_end()
                return True
            if time.monotonic() > self.deadline:
                return False

    def saw(self, prefix, marker):
        """Is a record in the topic of this prefix that ends with marker?"""
        return any(self.records[t, p] for t, p in self.records
                   if belongs(t, prefix) and t.endswith(marker))

    def of(self, prefix, groups):
        """[{topic, partition, key, value, headers}] in a stable order, masked.

        PREFIX stands for the prefix, so that it is the same text for both sides.
        """
        out = []
        for topic in sorted({t for t, _ in self.records if belongs(t, prefix)}):
            found = [self.record(message, prefix, groups)
                     for where in sorted(self.records) if where[0] == topic
                     for message in self.records[where]]
            if topic.startswith(HEARTBEAT):
                found = found[:1]
            found.sort(key=lambda r: r.pop("rank"))
            out += found
        return out

    @staticmethod
    def record(message, prefix, groups):
        def neutral(data):
            found = text(data)
            return None if found is None else found.replace(prefix, "PREFIX").replace(
                prefix.replace("_", "_u005f"), "PREFIX")
        raw, value = neutral(message.key()), neutral(message.value())
        if value is not None and SNAPSHOT.search(value):
            groups = tuple(MASKS)
        key, value = mask(raw, groups), mask(value, groups)
        part, rank = message.partition(), ()
        if raw is None or raw != key:
            # No order, or none that shows once the keys are masked.
            part, rank = 0, (key or "", value or "")
        elif raw != text(message.key()):
            # The same key under another prefix hashes to another partition.
            part, rank = 0, (key,)
        return {"topic": message.topic().replace(prefix, "PREFIX"), "partition": part,
                "key": key, "value": value,
                "headers": [[name, mask_header(name, neutral(data), groups)]
                            for name, data in message.headers() or []],
                "rank": (part, *rank)}
