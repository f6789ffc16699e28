#!/usr/bin/python3
"""compare.py: are the records of two topic prefixes the same?

    compare.py --bootstrap HOST:PORT [--mask GROUP]… [--allowed FILE]
               [--name CONFIG] REFERENCE_PREFIX OTHER_PREFIX

Reads both fully and compares topic by topic and key by key: the same keys,
for each the same records in the same order, each with the same bytes, in the
same partition, with the same headers in the same order.  Prints a line per
topic and field that differ, with an example, and then how many there are.  Exit status 1 if there are others than
those that FILE allows.

--mask says what may differ without notice; the groups are those of MASKS in
records.py.  Default: clock.  Given once, it replaces the default.

FILE holds a line per allowed difference, "#" starts a comment:
    CONFIG TOPIC KIND FIELD
patterns (* and ?) for the name of the configuration, the topic with PREFIX in
it, the kind (topic, records, partition, value, header) and the field of the
value or the header.  Each line should say why in a comment.

Trap: where one side has more records of a key than the other, the last ones
are compared with the last ones.  What has no order is said in records.py.
"""

import argparse
import sys
from fnmatch import fnmatchcase
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import records  # noqa: E402

DEFAULT_MASK = ("clock",)
SHOWN_CHARS = 160
SHOWN_LINES = 60
ABSENT = "(absent)"


def shown(text):
    if text is None:
        return "(null)"
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + f"… ({len(text)})"


def by_key(found):
    """{topic: {key: [record]}}, in the order of the partition."""
    topics = {}
    for record in found:
        keys = topics.setdefault(record["topic"], {})
        keys.setdefault(record["key"], []).append(record)
    return topics


def fields(left, right):
    """(name, left, right) of what differs in two values; nested ones dotted."""
    if not (left and right and left[0] == right[0] and left[0] in "{["):
        return [("", left, right)]
    try:
        a, b = records.parts(left), records.parts(right)
    except (ValueError, TypeError, KeyError):
        return [("", left, right)]
    if list(a) != list(b) and set(a) == set(b):
        return [("(order)", ",".join(a), ",".join(b))]
    out = []
    for name in dict.fromkeys([*a, *b]):
        x, y = a.get(name, ABSENT), b.get(name, ABSENT)
        if x != y:
            out += [(".".join(filter(None, (name, sub))), l, r) for sub, l, r in fields(x, y)]
    return out


def record_differences(topic, key, left, right):
    where = f"{topic} {shown(key)}"
    if left["partition"] != right["partition"]:
        yield topic, "partition", "", f"{where}: {left['partition']} ≠ {right['partition']}"
    if left["value"] != right["value"]:
        for name, a, b in fields(left["value"], right["value"]):
            yield topic, "value", name, f"{where} {name}: {shown(a)} ≠ {shown(b)}"
    names = list(dict.fromkeys(n for n, _ in left["headers"] + right["headers"]))
    for name in names:
        a, b = ([v for n, v in side["headers"] if n == name] for side in (left, right))
        if a != b:
            yield topic, "header", name, f"{where} header {name}: {shown(str(a))} ≠ {shown(str(b))}"
    order = [[n for n, _ in side["headers"]] for side in (left, right)]
    if order[0] != order[1] and sorted(order[0]) == sorted(order[1]):
        yield topic, "header", "(order)", f"{where} headers: {order[0]} ≠ {order[1]}"


def differences(reference, other):
    """[(topic, kind, field, text)] between two results of Topics.of()."""
    left, right = by_key(reference), by_key(other)
    out = []
    for topic in sorted(set(left) | set(right)):
        if topic not in left or topic not in right:
            out.append((topic, "topic", "", f"{topic}: only in the "
                        + ("reference" if topic in left else "other")))
            continue
        for key in dict.fromkeys([*left[topic], *right[topic]]):
            a, b = left[topic].get(key, []), right[topic].get(key, [])
            if len(a) != len(b):
                out.append((topic, "records", "", f"{topic} {shown(key)}: {len(a)} ≠ {len(b)} records"))
            # From the end: what is most often missing is a snapshot's row.
            for x, y in reversed(list(zip(reversed(a), reversed(b)))):
                out += record_differences(topic, key, x, y)
    return out


def allowed_list(path):
    rules = []
    for number, line in enumerate(Path(path).read_text("utf-8").split("\n"), 1):
        words = line.split("#")[0].split()
        if words and len(words) != 4:
            raise SystemExit(f"compare: {path}:{number}: not CONFIG TOPIC KIND FIELD")
        if words:
            rules.append(words)
    return rules


def report(name, found, rules):
    """Prints what differs; 1 if something is not allowed, else 0."""
    def is_allowed(difference):
        subject = (name, *difference[:3])
        return any(all(fnmatchcase(s, p) for s, p in zip(subject, rule)) for rule in rules)
    bad = [d for d in found if not is_allowed(d)]
    same = {}
    for topic, kind, field, text in bad:
        same.setdefault((topic, kind, field), []).append(text)
    for (_, kind, _), texts in list(same.items())[:SHOWN_LINES]:
        more = f" (and {len(texts) - 1} like it)" if len(texts) > 1 else ""
        print(f"{name}: {kind}: {texts[0]}{more}")
    if len(same) > SHOWN_LINES:
        print(f"{name}: … and {len(same) - SHOWN_LINES} more kinds")
    print(f"{name}: {len(bad)} differences, {len(found) - len(bad)} allowed")
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--mask", action="append", choices=list(records.MASKS))
    parser.add_argument("--allowed")
    parser.add_argument("--name", default="")
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("prefixes", nargs=2, metavar="PREFIX")
    args = parser.parse_args()
    topics = records.Topics(args.bootstrap, args.timeout)
    topics.read_to_end()
    groups = tuple(args.mask or DEFAULT_MASK)
    sides = [topics.of(prefix, groups) for prefix in args.prefixes]
    if not all(sides):
        raise SystemExit("compare: no records of " + args.prefixes[not sides[1]])
    return report(args.name, differences(*sides), allowed_list(args.allowed) if args.allowed else [])


if __name__ == "__main__":
    sys.exit(main())
