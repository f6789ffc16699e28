#!/usr/bin/python3
"""One record in a Kafka transaction that is then committed or aborted.

e2e_transaction.py BOOTSTRAP TOPIC PARTITION KEY VALUE commit|abort
"""

import sys

from confluent_kafka import Producer


def main():
    bootstrap, topic, partition, key, value, end = sys.argv[1:]
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": f"{topic}-test"})
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce(topic, key=key, value=value, partition=int(partition))
    producer.flush(60)
    if end == "commit":
        producer.commit_transaction(60)
    else:
        producer.abort_transaction(60)


main()
