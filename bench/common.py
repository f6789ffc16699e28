"""common: what the benches share.

A server, a real Kafka, a relay and their end, the processor time and the memory of
a process, what other benches define, and how figures are kept.  They run inside a stage (test/lib/stage), which
gives NOVA_STAGE, PG_CONFIG and NOVA_RELAY.
"""

import argparse
import contextlib
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import platform
import re
import socket
import subprocess
import sys
import time

STAGE = pathlib.Path(os.environ["NOVA_STAGE"])
BIN = pathlib.Path(os.environ["PG_CONFIG"]).parent
RELAY = os.environ.get("NOVA_RELAY", "nova-relay")
DATA = STAGE / "bench"
SOCKET = STAGE / "tmp"
KAFKA = STAGE / "bench-kafka"
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    PORT = free.getsockname()[1]
# Of a connector that is to run in the real Debezium.
DEBEZIUM = {
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
    "database.hostname": "127.0.0.1",
    **{f"{side}.converter{key}": value for side in ("key", "value") for key, value in
       (("", "org.apache.kafka.connect.json.JsonConverter"), (".schemas.enable", "false"))}}
# The settings that are published as Debezium's best; its producer is made idempotent as nova's is, with
# the one request at a time that Connect gives it.
TUNED = {"max.batch.size": 20000, "max.queue.size": 100000, "poll.interval.ms": 10, "producer.override.linger.ms": 50,
         "producer.override.batch.size": 1000000, "producer.override.acks": "all", "producer.override.enable.idempotence": "true"}
# A heap of 2 GB, and the collector and the compiler that a JVM takes by itself.
JVM = {"NOVA_DEBEZIUM_HEAP": "2g", "NOVA_DEBEZIUM_TUNING": ""}
# What a relay says last.
STOPPED = re.compile(r"([0-9.]+) s, ([0-9.]+) s CPU, peak RSS (\d+) MB")


def run(*cmd, **kw):
    return subprocess.run([str(c) for c in cmd], check=True, stdout=subprocess.PIPE, text=True, **kw).stdout


def load(name):
    """Another bench as a module: the same shapes of rows, the same way of measuring."""
    loader = importlib.machinery.SourceFileLoader(name, str(pathlib.Path(__file__).with_name(name)))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def psql(*args):
    """What a plugin says while its slot is made (INFO) is for nobody."""
    done = subprocess.run([str(a) for a in (BIN / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", SOCKET, "-p", PORT, "-d", "postgres",
                                            *args)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit("psql failed: " + done.stderr)
    return done.stdout


def sql(*statements):
    return psql(*(word for s in statements for word in ("-c", s))).strip()


def start_server(*more, plugins=()):
    """With these settings and, where a server asks for a list, these output plugins allowed beside nova's."""
    run(BIN / "initdb", "-D", DATA, "-A", "trust", "-E", "UTF8", "--locale=C")
    settings = run("test/lib/server-conf").splitlines() + [
        f"unix_socket_directories = '{SOCKET}'", f"port = {PORT}", "listen_addresses = '127.0.0.1'", "shared_buffers = 1GB",
        "max_wal_size = 16GB", "checkpoint_timeout = 1h", "autovacuum = off", "synchronous_commit = off", *more]
    if any(s.startswith("output_plugin_libraries") for s in settings):
        settings.append(f"output_plugin_libraries = '{', '.join(('pgoutput', 'nova_decoder', *plugins))}'")
    with open(DATA / "postgresql.conf", "a", encoding="ascii") as f:
        f.write("\n".join(settings) + "\n")
    try:
        run(BIN / "pg_ctl", "-D", DATA, "-l", DATA / "server.log", "-w", "start")
    except subprocess.CalledProcessError:
        sys.exit("PostgreSQL does not start:\n" + (DATA / "server.log").read_text(encoding="utf-8"))
    sql("CREATE EXTENSION nova_decoder")


def stop_server():
    run(BIN / "pg_ctl", "-D", DATA, "-m", "immediate", "-w", "stop")


def start_kafka():
    """HOST:PORT; a broker as users run it."""
    return re.search(r"bootstrap=(\S+)", run("test/kafka/kafka", "start", "--as-shipped", KAFKA)).group(1)


def broker_pid():
    return int(next(KAFKA.rglob("pid")).read_text(encoding="ascii"))


def stop_kafka():
    run("test/kafka/kafka", "stop", KAFKA)


def create_topic(topic, partitions):
    run("test/kafka/kafka", "create-topic", KAFKA, topic, partitions)


def connector(name, **config):
    """A connector's JSON of this server as a file."""
    path = STAGE / f"{name}.json"
    path.write_text(json.dumps({"name": name, "config": {
        "database.port": str(PORT), "database.user": sql("SELECT current_user"), "database.dbname": "postgres", **config}}),
                    encoding="ascii")
    return path


def cpu_seconds(pid):
    """Of all threads, also of those that ended."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")).group(1)) / 1024


def log_of(slot):
    """Of its relay."""
    return STAGE / f"{slot}.log"


@contextlib.contextmanager
def relay(config, slot):
    """The process of a relay that streams from the slot, which goes with it."""
    with open(log_of(slot), "w", encoding="utf-8") as log, subprocess.Popen([RELAY, "run", config], stderr=log) as process:
        try:
            while not walsender_of(slot):
                if process.poll() is not None:
                    sys.exit("the relay ended:\n" + log_of(slot).read_text("utf-8"))
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            process.wait()
            drop_slot(slot)


def walsender_of(slot):
    """Its process, or 0."""
    return int(sql(f"SELECT coalesce(max(active_pid), 0) FROM pg_replication_slots WHERE slot_name = '{slot}'"))


class Processes:
    """The processor time of named processes, and of every backend that had the slot ("walsender"), as of the last look."""

    def __init__(self, slot, **fixed):
        self.slot, self.fixed = slot, fixed
        self.backends, self.used, self.looked = set(), {}, 0.0
        self.look()

    def look(self):
        # asking the server costs a process of its own
        if time.monotonic() > self.looked + (2.0 if self.backends else 0.1):
            self.backends |= {walsender_of(self.slot)} - {0}
            self.looked = time.monotonic()
        for pid in {*self.fixed.values(), *self.backends}:
            with contextlib.suppress(FileNotFoundError):
                self.used[pid] = cpu_seconds(pid)

    def cpu(self):
        self.look()
        return {**{name: self.used.get(pid, 0.0) for name, pid in self.fixed.items()},
                "walsender": sum(self.used.get(pid, 0.0) for pid in self.backends)}


def drop_slot(slot):
    sql(f"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{slot}' AND active")
    while walsender_of(slot):
        time.sleep(0.01)
    sql(f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{slot}'")


def parser(doc):
    """The arguments that every bench has."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", type=pathlib.Path, metavar="FILE", help="keep every figure; bench/results/… outlives the stage")
    return made


def machine():
    """What figures are of; no names."""
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text(encoding="utf-8")).group(1))
    model = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)
    return {"cores": len(os.sched_getaffinity(0)), "processor": model.group(1) if model else platform.machine(),
            "memory_gb": round(memory / 1024 / 1024, 1), "kernel": platform.release(),
            "server": run(BIN / "postgres", "--version").strip()}


def keep(path, bench, **figures):
    """Where --json says, if it does."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"bench": bench, "commit": os.environ.get("NOVA_COMMIT", "unknown"),
                                "date": time.strftime("%Y-%m-%d"), "machine": machine(), **figures}, indent=1) + "\n", encoding="ascii")
