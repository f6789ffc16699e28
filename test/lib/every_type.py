#!/usr/bin/python3
"""every_type: no type of pg_type is forgotten.

    every_type.py CONNECTION           run the test: TAP
    every_type.py CONNECTION --learn   print every_type.tsv as it would be now

Walks pg_type and writes, for each type that a column can have, one value of
it: alone, in an array, as a domain, in a composite, in a range and a multirange
over it.  every_type.tsv has a line per type: its name, a literal, and what the
literal becomes in the nova profile, in the debezium profile with unknown types
shown, and what Debezium does with arrays of it.  That list is reviewed by
people; a type that it does not have fails the test by name, so that a new
server's types cannot slip through.

A literal "-" says that values of the type cannot be made; that is tested, too.
"""

import sys
from pathlib import Path

import values

TABLE = Path(__file__).resolve().with_name("every_type.tsv")
FORMS = ("v", "a", "d", "da", "c", "ca")
MODES = {"nova": [], "debezium": ["profile=debezium"],
         "unknown": ["profile=debezium", "include.unknown.datatypes=true"]}

# Everything a column of a user's table can be; true arrays come with their elements.
WALK = """
SELECT t.typname AS name, t.typtype AS kind, t.typarray <> 0 AS has_array,
       t.typtype IN ('b', 'd') AND EXISTS (
           SELECT FROM pg_opclass c JOIN pg_am m ON m.oid = c.opcmethod
           WHERE m.amname = 'btree' AND c.opcdefault AND c.opcintype = t.oid) AS ordered
FROM pg_type t
WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype NOT IN ('p', 'c')
      AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
ORDER BY t.typname"""


def read_table():
    lines = TABLE.read_text("utf-8").split("\n")
    return {f[0]: f[1:] for f in (line.split("\t") for line in lines) if len(f) > 1}


def cannot_be_made(server, name):
    """Does the server itself refuse to read a value?"""
    try:
        server.run(f"SELECT 'x'::pg_catalog.{name}")
    except RuntimeError as refusal:
        return "cannot accept a value of type" in str(refusal) or "not implemented" in str(refusal)
    return False


def script(types, table):
    """Tables with all forms of each type, and a row in each."""
    out = ["SET timezone = 'UTC'; SET datestyle = 'ISO'; SET synchronous_commit = on;"]
    for t in types:
        name, literal = f'pg_catalog."{t["name"]}"', values.quoted(table[t["name"]][0]) + "::text"
        n = "e_" + t["name"]
        out.append(f"""
            CREATE DOMAIN "d_{n}" AS {name};
            CREATE TYPE "c_{n}" AS (f {name}, a {name}[]);
            CREATE TABLE "{n}" (id int PRIMARY KEY, v {name}, a {name}[], d "d_{n}", da "d_{n}"[], c "c_{n}", ca "c_{n}"[]);""")
        if t["ordered"]:
            out.append(f"""
            CREATE TYPE "r_{n}" AS RANGE (subtype = {name}, multirange_type_name = "m_{n}");
            ALTER TABLE "{n}" ADD r "r_{n}", ADD m "m_{n}", ADD ra "r_{n}"[];""")
        out.append(f"""
            CREATE FUNCTION "fill_{n}"() RETURNS void LANGUAGE sql AS $fill$
                INSERT INTO "{n}" (id, v, a, d, da, c, ca)
                SELECT 1, x, ARRAY[x, NULL, x], x, ARRAY[x::"d_{n}"], ROW(x, ARRAY[x, NULL])::"c_{n}", ARRAY[ROW(x, NULL)::"c_{n}", NULL]
                FROM (SELECT {literal}::{name} AS x) l $fill$;""")
        if t["ordered"]:
            out.append(f"""
            CREATE FUNCTION "fill_r_{n}"() RETURNS void LANGUAGE sql AS $fill$
                UPDATE "{n}" SET r = "r_{n}"(v, NULL), m = "m_{n}"("r_{n}"(v, NULL)), ra = ARRAY["r_{n}"(NULL, v), 'empty'] $fill$;""")
    return "\n".join(out)


def fill(types):
    out = ["SET timezone = 'UTC'; SET datestyle = 'ISO'; SET bytea_output = hex;"]
    for t in types:
        out.append(f'SELECT "fill_e_{t["name"]}"();')
        if t["ordered"]:
            out.append(f'SELECT "fill_r_e_{t["name"]}"();')
    return "\n".join(out)


def decoded(server):
    """{mode: {type: {form: raw JSON}}} of each type's last record."""
    out = {}
    for mode, options in MODES.items():
        found = out[mode] = {}
        for record in server.peek("every", options):
            value = record["value"]
            values.parse(value, values.LENIENT)
            topic = values.parse(record["topic"])
            found[topic.removeprefix("public.e_")] = dict(values.members(value))
    return out


def server_text(server, name, form):
    """The type's text under the settings that the plugin promises."""
    return server.rows(f"""SELECT "{form}"::text AS text FROM "e_{name}" """)[0]["text"]


def learn(found, types, table):
    for t in types:
        name = t["name"]
        if table[name][0] == "-":
            print(f"{name}\t-\t-\t-\t-")
            continue
        shown = found["debezium"].get(name, {})
        print("\t".join([name, table[name][0], found["nova"][name]["v"], found["unknown"][name].get("v", "left out"),
                         "known" if "v" in shown else "unknown", "array" if "a" in shown else "left out"]))


def check_nova(tap, server, t, got, expected):
    name, v = t["name"], got["v"]
    tap.ok(v == expected, f"nova: {name}", v, expected)
    forms = {"a": f"[{v},null,{v}]", "d": v, "da": f"[{v}]", "c": f'{{"f":{v},"a":[{v},null]}}',
             "ca": f'[{{"f":{v},"a":null}},null]'}
    wrong = [f"{form}: {got[form]} is not {want}" for form, want in forms.items() if got[form] != want]
    tap.ok(not wrong, f"nova: {name} within others", *wrong)
    if t["ordered"]:
        texts = {form: values.parse(got[form]) for form in ("r", "m")}
        wrong = [f"{form}: {texts[form]} is not {server_text(server, name, form)}" for form in texts
                 if texts[form] != server_text(server, name, form)]
        tap.ok(not wrong and len(values.parse(got["ra"])) == 2, f"nova: ranges of {name}", *wrong)


def check_debezium(tap, t, plain, unknown, expected):
    name = t["name"]
    want, known, array = expected
    v = unknown.get("v", "left out")
    tap.ok(v == want, f"debezium: {name}", v, want)
    tap.ok(("v" in plain) == (known == "known") and plain.get("v", v) == v,
           f"debezium: {name} is {known}", plain.get("v", "left out"))
    tap.ok(("a" in plain) == (array == "array"), f"debezium: arrays of {name} are: {array}")
    # what Debezium writes within an array is what it writes alone
    inside = [unknown.get(f, want) for f, want in (("a", f"[{v},null,{v}]"), ("d", v))]
    tap.ok(inside == [f"[{v},null,{v}]", v], f"debezium: {name} within others", *inside)


def main():
    server, tap = values.Server(sys.argv[1]), values.Tap()
    walked, table = server.rows(WALK), read_table()
    types = []
    for t in walked:
        if t["name"] not in table:
            tap.ok(False, f"{t['name']} is not in every_type.tsv")
        elif table[t["name"]][0] == "-":
            tap.ok(cannot_be_made(server, t["name"]), f"{t['name']} has no values of its own")
        else:
            types.append(t)
    server.run("SELECT pg_create_logical_replication_slot('every', 'nova_decoder')")
    server.run(script(types, table))
    server.run("SELECT pg_replication_slot_advance('every', pg_current_wal_lsn())")
    server.run(fill(types))
    found = decoded(server)
    if "--learn" in sys.argv:
        learn(found, walked, table)
        return 0
    for t in types:
        name = t["name"]
        check_nova(tap, server, t, found["nova"][name], table[name][1])
        check_debezium(tap, t, found["debezium"].get(name, {}), found["unknown"].get(name, {}), table[name][2:])
    tap.ok(len(types) > 70, "types were walked")
    server.run("SELECT pg_drop_replication_slot('every')")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
