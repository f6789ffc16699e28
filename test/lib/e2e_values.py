#!/usr/bin/python3
"""e2e_values: large values, without printing them.

    e2e_values.py BOOTSTRAP TOPIC FIELD

Reads the topic to its present end and prints per record, partition by
partition: the key, the length of the value's FIELD in characters, and the
SHA-256 of its UTF-8 bytes; a null value is "key - -".
"""

import hashlib
import json
import sys

from confluent_kafka import Consumer, TopicPartition

TIMEOUT = 30
LARGEST = 200 * 1024 * 1024


def main():
    bootstrap, topic, field = sys.argv[1:]
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "e2e-values",
                         "enable.auto.commit": False, "auto.offset.reset": "error",
                         "fetch.message.max.bytes": LARGEST, "fetch.max.bytes": LARGEST,
                         "receive.message.max.bytes": LARGEST + 1024,
                         "fetch.wait.max.ms": 10})
    for partition in sorted(consumer.list_topics(topic, timeout=TIMEOUT).topics[topic].partitions):
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=TIMEOUT)
        consumer.assign([TopicPartition(topic, partition, 0)])
        offset = 0
        while offset < end:
            message = consumer.poll(TIMEOUT)
            if message is None or message.error() is not None:
                sys.exit(f"e2e_values: {topic} [{partition}] at {offset}: "
                         f"{'nothing comes' if message is None else message.error()}")
            offset = message.offset() + 1
            key = message.key().decode()
            if message.value() is None:
                print(key, "-", "-")
                continue
            text = json.loads(message.value())[field]
            print(key, len(text), hashlib.sha256(text.encode()).hexdigest())
    consumer.close()


if __name__ == "__main__":
    main()
