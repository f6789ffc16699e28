#!/usr/bin/python3
"""e2e_fake_server: a PostgreSQL that sends what no PostgreSQL would.

    e2e_fake_server.py SCENARIO LOG

Listens on a free port of the loopback address and prints the port.  Serves one
connection after another: start-up without a password, the queries the relay
asks before it streams, START_REPLICATION, and then the scenario's messages.
What the relay says about its position goes to LOG: a line "flush LSN" for every
status update, in decimal, and "ping" for every keepalive.  Ends when its standard input is closed.

The one good transaction that comes first has a record for the topic of
$E2E_TOPIC and ends at GOOD_LSN; what follows it is bad.  So a relay that
confirms more than GOOD_LSN confirms what it never had.

In the scenario "good" its plugin is one that knows no stats.interval.ms.  In the
scenario "pings" nothing is bad: a walsender asks for a reply, with a position that
may be behind what it holds, and asks again when it has the answer.

In the scenario "standby" it is one of version 16, has no slot, and makes none:
it waits for its primary.
"""

import os
import socket
import struct
import sys
import threading

SLOT_LSN = 0x1000
GOOD_LSN = 0x2000
BAD_LSN = 0x3000
TOPIC = os.environ.get("E2E_TOPIC", "fake").encode()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


# The frames of src/wire.h, written down a second time on purpose.


def bytes16(data):
    return struct.pack("!H", len(data)) + data


def bytes32(data):
    return struct.pack("!I", len(data)) + data


def hello(protocol=2):
    return b"H" + struct.pack("!HI", protocol, 150020) + bytes16(b"9.9.9") + bytes32(b"{}")


def route(number=0):
    return b"T" + struct.pack("!I", number) + bytes16(TOPIC) + bytes16(b"public") + bytes16(b"t")


def record(number=0, flags=0, value=b'{"id":1}'):
    return b"R" + b"c" + struct.pack("!HI", flags, number) + bytes32(b'{"id":1}') + bytes32(value)


def more(last, part):
    return b"M" + bytes([last]) + bytes32(part)


def commit(body, records, end=BAD_LSN, crc=None):
    crc = crc32c(body) if crc is None else crc
    return b"C" + struct.pack("!BIQQqQI", 0, 77, max(end - 8, 0), end, 0, records, crc)


def transaction(body, records, **more_of_commit):
    return body + commit(body, records, **more_of_commit)


MORE_FLAG = 0x0002
ONE = route() + record()
GOOD = hello() + transaction(ONE, 1, end=GOOD_LSN)


def wal(payload, lsn=BAD_LSN):
    return b"w" + struct.pack("!QQq", lsn, lsn, 0) + payload


def ping(lsn=BAD_LSN):
    return b"k" + struct.pack("!QqB", lsn, 0, 1)


# What comes after the good transaction, or instead of it (None for "good").
SCENARIOS = {
    "good": (GOOD, []),
    "standby": (None, []),
    "pings": (GOOD, [ping(), ping()]),
    "corrupt": (GOOD, [wal(b"Z" + record())]),
    "cut-frame": (GOOD, [wal(record()[:-3])]),
    "impossible-length": (GOOD, [wal(b"R" + b"c" + struct.pack("!HII", 0, 0, 0x7FFFFFFF))]),
    "crc": (GOOD, [wal(transaction(record(), 1, crc=0xDEADBEEF))]),
    "count": (GOOD, [wal(transaction(record(), 2))]),
    "protocol": (None, [wal(hello(protocol=99))]),
    "protocol-older": (None, [wal(hello(protocol=1))]),
    "chunk": (GOOD, [wal(b"K" + struct.pack("!BIQI", 0, 0, 0, 0))]),
    "no-hello": (None, [wal(ONE)]),
    "second-hello": (GOOD, [wal(hello())]),
    "cut-message": (GOOD, [wal(b"")[:-4]]),
    "unknown-message": (GOOD, [b"?" + bytes(24)]),
    "more-alone": (GOOD, [wal(more(1, b"x"))]),
    "more-missing": (GOOD, [wal(record(flags=MORE_FLAG) + record())]),
    "unknown-route": (GOOD, [wal(record(number=5))]),
    "no-end": (GOOD, [wal(transaction(record(), 1, end=0))]),
    "bad-headers": (GOOD, [wal(b"R" + b"c" + struct.pack("!HI", 1, 0) + bytes32(b"\0\7")
                               + bytes32(b"k") + bytes32(b"v"))]),
}


class Connection:
    def __init__(self, sock, scenario, log):
        self.sock = sock
        self.standby = scenario == "standby"
        self.old = scenario == "good"
        self.file = sock.makefile("rb")
        self.pings = scenario == "pings"
        self.good, bad = SCENARIOS[scenario]
        self.bad = list(bad)
        self.log = log

    def send(self, kind, body=b""):
        self.sock.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def start_up(self):
        while True:
            length, code = struct.unpack("!II", self.file.read(8))
            self.file.read(length - 8)
            if code == 196608:
                break
            self.sock.sendall(b"N")  # neither TLS nor GSS
        self.send(b"R", struct.pack("!I", 0))
        for name, value in ((b"server_version", b"16.2" if self.standby else b"15.20"),
                            (b"in_hot_standby", b"on" if self.standby else b"off"),
                            (b"client_encoding", b"UTF8"),
                            (b"standard_conforming_strings", b"on")):
            self.send(b"S", name + b"\0" + value + b"\0")
        self.send(b"K", struct.pack("!II", 1, 1))
        self.send(b"Z", b"I")

    def row(self, **columns):
        description = struct.pack("!H", len(columns))
        data = description
        for name, value in columns.items():
            description += name.encode() + b"\0" + struct.pack("!IHIhiH", 0, 0, 25, -1, -1, 0)
            text = value.encode() if value is not None else None
            data += struct.pack("!i", -1) if text is None else bytes32(text)
        self.send(b"T", description)
        self.send(b"D", data)
        self.send(b"C", b"SELECT 1\0")
        self.send(b"Z", b"I")

    def query(self, text):
        if text.startswith("IDENTIFY_SYSTEM"):
            self.row(systemid="7000000000000000001", timeline="1", xlogpos="0/1000", dbname="fake")
        elif self.standby and "pg_replication_slots" in text:
            self.send(b"T", struct.pack("!H", 0))
            self.send(b"C", b"SELECT 0\0")
            self.send(b"Z", b"I")
        elif self.standby and text.startswith("CREATE_REPLICATION_SLOT"):
            self.log.write(text + "\n")
            self.log.flush()
        elif "pg_replication_slots" in text:
            self.row(slot_type="logical", plugin="nova_decoder", database="fake", active_pid=None,
                     wal_status="reserved", confirmed_flush_lsn=f"0/{SLOT_LSN:X}")
        elif "AS obstacle" in text:
            self.row(mark="1", obstacle="no_extension")
        elif text.startswith("START_REPLICATION") and self.old and "stats.interval.ms" in text:
            self.log.write("refused stats.interval.ms\n")
            self.log.flush()
            self.send(b"E", b'SERROR\0C42601\0Munrecognized option "stats.interval.ms" for output plugin nova_decoder\0\0')
            self.send(b"Z", b"I")
        elif text.startswith("START_REPLICATION"):
            self.send(b"W", b"\0\0\0")
            if self.good is not None:
                self.send(b"d", wal(self.good, GOOD_LSN))
            # The rest when the good part is confirmed: see copy_data().
            elif self.bad:
                self.send_bad()
        else:
            self.send(b"E", b"SERROR\0C42601\0Mthe fake server does not know this query\0\0")
            self.send(b"Z", b"I")

    def send_bad(self):
        for message in self.bad:
            self.send(b"d", message)
        self.bad = []

    def send_ping(self):
        if self.bad:
            self.log.write("ping\n")
            self.log.flush()
            self.send(b"d", self.bad.pop())

    def copy_data(self, body):
        if body[:1] != b"r":
            return
        flush = struct.unpack("!Q", body[9:17])[0]
        self.log.write(f"flush {flush}\n")
        self.log.flush()
        if flush >= GOOD_LSN and self.pings:
            self.send_ping()
        elif flush >= GOOD_LSN:
            self.send_bad()

    def serve(self):
        self.start_up()
        while head := self.file.read(5):
            kind, length = head[:1], struct.unpack("!I", head[1:])[0]
            body = self.file.read(length - 4)
            if kind == b"Q":
                self.query(body[:-1].decode())
            elif kind == b"d":
                self.copy_data(body)
            elif kind == b"c":
                self.send(b"c")
                self.send(b"C", b"COPY 0\0")
                self.send(b"Z", b"I")
            elif kind == b"X":
                return


def serve_all(listener, scenario, log):
    while True:
        sock, _ = listener.accept()
        try:
            Connection(sock, scenario, log).serve()
        except (ConnectionError, struct.error):
            pass  # the relay went away in the middle
        finally:
            sock.close()


def main():
    scenario, path = sys.argv[1:]
    listener = socket.create_server(("127.0.0.1", 0))
    with open(path, "w", encoding="ascii") as log:
        threading.Thread(target=serve_all, args=(listener, scenario, log), daemon=True).start()
        print(listener.getsockname()[1], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
