#!/usr/bin/python3
"""e2e_partitions: does every record lie where Java's producer would put it?

    e2e_partitions.py BOOTSTRAP TOPIC…

Computes the partition from the key's bytes as Kafka's default partitioner does
(murmur2, made positive, modulo the number of partitions) and compares.  Prints
per topic: its name, its partitions, how many records with a key it has, how
many of its partitions they use, and how many of them lie elsewhere.
"""

import sys

from confluent_kafka import Consumer, TopicPartition

TIMEOUT = 10
MASK = 0xFFFFFFFF


def murmur2(data):
    """32 bits, seed 0x9747b28c, as org.apache.kafka.common.utils.Utils has it."""
    m = 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & MASK
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at:at + 4], "little") * m & MASK
        k = (k ^ k >> 24) * m & MASK
        h = (h * m & MASK) ^ k
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & MASK
    h = (h ^ h >> 13) * m & MASK
    return h ^ h >> 15


# From the tests of Kafka's own clients, as unsigned numbers.
KNOWN = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536,
         b"a-little-bit-longer-string": -1486304829,
         b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
         b"abc": 479470107}


def records(consumer, topic, partition):
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=TIMEOUT)
    consumer.assign([TopicPartition(topic, partition, 0)])
    offset = 0
    while offset < end:
        for message in consumer.consume(min(end - offset, 10000), TIMEOUT):
            if message.error() is not None:
                sys.exit(f"e2e_partitions: {topic} [{partition}]: {message.error()}")
            yield message
            offset = message.offset() + 1


def main():
    for data, signed in KNOWN.items():
        if murmur2(data) != signed & MASK:
            sys.exit(f"e2e_partitions: our own murmur2 of {data} is wrong")
    bootstrap, *topics = sys.argv[1:]
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "e2e-partitions",
                         "enable.auto.commit": False, "auto.offset.reset": "error",
                         "fetch.wait.max.ms": 10})
    for topic in topics:
        count = len(consumer.list_topics(topic, timeout=TIMEOUT).topics[topic].partitions)
        keyed = misplaced = 0
        used = set()
        for partition in range(count):
            for message in records(consumer, topic, partition):
                if message.key() is not None:
                    keyed += 1
                    used.add(partition)
                    misplaced += (murmur2(message.key()) & 0x7FFFFFFF) % count != partition
        print(topic, count, keyed, len(used), misplaced)
    consumer.close()


if __name__ == "__main__":
    main()
