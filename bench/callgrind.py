"""callgrind: what its files say, by object.

    costs = read(file)
    costs.of("nova_decoder.so")     instructions of that object's own code
    costs.calls("nova_decoder.so")  calls of that object's code into others

An object is named by the end of its path.  Only "Ir" is expected to be counted.
"""

import re

NAMED = re.compile(r"(c?ob)=\((\d+)\)(?: (.*))?")


class Costs:
    def __init__(self):
        self.instructions, self.called = {}, {}

    def of(self, name):
        return sum(n for path, n in self.instructions.items() if path.endswith("/" + name))

    def calls(self, name):
        return sum(n for (caller, callee), n in self.called.items() if caller.endswith("/" + name) and callee != caller)


def read(path):
    """Numbers stand for names that came before; the line behind "calls=" is the callee's, counted there."""
    costs, names = Costs(), {}
    here = callee = ""
    skip = False
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            found = NAMED.match(line)
            if found:
                kind, number, name = found.groups()
                names.setdefault(number, name)
                if kind == "ob":
                    here = names[number]
                else:
                    callee = names[number]
            elif line.startswith("calls="):
                pair = here, callee or here
                costs.called[pair] = costs.called.get(pair, 0) + int(line[6:].split()[0])
                callee, skip = "", True
            elif line[0] in "0123456789+-*":
                if not skip:
                    costs.instructions[here] = costs.instructions.get(here, 0) + int(line.split()[1])
                skip = False
    return costs
