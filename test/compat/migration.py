"""migration: the runbook's ways from Debezium to nova and back, while rows change.

For ./run, which has a server, a Kafka, and a worker with this connector in it.
docs/operations.md says what an operator does; this does the same, in its order:
to nova, back to the slot that was kept, to nova again, back without that slot.
The slot that was left is dropped each time, so that no way covers for another.

The proof: every change of a counter has a number.  All numbers of each counter
have to be in its topic, first seen in their order, in one partition, and the last
one last; and so every row that was inserted.  Repeats are expected and counted.
"""

import json
import os
import subprocess
import urllib.request

from confluent_kafka import Consumer, KafkaError, TopicPartition

NAME = "migration"
DEBEZIUM_SLOT = "m_debezium"
PUBLICATION = "dbz_publication"
COUNTERS = 20
RATE = 100
SCHEMA = f"""
    CREATE EXTENSION IF NOT EXISTS nova_decoder;
    CREATE SCHEMA m;
    CREATE TABLE m.counters (id int PRIMARY KEY, n int NOT NULL);
    CREATE TABLE m.rows (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text);
    INSERT INTO m.counters SELECT g, 0 FROM generate_series(1, {COUNTERS}) g
"""
STEP = f"""\\set k random(1, {COUNTERS})
UPDATE m.counters SET n = n + 1 WHERE id = :k;
INSERT INTO m.rows (what) VALUES ('x');
"""


def connector(spec, port, database, user, password):
    """The team's connector, as it is before anybody thinks of nova."""
    return {"name": NAME, "config": {
        **spec["base"], **spec["flat"],
        "database.hostname": "127.0.0.1", "database.port": str(port), "database.user": user,
        "database.password": password, "database.dbname": database, "topic.prefix": NAME,
        "slot.name": DEBEZIUM_SLOT, "publication.name": PUBLICATION,
        "table.include.list": "m\\..*"}}


class Migration:
    def __init__(self, run, config, wait_for):
        self.run = run
        self.server = run.server
        self.config = config
        self.wait_for = wait_for
        self.rest = (run.worker / "rest").read_text(encoding="utf-8").strip()
        self.nova = run.where / "migration.json"
        self.nova_slot = None
        self.relay = None

    # What an operator does.

    def connect(self, method, path, body=None):
        """A call of Kafka Connect's REST."""
        request = urllib.request.Request(
            f"{self.rest}/connectors/{NAME}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def stop_debezium(self):
        self.connect("PUT", "/stop")
        self.wait_for("Debezium's end", lambda: {DEBEZIUM_SLOT} & self.active())

    def resume_debezium(self):
        self.connect("PUT", "/resume")
        self.wait_for("Debezium", lambda: {DEBEZIUM_SLOT} - self.server.streaming())

    def start_nova(self):
        with open(self.run.where / "migration.log", "ab") as log:
            self.relay = subprocess.Popen([os.environ["NOVA_RELAY"], "run", self.nova],
                                          stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.wait_for("nova", self.nova_is_not_there)

    def stop_nova(self):
        self.relay.terminate()
        status, self.relay = self.relay.wait(60), None
        if status:
            raise RuntimeError(f"nova-relay ended with status {status}")

    def make_slot(self, name, plugin):
        return self.server.sql(
            f"SELECT lsn FROM pg_create_logical_replication_slot('{name}', '{plugin}')")

    def drop_slot(self, name):
        self.server.sql(f"SELECT pg_drop_replication_slot('{name}')")

    # What is waited for.

    def active(self):
        return set(self.server.sql("SELECT slot_name FROM pg_replication_slots WHERE active").split())

    def nova_is_not_there(self):
        if self.relay.poll() is not None:
            self.relay = None
            raise RuntimeError("nova-relay has ended: "
                               + (self.run.where / "migration.log").read_text("utf-8", "replace")[-2000:])
        return {self.nova_slot} - self.server.streaming()

    def wait_passed(self, slot, lsn):
        self.wait_for(f"{slot} at {lsn}", lambda: set(self.server.sql(
            f"SELECT '{slot}' FROM pg_replication_slots WHERE slot_name = '{slot}' "
            f"AND confirmed_flush_lsn < '{lsn}'").split()))

    # The runbook's procedures.

    def to_nova(self, slot):
        self.nova_slot = slot
        copy = {**self.config["config"], "slot.name": slot, "bootstrap.servers": self.run.bootstrap,
                "listeners": "http://127.0.0.1:0"}
        self.nova.write_text(json.dumps({"name": NAME, "config": copy}), encoding="utf-8")
        self.wait_passed(DEBEZIUM_SLOT, self.make_slot(slot, "nova_decoder"))
        self.stop_debezium()
        self.start_nova()

    def verify(self):
        done = subprocess.run([os.environ["NOVA_RELAY"], "verify", self.nova, "--log-level", "warn"],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"verify: {done.stdout}{done.stderr}")

    def back_to_kept_slot(self):
        self.stop_nova()
        self.resume_debezium()

    def back_to_new_slot(self):
        self.server.sql(f"CREATE PUBLICATION {PUBLICATION} FOR TABLE m.counters, m.rows")
        self.wait_passed(self.nova_slot, self.make_slot(DEBEZIUM_SLOT, "pgoutput"))
        self.stop_nova()
        self.connect("DELETE", "/offsets")
        self.connect("PUT", "/config", {**self.config["config"], "snapshot.mode": "no_data"})
        self.resume_debezium()

    def go(self):
        """Returns how many things are wrong, and says them."""
        step = self.run.where / "step.sql"
        step.write_text(STEP, encoding="utf-8")
        writer = subprocess.Popen(
            [self.server.bindir / "pgbench", "-n", "-h", "127.0.0.1", "-p", str(self.server.port),
             "-U", self.config["config"]["database.user"], "-c", "2", "-R", str(RATE), "-T", "600",
             "-f", step, self.config["config"]["database.dbname"]],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.to_nova("m_nova")
            self.verify()
            self.back_to_kept_slot()
            self.drop_slot("m_nova")
            self.to_nova("m_nova_2")
            self.drop_slot(DEBEZIUM_SLOT)
            self.server.sql(f"DROP PUBLICATION {PUBLICATION}")
            self.back_to_new_slot()
            if writer.poll() is not None:
                raise RuntimeError("the writer has ended too early")
        finally:
            writer.terminate()
            writer.wait()
            if self.relay:
                self.stop_nova()
        return self.prove()

    # The proof.

    def read_until(self, topic, key):
        """All records up to one with that key: [(partition, key, value)]."""
        consumer = Consumer({"bootstrap.servers": self.run.bootstrap, "group.id": NAME,
                             "enable.auto.commit": False, "enable.partition.eof": True,
                             "auto.offset.reset": "earliest"})
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
        records, ends = [], set()

        def missing():
            for message in consumer.consume(5000, 0.2):
                if not message.error():
                    value = message.value()
                    records.append((message.partition(), json.loads(message.key())["id"],
                                    None if value is None else json.loads(value)))
                    ends.discard(message.partition())
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    ends.add(message.partition())
            seen = not key or any(k == key for _, k, _ in records)
            return set() if seen and len(ends) == len(partitions) else {topic}
        self.wait_for("the end of", missing)
        consumer.close()
        return records

    def prove(self):
        last = int(self.server.sql("INSERT INTO m.rows (what) VALUES ('the end') RETURNING id"))
        rows = self.read_until(f"{NAME}.m.rows", last)
        # All of the writer's transactions are before that row's.
        changes = self.read_until(f"{NAME}.m.counters", None)
        ids = {int(i) for i in self.server.sql("SELECT id FROM m.rows").split()}
        wrong = [f"row {i} is missing" for i in ids - {key for _, key, _ in rows}]
        wrong += [f"row {i} was never there" for i in {key for _, key, _ in rows} - ids]
        for line in self.server.sql("SELECT id, n FROM m.counters").split("\n"):
            wrong += self.of_counter(*map(int, line.split("|")), changes)
        for each in wrong[:20]:
            print(f"{NAME}: {each}")
        total = len(ids) + sum(int(n) for n in self.server.sql("SELECT n FROM m.counters").split())
        print(f"{NAME}: {total} changes, {len(rows) + len(changes)} records, {len(wrong)} wrong")
        return len(wrong)

    @staticmethod
    def of_counter(counter, last, changes):
        found = [(p, value["n"]) for p, key, value in changes if key == counter]
        numbers = [n for _, n in found]
        first = list(dict.fromkeys(numbers))
        wrong = [f"counter {counter}: number {n} is missing" for n in set(range(last + 1)) - set(first)]
        if first != sorted(first):
            wrong.append(f"counter {counter}: not in order")
        if numbers[-1:] != [last]:
            wrong.append(f"counter {counter}: ends with {numbers[-1:]}, not {last}")
        if len({p for p, _ in found}) != 1:
            wrong.append(f"counter {counter}: in several partitions")
        return wrong
