#!/usr/bin/python3
"""keys_check.py: does nova have an answer to every key of the real connector?

Takes the keys that keys.txt lists and lets nova-relay read a connector JSON with
that key alone, under a value that is nobody's.  Whatever it says of the value is
an answer; "unknown key" is none.  Speaks TAP, a test per class.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONNECTOR = "io.debezium.connector.postgresql.PostgresConnector"
BASE = {"connector.class": CONNECTOR, "topic.prefix": "t", "database.hostname": "h", "database.user": "u",
        "database.dbname": "d", "bootstrap.servers": "b:1"}
VALUE = "no-such-value"


def config(cls, key):
    """The JSON that gives cls this key, and no other fault."""
    made = dict(BASE)
    if key.startswith("transforms.t."):
        made.update({"transforms": "t", "transforms.t.type": cls})
    elif key.startswith("predicates.p."):
        made.update({"predicates": "p", "predicates.p.type": cls})
    elif cls.endswith("JsonConverter"):
        made["value.converter"] = cls
    made.setdefault(key, VALUE)
    return made


def is_answered(relay, work, cls, key):
    path = work / "key.json"
    path.write_text(json.dumps(config(cls, key)), encoding="utf-8")
    done = subprocess.run([relay, "config", path], capture_output=True, text=True, check=False)
    return "unknown key" not in done.stderr


def main():
    work = Path(os.environ.get("TMPDIR", "/tmp"))
    relay = os.environ["NOVA_RELAY"]
    classes = {}
    for line in (HERE / "keys.txt").read_text("utf-8").split("\n"):
        if line and not line.startswith("#"):
            cls, key = line.split("\t")
            classes.setdefault(cls, []).append(key)
    bad = 0
    for number, (cls, keys) in enumerate(classes.items(), 1):
        unknown = [k for k in keys if not is_answered(relay, work, cls, k)]
        bad += bool(unknown)
        print(f"{'not ok' if unknown else 'ok'} {number} - {cls}: {len(keys)} keys have an answer")
        for key in unknown:
            print(f"# no answer to {key}")
    # The check must be able to fail.
    made_up = is_answered(relay, work, CONNECTOR, "no.such.key")
    print(f"{'not ok' if made_up else 'ok'} {len(classes) + 1} - a key that nobody has is found out")
    print(f"1..{len(classes) + 1}")
    return 1 if bad or made_up else 0


if __name__ == "__main__":
    sys.exit(main())
