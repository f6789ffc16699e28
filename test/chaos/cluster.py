#!/usr/bin/python3
"""cluster: move leaders and replicas of topics in a cluster of three brokers.

    cluster.py BOOTSTRAP lead PREFIX RANDOM       another leader for every partition
    cluster.py BOOTSTRAP shrink PREFIX RANDOM     one replica fewer: the leader goes
    cluster.py BOOTSTRAP restore PREFIX RANDOM    all replicas, in some order, in sync

Returns when that is done; all brokers must be up.  PREFIX selects topics by the
beginning of their names; the transaction log comes along where there is one.
RANDOM, a number, decides who becomes what.

The two requests are written out here, since librdkafka's admin client has
neither: AlterPartitionReassignments version 0 and ElectLeaders version 2, in
Kafka's flexible encoding (lengths as unsigned varints plus one, a zero for no
tagged fields).  Any broker passes them on to the controller.
"""

import socket
import struct
import sys
import time

from confluent_kafka.admin import AdminClient

ALTER_PARTITION_REASSIGNMENTS = 45, 0
ELECT_LEADERS = 43, 2
ELECTION_NOT_NEEDED = 84
PATIENCE = 120
NO_TAGS = b"\0"


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def string(text):
    data = text.encode()
    return varint(len(data) + 1) + data


def array(items):
    return varint(len(items) + 1) + b"".join(items)


def int32(n):
    return struct.pack(">i", n)


class Reply:
    """A cursor over a response."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def number(self, form):
        value, = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def varint(self):
        value = shift = 0
        while True:
            byte = self.number(">B")
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def string(self):
        length = self.varint() - 1
        start, self.at = self.at, self.at + max(length, 0)
        return None if length < 0 else self.data[start:self.at].decode()

    def behind_header(self):
        """Past the header and the throttle time."""
        self.number(">i")  # correlation
        self.varint()  # tags
        self.number(">i")  # throttle
        return self

    def results(self):
        """Topic, partition, error code, message; both responses are built alike."""
        for _ in range(self.varint() - 1):
            topic = self.string()
            for _ in range(self.varint() - 1):
                partition, code, message = self.number(">i"), self.number(">h"), self.string()
                self.varint()
                yield topic, partition, code, message
            self.varint()


def receive(connection, length):
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise ConnectionError("closed by the broker")
        data += part
    return data


def ask(bootstrap, api, body):
    """Send to the first broker that answers."""
    request = struct.pack(">hhi", *api, 1) + struct.pack(">h", -1) + NO_TAGS + body
    failure = None
    for address in bootstrap.split(","):
        host, port = address.rsplit(":", 1)
        try:
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(int32(len(request)) + request)
                length, = struct.unpack(">i", receive(connection, 4))
                return Reply(receive(connection, length)).behind_header()
        except OSError as error:
            failure = error
    raise SystemExit(f"cluster.py: no broker of {bootstrap} answers: {failure}")


def complain(what, code, message, allowed=()):
    if code not in (0, *allowed):
        raise SystemExit(f"cluster.py: {what}: error {code}, {message}")


def reassign(bootstrap, plan):
    """plan: {topic: {partition: [replica, …]}}"""
    topics = [
        string(topic) + array([
            int32(partition) + array([int32(r) for r in replicas]) + NO_TAGS
            for partition, replicas in partitions.items()]) + NO_TAGS
        for topic, partitions in plan.items()]
    reply = ask(bootstrap, ALTER_PARTITION_REASSIGNMENTS, int32(60000) + array(topics) + NO_TAGS)
    complain("reassignment", reply.number(">h"), reply.string())
    for topic, partition, code, message in reply.results():
        complain(f"reassignment of {topic} [{partition}]", code, message)


def elect(bootstrap, plan):
    topics = [
        string(topic) + array([int32(p) for p in partitions]) + NO_TAGS
        for topic, partitions in plan.items()]
    reply = ask(bootstrap, ELECT_LEADERS, b"\0" + array(topics) + int32(60000) + NO_TAGS)
    complain("election", reply.number(">h"), None)
    for topic, partition, code, message in reply.results():
        complain(f"election for {topic} [{partition}]", code, message,
                 (ELECTION_NOT_NEEDED,))


class Topics:
    def __init__(self, bootstrap, prefix):
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self.prefix = prefix

    def look(self):
        meta = self.admin.list_topics(timeout=20)
        self.brokers = sorted(meta.brokers)
        return {
            name: topic.partitions for name, topic in meta.topics.items()
            if name.startswith(self.prefix) or name == "__transaction_state"}

    def in_sync(self, partition, _topic, _number):
        return len(partition.isrs) == len(self.brokers)

    def wait(self, what, condition):
        """Until it holds for every partition (as it is, of topic and number)."""
        until = time.monotonic() + PATIENCE
        while not all(condition(p, t, i) for t, ps in self.look().items() for i, p in ps.items()):
            if time.monotonic() > until:
                raise SystemExit(f"cluster.py: waited in vain: {what}")
            time.sleep(0.1)


def rotated(items, n):
    n %= len(items)
    return items[n:] + items[:n]


def main():
    bootstrap, command, prefix, number = sys.argv[1:]
    topics = Topics(bootstrap, prefix)
    number = int(number)
    now = topics.look()
    if command == "lead":
        topics.wait("all replicas in sync", topics.in_sync)
        orders = {t: {i: rotated(p.replicas, 1 + (number + i) % 2) for i, p in ps.items()}
                  for t, ps in now.items()}
        reassign(bootstrap, orders)
        elect(bootstrap, orders)
        topics.wait("the new leaders", lambda p, t, i: p.leader == orders[t][i][0])
    elif command == "shrink":
        reassign(bootstrap, {
            t: {i: rotated([r for r in p.replicas if r != p.leader], number) for i, p in ps.items()}
            for t, ps in now.items()})
        topics.wait("two replicas", lambda p, t, i: len(p.replicas) == 2)
    elif command == "restore":
        reassign(bootstrap, {
            t: {i: rotated(topics.brokers, number + i) for i in ps} for t, ps in now.items()})
        topics.wait("all replicas in sync", topics.in_sync)
        elect(bootstrap, now)
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
