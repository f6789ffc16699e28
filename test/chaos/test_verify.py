#!/usr/bin/python3
"""test_verify: does verify.py see what is wrong?  Speaks TAP.

Each case is a sequence of records of one key as a reader gets them: "c1" is the
insert that is change 1, "u2" an update, "d3" a delete, "t" a tombstone.  What
the ledger has is c1 u2 d3 c4 u5, unless the case says otherwise.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import verify  # noqa: E402

KEY = {"id": 7}
ROW = {"id": 7, "ver": 5, "n": 50}
WHOLE = "c1 u2 d3 t c4 u5"

CASES = [
    # name, records, what must be found: words of the first complaints
    ("all there", WHOLE, []),
    ("a suffix is replayed", "c1 u2 d3 t c4 u2 d3 t c4 u5", []),
    ("two replays, one cut off", "c1 u2 c1 u2 d3 c1 u2 d3 t c4 u5 u5", []),
    ("a change is missing", "c1 d3 t c4 u5", ["change 3 says that it is 4"]),
    ("the first is missing", "u2 d3 t c4 u5", ["change 1 says that it is 2"]),
    ("the last is missing", "c1 u2 d3 t c4", ["the changes cudc, cudcu were made", "n is 40"]),
    ("two are exchanged", "c1 u2 d3 t u5 c4", ["change 4 says that it is 5"]),
    ("a replay leaves something out", "c1 u2 d3 t c4 c1 d3 t c4 u5",
     ["a replay goes from change 1 to 3"]),
    ("a replay leaps to what is new", "c1 u2 d3 t c4 c1 u5", ["change 5 follows 1"]),
    ("a replay at the end that stops half way", "c1 u2 d3 t c4 u5 d3 t c4", ["n is 40"]),
    ("no tombstone", "c1 u2 d3 c4 u5", ["no tombstone behind change 3"]),
    ("a tombstone too many", "c1 u2 t d3 t c4 u5", ["does not follow a delete"]),
    ("other bytes the second time", "c1 u2 u2* d3 t c4 u5", ["change 2 came again with other"]),
    ("two partitions", "c1 u2 d3 t c4 u5@1", ["in the partitions 0 and 1"]),
    ("nothing at all", "", ["the changes none, cudcu were made", "the topic says None"]),
    ("not a change", WHOLE + " u6", ["the changes cudcuu, cudcu were made", "n is 60"]),
]


def record(word):
    """The record that a word of a case stands for."""
    word, _, partition = word.partition("@")
    result = {"key": json.dumps(KEY), "partition": int(partition or 0), "value": None}
    if word == "t":
        return result
    number = int(word[1:].rstrip("*"))
    value = {"id": 7, "__op": word[0], "__lsn": 1000 + number}
    if word[0] != "d":
        value.update(ver=number, n=10 * number)
    if word.endswith("*"):
        value["n"] += 1
    result["value"] = json.dumps(value)
    return result


def complaints(words, want):
    fold = verify.Fold()
    for word in words.split():
        fold.take("single", record(word))
    fold.compare(want)
    return fold.order + fold.state


def check(number, name, found, wanted):
    good = len(found) >= len(wanted) and all(any(w in f for f in found) for w in wanted)
    good = good and (bool(found) == bool(wanted))
    print(f"{'ok' if good else 'not ok'} {number} - verify.py: {name}")
    if not good:
        print(f"# found {found}")


def main():
    want = {"table": "single", "key": KEY, "ops": "cudcu", "row": ROW}
    number = 0
    for number, (name, words, wanted) in enumerate(CASES, 1):
        check(number, name, complaints(words, want), wanted)
    gone = dict(want, ops="cud", row=None)
    check(number + 1, "a row that is gone", complaints("c1 u2 d3 t", gone), [])
    check(number + 2, "gone in the table only", complaints("c1 u2", gone),
          ["the changes cu, cud were made", "the table None"])
    check(number + 3, "no tombstone at the end", complaints("c1 u2 d3", gone),
          ["no tombstone at the end"])
    print(f"1..{number + 3}")


if __name__ == "__main__":
    main()
