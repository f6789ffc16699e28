#!/usr/bin/python3
"""kafka-view.py BOOTSTRAP: what a Kafka holds, on a terminal.

Topics with their partitions and the range of offsets they hold, then every
consumer group with what it has not read yet.  Reads only, commits nothing, and
joins no group: committed() asks for a group's offsets without being a member.
A broker that has just started loads its groups first, and says so: it is asked again.
"""
import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

TIMEOUT = 20
PASSING = (KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE,
           KafkaError.NOT_COORDINATOR)


def settled(ask):
    """What ask() returns, when the coordinators of groups are ready."""
    end = time.monotonic() + TIMEOUT
    while True:
        try:
            return ask()
        except KafkaException as e:
            if e.args[0].code() not in PASSING or time.monotonic() > end:
                raise
            time.sleep(0.2)


def consumer(bootstrap, group):
    return Consumer({"bootstrap.servers": bootstrap, "group.id": group,
                     "enable.auto.commit": False})


def ranges(client, metadata):
    """(topic, partition) -> (first offset, next offset)"""
    found = {}
    for name, topic in metadata.topics.items():
        for number in topic.partitions:
            found[name, number] = client.get_watermark_offsets(
                TopicPartition(name, number), timeout=TIMEOUT)
    return found


def show_topics(metadata, found):
    print(f"{'TOPIC':<36} {'PARTITIONS':>10} {'OFFSETS':>12}")
    for name in sorted(metadata.topics):
        numbers = metadata.topics[name].partitions
        held = sum(found[name, n][1] - found[name, n][0] for n in numbers)
        print(f"{name:<36} {len(numbers):>10} {held:>12}")


def committed(client, partitions):
    found = client.committed(partitions, timeout=TIMEOUT)
    for p in found:
        if p.error is not None:
            raise KafkaException(p.error)
    return found


def lags(positions, found):
    """Topic -> records; all of a partition, where a group of the topic has no position."""
    behind = {p.topic: 0 for p in positions if p.offset >= 0}
    for p in positions:
        if p.topic in behind:
            first, end = found[p.topic, p.partition]
            behind[p.topic] += end - (p.offset if p.offset >= 0 else first)
    return behind


def show_group(bootstrap, group, found):
    """A line for each topic of which the group has committed something."""
    client = consumer(bootstrap, group)
    partitions = [TopicPartition(name, n) for name, n in found]
    behind = lags(settled(lambda: committed(client, partitions)), found)
    client.close()
    for topic, lag in sorted(behind.items()):
        print(f"{group:<36} {topic:<28} {lag:>12}")


def main(bootstrap):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    metadata = admin.list_topics(timeout=TIMEOUT)
    client = consumer(bootstrap, "nova-kafka-view")
    found = ranges(client, metadata)
    client.close()
    print(f"brokers: {', '.join(str(b) for b in metadata.brokers.values())}\n")
    show_topics(metadata, found)
    print(f"\n{'GROUP':<36} {'TOPIC':<28} {'LAG':>12}")
    for group in sorted(g.id for g in settled(lambda: admin.list_groups(timeout=TIMEOUT))):
        show_group(bootstrap, group, found)


if len(sys.argv) != 2:
    sys.exit(__doc__.splitlines()[0])
main(sys.argv[1])
