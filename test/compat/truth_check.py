#!/usr/bin/python3
"""truth_check.py: what the plugin writes against what Debezium once wrote.

    truth_check.py PSQL-CONNECTION [CONFIG…]

Takes every configuration of configs.json, lets nova-relay turn it into the
plugin's options, decodes the workload with them through SQL and compares the
streamed records with truth/CONFIG.jsonl, which "run --truth" recorded from the
real connector.  Needs no JVM and takes seconds, so that it runs with every
test; what it cannot see (partitions, heartbeats, snapshots) "run" compares.

Speaks TAP: a test per configuration, and one that the configurations which
nova refuses are the ones named in REFUSED below.

The database must hold workload-schema.sql, workload-types.sql (base=0) and
workload-rows.sql, then a slot "truth", then workload-types.sql (base=1000) and
workload-stream.sql.
"""

import json
import os
import re
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import compare  # noqa: E402
import records  # noqa: E402

run = SourceFileLoader("compat_run", str(HERE / "run")).load_module()

REFUSED = HERE / "refused.txt"
SIDE_TOPICS = re.compile(r"heartbeat|compat_done$")


def plugin_options(name, spec, work):
    """[(option, value)] that the relay makes of the configuration, or its refusal."""
    path = work / f"{name}.json"
    config = run.connector(spec, name, "n", 5432, "localhost:9092")
    config["config"]["topic.prefix"] = "PREFIX"
    path.write_text(json.dumps(config).replace(run.prefix(name, "n"), "PREFIX"), encoding="utf-8")
    done = subprocess.run([os.environ["NOVA_RELAY"], "config", path], text=True,
                          capture_output=True, check=False)
    if done.returncode:
        return None, done.stderr.strip().split("\n")[-1]
    found = re.findall(r"^plugin   (\S+) = (.*?)(?:  \([\w.$-]+\))?$", done.stdout, re.M)
    salts = config_salts(config["config"])
    return [(n, salted(salts, n, "" if v == "(empty)" else v)) for n, v in found], None


def config_salts(config):
    """The salts by the plugin's option, in the order of the keys, one per regex."""
    found = {}
    for key, columns in config.items():
        salt = re.match(r"(column\.mask\.hash(?:\.v2)?)\.[^.]+\.with\.salt\.(.+)", key)
        if salt:
            found.setdefault(salt[1], []).extend(["\\x" + salt[2].encode().hex()] * len(columns.split(",")))
    return found


def salted(salts, option, value):
    """The relay prints no salts: put them in again."""
    rest = iter(salts.get(option, []))
    return re.sub(r"\*{8}", lambda _: next(rest), value) if option in salts else value


def decoded(connection, options):
    """The plugin's records for these options, as compare.py takes them."""
    quoted = "".join(", '" + text.replace("'", "''") + "'" for pair in options for text in pair)
    query = f"SELECT data FROM pg_logical_slot_peek_changes('truth', NULL, NULL{quoted})"
    done = subprocess.run(["psql", "-XAtq", "-d", connection, "-c", query], capture_output=True,
                          check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode("utf-8", "replace").strip())
    for line in done.stdout.decode("utf-8").split("\n")[:-1]:
        found = records.members(line)
        if "dropped" in found:
            continue
        value = None if found["value"] == "null" else found["value"]
        headers = json.loads(found.get("headers", "{}"), object_pairs_hook=list)
        yield {"topic": json.loads(found["topic"]), "partition": 0,
               "key": None if found["key"] == "null" else found["key"], "value": value,
               "headers": [list(pair) for pair in headers or []]}


def recorded(lines):
    """A truth's records, their schemas put back in front of them."""
    schemas = {}
    for line in map(json.loads, lines):
        if "schema" in line:
            schemas[line["schema"]] = line["text"]
            continue
        for part in ("key", "value"):
            if part + "_schema" in line:
                line[part] = records.with_schema(schemas[line.pop(part + "_schema")], line[part])
        yield line


def masked(text):
    """Masks are made for payloads; a schema has nothing to mask."""
    schema, payload = records.split_schema(text)
    payload = records.mask(payload, tuple(records.MASKS))
    return records.with_schema(schema, payload)


def comparable(record, context):
    """Without what only one run has, long texts as their hash."""
    schema, value = records.split_schema(masked(record["value"]))
    value = records.with_schema(schema, records.shorten(value))
    # In text output a null and the four bytes that say so look the same.
    value = None if value == "null" else value
    key = None if record["key"] == "null" else record["key"]
    headers = [[name, records.mask_header(name, text, tuple(records.MASKS))]
               for name, text in record["headers"] if context or not name.startswith(run.CONTEXT)]
    return {**record, "partition": 0, "value": value, "headers": headers,
            "key": masked(key)}


def relevant(found, context):
    """The records to compare; those whose key only one run has come by value."""
    plain, masked = [], []
    for record in found:
        if SIDE_TOPICS.search(record["topic"]):
            continue
        mine = comparable(record, context)
        of_run = mine["key"] is not None and re.search(r'"0:0"', mine["key"])
        (masked if of_run else plain).append(mine)
    return plain + sorted(masked, key=lambda r: r["value"])


def different(reference, other):
    """As compare.differences(), but rows that only a snapshot shows do not count."""
    mine = compare.by_key(other)
    kept = [r for r in reference if r["key"] in mine.get(r["topic"], {})]
    seen = {(r["topic"], r["key"]) for r in kept}
    for r in reference:
        if (r["topic"], r["key"]) not in seen and is_streamed(r):
            kept.append(r)
    return [d for d in compare.differences(kept, other) if d[1] != "records" or more_here(d[3])]


def takes_snapshot(spec, name):
    return spec["configs"][name].get("config", {}).get("snapshot.mode") != "no_data"


def is_streamed(record):
    key = records.split_schema(record["key"])[1]
    return key is not None and '"id":1' in key and ".t." in record["topic"] \
        and int(json.loads(key)["id"]) > 1000


def more_here(text):
    """Of "3 ≠ 4 records": the second number is the larger."""
    a, b = map(int, re.search(r"(\d+) ≠ (\d+) records$", text).groups())
    return b > a


def main():
    connection, names = sys.argv[1], sys.argv[2:]
    spec = run.spec()
    work = Path(os.environ.get("TMPDIR", "/tmp"))
    rules = compare.allowed_list(HERE / "allowed.txt")
    refused, number, bad = [], 0, 0
    for name in names or spec["configs"]:
        truth = HERE / "truth" / f"{name}.jsonl"
        options, why = plugin_options(name, spec, work)
        if options is None or not truth.exists():
            refused.append(name)
            print(f"# {name}: {why or 'no truth is recorded'}")
            continue
        context = run.shows_context(spec, name)
        with open(truth, encoding="utf-8", newline="\n") as lines:
            reference = relevant(recorded(lines), context)
        compared = different if takes_snapshot(spec, name) else compare.differences
        found = compared(reference, relevant(decoded(connection, options), context))
        number += 1
        print("# ", end="")
        failed = compare.report(name, found, rules)
        bad += failed
        print(f"{'not ok' if failed else 'ok'} {number} - {name}")
    expected = sorted(REFUSED.read_text("utf-8").split())
    if not names:
        number += 1
        same = sorted(refused) == expected
        bad += not same
        print(f"{'ok' if same else 'not ok'} {number} - refused are the ones that are known to be")
        if not same:
            print(f"# refused: {' '.join(sorted(refused))}")
    print(f"1..{number}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
