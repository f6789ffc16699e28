"""values: what the tests of values have in common.

A server to talk to through psql, and a reader of the plugin's text output that
owes nothing to the plugin: Python's json, made strict, with numbers kept as
they are written.
"""

import json
import subprocess


class Number(str):
    """A JSON number as it stands in the text."""


def no_constant(name):
    raise ValueError(f"{name} is not JSON")


def no_duplicates(pairs):
    names = [n for n, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError(f"a name comes twice in {names}")
    return dict(pairs)


DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=no_constant,
                           object_pairs_hook=no_duplicates)
# json columns may hold a name twice
LENIENT = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=no_constant)


def parse(text, decoder=DECODER):
    """The value of a JSON text, all of it."""
    value, end = decoder.raw_decode(text.strip(" "))
    if end != len(text.strip(" ")):
        raise ValueError(f"more after the value: {text[end:end + 80]!r}")
    return value


def blanks(text, at):
    while text[at] == " ":
        at += 1
    return at


def members(text, decoder=LENIENT):
    """The members of a JSON object as [(name, raw text)], in their order."""
    out, at = [], 1
    if text[0] != "{":
        raise ValueError(f"no object: {text[:80]!r}")
    while text[at] != "}":
        name, end = decoder.raw_decode(text, at)
        if text[end] != ":":
            raise ValueError(f"no colon after {name!r}")
        _, after = decoder.raw_decode(text, blanks(text, end + 1))
        after = blanks(text, after)
        out.append((name, text[end + 1:after]))
        at = after + (text[after] == ",")
    if at + 1 != len(text):
        raise ValueError(f"more after the object: {text[at:at + 80]!r}")
    return out


class Server:
    def __init__(self, connection):
        self.command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", connection, "-f", "-"]

    def run(self, sql):
        """The output of a script; an error ends the test."""
        done = subprocess.run(self.command, input=sql.encode("utf-8"), capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.decode("utf-8", "replace").strip() + "\n" + sql[:300])
        return done.stdout.decode("utf-8")

    def hold(self, table):
        """Lock it, until the stdin of what is returned is closed."""
        holder = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        holder.stdin.write(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT 'held';\n".encode("utf-8"))
        holder.stdin.flush()
        if holder.stdout.readline() != b"held\n":
            raise RuntimeError(f"{table} could not be locked")
        return holder

    def texts(self, sql, before=""):
        """The values of a query's one column.  As digits: psql prints no noncharacters."""
        text = self.run(f"{before}SELECT encode(convert_to(x, 'UTF8'), 'hex') FROM ({sql}) q (x)")
        return [bytes.fromhex(line).decode("utf-8") for line in text.split("\n")[:-1]]

    def rows(self, sql, before=""):
        """The rows of a query, as JSON made by the server."""
        return [json.loads(line) for line in self.texts(f"SELECT to_json(q)::text FROM ({sql}) q", before)]

    def peek(self, slot, options):
        """The records of a slot, each as {member: raw text}."""
        listed = "".join(", " + quoted(part) for o in options for part in o.split("=", 1))
        lines = self.texts(f"SELECT data FROM pg_logical_slot_peek_changes('{slot}', NULL, NULL{listed})")
        return [dict(members(line)) for line in lines]


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


class Tap:
    """Test after test, for prove."""

    def __init__(self):
        self.number = 0
        self.failed = 0

    def ok(self, good, name, *notes):
        self.number += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}", flush=True)
        for note in () if good else notes:
            for line in str(note).split("\n"):
                print(f"# {line[:1000]}")
        return good

    def done(self):
        print(f"1..{self.number}")
        return 1 if self.failed else 0
