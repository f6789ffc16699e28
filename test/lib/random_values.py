#!/usr/bin/python3
"""random_values: what goes in comes out, for random values of every type.

    random_values.py CONNECTION [SEED]

Makes rows of random values and of those at the edges, lets PostgreSQL store
them and the plugin decode them, reads the JSON with Python's parser, turns each
value back into text that PostgreSQL reads, and has the server compare: the
images of the two values where the form is exact, and what the form documents
to keep where it is not (milliseconds, an interval as one number, a double).

The seed is printed, and the same seed gives the same rows; without one it
comes from the clock.  NOVA_ROWS says how many rows.

A column (COLUMNS) has a type and a generator of literals.  How a configuration
shows a column is a Form: from JSON to text, and the comparison in SQL, where o
is the value and b the text; or in Python, from the server's text of the value.
"""

import base64
import json
import os
import random
import re
import struct
import sys
import time
from decimal import Decimal, localcontext

import values
from values import Number

ROWS = int(os.environ.get("NOVA_ROWS", "60"))
DAY_US = 86400 * 10**6

# ---- literals --------------------------------------------------------------


def either(edges, make, rate=0.25):
    return lambda r: r.choice(edges) if r.random() < rate else make(r)


def integer(bits):
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    edges = [str(n) for n in (low, low + 1, -1, 0, 1, high - 1, high)]
    return either(edges, lambda r: str(r.randint(low, high) >> r.randrange(bits)))


def floating(letter, size):
    def make(r):
        v = struct.unpack("<" + letter, r.randbytes(size))[0]
        return repr(v) if v == v else "NaN"

    edges = ["NaN", "Infinity", "-Infinity", "0", "-0", "1", "0.1", "1e15", "1e16", "1e-5", "123456.7", "1e-4", "1e7", "1e22"]
    edges += ["5e-324", "1.7976931348623157e308", "2.2250738585072014e-308", "9007199254740993"] if size == 8 else \
        ["1e-45", "3.4028235e38", "1.17549435e-38", "16777217"]
    return either(edges, make, 0.4)


def digits(r, n):
    return "".join(r.choice("0000123456789" if r.random() < 0.5 else "9") for _ in range(n))


def decimal_text(r):
    whole, fraction = digits(r, r.choice((0, 1, 4, 5, 8, 30))).lstrip("0"), digits(r, r.choice((0, 1, 2, 4, 5, 20)))
    return r.choice(("", "-")) + (whole or "0") + ("." + fraction if fraction else "")


NUMERIC_EDGES = ["NaN", "Infinity", "-Infinity", "0", "0.000", "-0.1", "1.10", "10000", "0.0001", "0.00001", "1e20", "1e-20",
                 "1" + "0" * 131071, "9" * 131072 + "." + "9" * 100, "0." + "0" * 16382 + "1", "-127", "-128", "-129", "127", "128",
                 "255", "256", "-32768", "32768", "18446744073709551616", "-9223372036854775808.5"]


def fixed(whole, fraction):
    """Fits numeric(whole + fraction, fraction)."""
    def make(r):
        return r.choice(("", "-")) + str(r.randrange(10 ** r.randint(0, whole))) + "." + digits(r, fraction)
    return either(["NaN", "0", "-0.01", "1.28", "-1.28", "2.55"], make)


CHARACTERS = [chr(c) for c in range(1, 0x30)] + list('"\\\\/\\uabcXYZ') + list("éßñ漢字עб") + [
    "\x7f", "\x80", "\x9f", "\u2028", "\u2029", "\ufeff", "\ufffd", "\uffff", "\U00010000", "\U0001f600", "\U0010ffff",
    "\\u0000", "\\ud800", "\\n", "</script>", "e\u0301", "\U0001f469\u200d\U0001f467"]


def text(longest):
    def make(r):
        if r.random() < 0.2:
            return "".join(chr(r.randint(32, 126)) for _ in range(r.randint(0, longest)))
        n = r.choice((0, 1, 7, 15, 16, 17, 31, 32, 33, longest))
        return "".join(r.choice(CHARACTERS) for _ in range(min(n, longest)))[:longest]
    return make


def name_text(r):
    s = text(20)(r)
    while len(s.encode()) > 63:
        s = s[:-1]
    return s


def long_text(r):
    n = r.choice((10, 3000, 8191, 8192, 8193, 30000))
    part = text(200)(r) or "x"
    return (part * (n // len(part) + 1))[:n]


def as_bytea(data):
    return "\\x" + data.hex()


def byte_string(r):
    n = r.choice((0, 1, 2, 3, 4, 5, 16, 100, 8189, 8190, 8191, 8192, 20000))
    return as_bytea(r.randbytes(n) if r.random() < 0.7 else (bytes(range(256)) * (n // 256 + 1))[:n])


def json_value(r, depth=0):
    kind = r.randrange(9 if depth < 4 else 6)
    if kind < 2:
        return json_string(r)
    if kind == 2:
        return r.choice(("null", "true", "false"))
    if kind < 6:
        return r.choice((decimal_text(r), "1e400", "-0.0", "1E-7", "123456789012345678901234567890.5", "0", "1e+5"))
    pad = r.choice(("", " ", "\n\t", "\r\n"))
    n = r.randrange(4)
    if kind == 6:
        return "[" + pad + ("," + pad).join(json_value(r, depth + 1) for _ in range(n)) + pad + "]"
    items = (json_string(r) + pad + ":" + pad + json_value(r, depth + 1) for _ in range(n))
    return "{" + pad + ",".join(items) + "}"


def json_string(r):
    return json.dumps(text(17)(r), ensure_ascii=r.random() < 0.5)


def year_text(r, low, high, tail):
    """A date between years; 0 is 1 BC."""
    year = r.choice((low, high, 0, 1, -1, 1969, 1970, 1999, 2000, 9999, 10000)) if r.random() < 0.3 else \
        r.randint(1900, 2100) if r.random() < 0.5 else r.randint(low, high)
    year = min(max(year, low), high)
    era = " BC" if year < 1 else ""
    return f"{1 - year if year < 1 else year:04}-{r.randint(1, 12):02}-{r.randint(1, 28):02}{tail}{era}"


def time_text(r):
    return clock(r.choice((0, 1, DAY_US - 1, 43200 * 10**6)) if r.random() < 0.2 else r.randrange(DAY_US))


def timestamp_text(zone):
    return either(["infinity", "-infinity", "1970-01-01 00:00:00" + zone, "1969-12-31 23:59:59.999999" + zone,
                   "2000-01-01 00:00:00" + zone, "1999-12-31 23:59:59.999999" + zone, "4713-11-24 00:00:00" + zone + " BC",
                   "294276-12-31 23:59:58.4" + zone, "2262-04-11 23:47:16.854775" + zone, "1677-09-21 00:12:43.145225" + zone],
                  lambda r: year_text(r, -4711, 294245, " " + time_text(r) + zone), 0.2)


def timetz_text(r):
    sign, minutes = r.choice("+-"), r.choice((0, 60, 330, 345, r.randrange(15 * 60)))
    return f"{time_text(r)}{sign}{minutes // 60:02}:{minutes % 60:02}" + r.choice(("", "", "", ":01"))


def interval_text(r):
    if r.random() < 0.2:
        return r.choice(("0", "1 year", "-1 mon", "-1 day", "0.000001 sec", "-0.000001 sec", "1 mon -1 day", "-1 mon +1 day -1 sec"))
    return f"{r.randint(-50000, 50000)} mons {r.randint(-10000, 10000)} days {r.randint(-10**13, 10**13)} microseconds"


def bits(low, high):
    return lambda r: "".join(r.choice("01") for _ in range(r.randint(low, high)))


def address(r):
    if r.random() < 0.5:
        return ".".join(str(r.randrange(256)) for _ in range(4)) + r.choice(("", f"/{r.randrange(33)}"))
    return ":".join(f"{r.randrange(65536):x}" for _ in range(8)) + r.choice(("", f"/{r.randrange(129)}"))


def network(r):
    width = r.randrange(33)
    word = r.getrandbits(32) >> (32 - width) << (32 - width)
    return ".".join(str(word >> s & 255) for s in (24, 16, 8, 0)) + f"/{width}"


def mac(n):
    return lambda r: ":".join(f"{r.randrange(256):02x}" for _ in range(n))


def between(make, key=Decimal):
    def literal(r):
        low, high = sorted((make(r), make(r)), key=key)
        return r.choice(("empty", f'["{low}","{high}"]', f'("{low}","{high}")', f'["{low}",)', f'(,"{high}")', "(,)"))
    return literal


def plain_timestamp(r):
    return f"{r.randint(1000, 9999)}-{r.randint(1, 12):02}-{r.randint(1, 28):02} {time_text(r)}"


def coordinate(r):
    return r.choice(("0", "1.5", "-2", "1e300", "0.1")) if r.random() < 0.5 else repr(r.uniform(-1e6, 1e6))


def point_text(r):
    return f"({coordinate(r)},{coordinate(r)})"


def points(r, low, high):
    return ",".join(point_text(r) for _ in range(r.randint(low, high)))


def polygon_text(r):
    corners = points(r, 1, 5)
    return "(" + corners + ("," + corners[:corners.index(")") + 1] if r.random() < 0.3 else "") + ")"


def quoted_item(s):
    return '"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"'


def array(make, missing=0.2, bounds=False):
    """An array literal, of up to three dimensions."""
    def build(r, sizes):
        if sizes:
            return "{" + ",".join(build(r, sizes[1:]) for _ in range(sizes[0])) + "}"
        return "NULL" if r.random() < missing else quoted_item(make(r))

    def literal(r):
        if r.random() < 0.1:
            return "{}"
        sizes = [r.randint(1, 4) for _ in range(r.choice((1, 1, 1, 2, 3)))]
        head = "".join(f"[{low}:{low + n - 1}]" for low, n in ((r.randint(-3, 5), n) for n in sizes)) + "="
        return (head if bounds and r.random() < 0.3 else "") + build(r, sizes)
    return literal


def hstore_text(r):
    pairs = {text(9)(r): r.choice((None, text(17)(r))) for _ in range(r.choice((0, 1, 2, 5, 13, 30)))}
    return hstore_literal(pairs)


def hstore_literal(pairs):
    return ",".join(quoted_item(k) + "=>" + ("NULL" if v is None else quoted_item(v)) for k, v in pairs.items())


def row_literal(fields):
    return "(" + ",".join("" if f is None else '"' + f.replace("\\", "\\\\").replace('"', '""') + '"' for f in fields) + ")"


def row_text(r):
    return row_literal([integer(32)(r), r.choice((None, text(20)(r))), decimal_text(r), array(text(5))(r)])


def word(r):
    return "".join(r.choice("abcXYZ019_") for _ in range(r.randint(1, 8)))


# ---- from JSON back to text ------------------------------------------------


def clock(us):
    return f"{us // 3600000000:02}:{us // 60000000 % 60:02}:{us // 1000000 % 60:02}.{us % 1000000:06}"


def civil(day):
    """Year, month and day of so many days since 1970-01-01."""
    day += 719468
    era, rest = divmod(day, 146097)
    year = (rest - rest // 1460 + rest // 36524 - rest // 146096) // 365
    left = rest - (365 * year + year // 4 - year // 100)
    month = (5 * left + 2) // 153
    return year + era * 400 + (month >= 10), month + 3 if month < 10 else month - 9, left - (153 * month + 2) // 5 + 1


def with_era(year, rest):
    return f"{1 - year:04}{rest} BC" if year < 1 else f"{year:04}{rest}"


def day_text(day):
    year, month, d = civil(day)
    return with_era(year, f"-{month:02}-{d:02}")


def moment_text(us):
    day, left = divmod(us, DAY_US)
    year, month, d = civil(day)
    return with_era(year, f"-{month:02}-{d:02} {clock(left)}")


def number(v):
    if not isinstance(v, Number):
        raise ValueError(f"not a number: {v!r}")
    return int(v)


def plain(v):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, str):
        return v
    raise ValueError(f"neither a number nor a string: {v!r}")


def string(v):
    if isinstance(v, Number) or not isinstance(v, str):
        raise ValueError(f"not a string: {v!r}")
    return v


def number_or_special(v):
    if not isinstance(v, Number) and v not in ("NaN", "Infinity", "-Infinity"):
        raise ValueError(f"not a number: {v!r}")
    return v


def milliseconds(v):
    return moment_text(number(v) * 1000) if isinstance(v, Number) else string(v)


def iso_text(v):
    """PostgreSQL reads neither years before 1 nor a plus sign."""
    sign, year, rest = re.fullmatch(r"([+-]?)(\d{4,})(-\d\d-\d\d.*)", string(v)).groups()
    return with_era(-int(year) if sign == "-" else int(year), rest.replace("T", " ").removesuffix("Z"))


def iso_or_infinite(v):
    return v if v in ("infinity", "-infinity") else iso_text(v)


def sentinels(plus, minus, form):
    """Infinities that Debezium shows as some finite value."""
    return lambda v: {plus: "infinity", minus: "-infinity"}.get(v) or form(v)


def time_of(unit):
    return lambda v: clock(number(v) * unit) if unit >= 1 else clock(number(v) // round(1 / unit))


def moments_of(unit):
    return lambda v: moment_text(number(v) * unit) if unit >= 1 else moment_text(number(v) // round(1 / unit))


def b64(v):
    return base64.b64decode(string(v), validate=True)


def b64_url(v):
    if re.search(r"[+/]", string(v)):
        raise ValueError(f"not the alphabet for URLs: {v!r}")
    return base64.urlsafe_b64decode(v)


def unscaled(scale):
    def form(v):
        with localcontext() as context:
            context.prec = 140000
            return format(Decimal(int.from_bytes(b64(v), "big", signed=True)).scaleb(-scale), "f")
    return form


def scaled(v):
    if set(v) != {"scale", "value"}:
        raise ValueError(f"no decimal: {v!r}")
    return unscaled(number(v["scale"]))(v["value"])


def decimal_name(v):
    return {"NAN": "NaN", "POSITIVE_INFINITY": "Infinity", "NEGATIVE_INFINITY": "-Infinity"}.get(string(v), v)


def array_of(form):
    def build(v):
        if isinstance(v, list):
            return "{" + ",".join(build(item) for item in v) + "}"
        return "NULL" if v is None else quoted_item(form(v))
    return build


def row_of(*forms):
    return lambda v: row_literal([None if f is None else form(f) for form, f in zip(forms, v.values())])


def wkb(v, head):
    data = b64(v["wkb"])
    if data[:5] != head or v["srid"] is not None:
        raise ValueError(f"not the geometry that was expected: {v!r}")
    return data[5:]


def points_of(data):
    return ["(" + ",".join(map(repr, struct.unpack_from("<dd", data, at))) + ")" for at in range(0, len(data), 16)]


def wkb_point(v):
    [point] = points_of(wkb(v, b"\1\1\0\0\0"))
    if point != "(" + ",".join(repr(float(v[c])) for c in "xy") + ")":
        raise ValueError(f"the two forms differ: {v!r}")
    return point


def wkb_line(v):
    data = wkb(v, b"\1\2\0\0\0")
    found = points_of(data[4:])
    if struct.unpack("<I", data[:4])[0] != len(found):
        raise ValueError(f"wrong number of points: {v!r}")
    return "[" + ",".join(found) + "]"


def wkb_path(v):
    shown = wkb_line(v)
    return "(" + shown[1:-1] + ")" if v["extensions"]["closed"] == "true" else shown


def ring(v):
    data = wkb(v, b"\1\3\0\0\0")
    corners = points_of(data[8:])
    if struct.unpack("<II", data[:8]) != (1, len(corners)):
        raise ValueError(f"not one ring of its points: {v!r}")
    return corners


def wkb_box(v):
    corners = ring(v)
    return corners[0] + "," + corners[2]


def polygon_ring(o, raw):
    """A ring ends where it began: the first point comes again, unless the last one is it already."""
    corners = [(float(x), float(y)) for x, y in re.findall(r"\(([^(),]+),([^(),]+)\)", o)]
    if len(corners) > 1 and corners[0] != corners[-1]:
        corners.append(corners[0])
    return ring(values.parse(raw)) == [f"({x!r},{y!r})" for x, y in corners]


def circle_of(v):
    return f"<{wkb_point(v['center'])},{v['radius']}>"


# ---- what a configuration makes of a column ---------------------------------


class Form:
    def __init__(self, text_of, compare="ROW(o)::record *= ROW(b::{type})::record", python=None):
        self.text_of, self.compare, self.python = text_of, compare, python


EXACT = Form(plain)
STRING = Form(string)
NUMBER = Form(number_or_special)
SAME_NUMBER = "o = b::numeric"
AS_TEXT = "o::text = b::{type}::text"
FINITE = "CASE WHEN o IN ('NaN', 'Infinity', '-Infinity') THEN b IS NULL ELSE o = b::numeric END"
TO_MS = "ROW(date_trunc('milliseconds', o))::record *= ROW(b::{type})::record"
BASE64 = Form(lambda v: as_bytea(b64(v)))
UNKNOWN = Form(lambda v: b64(v).decode("utf-8"))
LEFT_OUT = None


def json_text(o, raw):
    return re.sub(r"[\t\n\r]", " ", o) == raw


def double(o, raw):
    v = values.parse(raw)
    return str(float(o)) == str(float(v)) and (isinstance(v, Number) or v in ("NaN", "Infinity", "-Infinity"))


def bit_number(o, raw):
    v = values.parse(raw)
    return int.from_bytes(b64(v), "little") == int(o or "0", 2)


def char_byte(o, raw):
    return values.parse(raw) == o


def timetz_utc(o, raw):
    h, m, s, f, sign, zh, zm, zs = re.fullmatch(r"(\d\d):(\d\d):(\d\d)(?:\.(\d+))?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?", o).groups()
    zone = (int(zh) * 60 + int(zm or 0)) * (1 if sign == "+" else -1)
    us = ((int(h) * 60 + int(m)) * 60 + int(s)) * 10**6 + int((f or "0").ljust(6, "0"))
    if zone:
        us = (us - zone * 60 * 10**6) % DAY_US
    shown = clock(us).rstrip("0").rstrip(".")
    return values.parse(raw) == (None if zs else shown + "Z")


def python(check):
    return Form(None, python=check)


SECONDS = ("b::numeric - ((extract(year FROM o) * 12 + extract(month FROM o)) * 30.4375 * 86400 + extract(day FROM o) * 86400"
           " + extract(hour FROM o) * 3600 + extract(minute FROM o) * 60 + extract(second FROM o)) * 1000000")
INTERVAL_US = Form(plain, f"abs({SECONDS}) <= 1 + 1e-15 * abs(b::numeric)")

NOVA = {
    "numeric": NUMBER, "float": NUMBER, "integer": NUMBER, "bool": EXACT, "string": STRING, "bytes": BASE64,
    "timestamp": Form(milliseconds, TO_MS), "timestamptz": Form(milliseconds, TO_MS), "date": Form(iso_or_infinite),
    "time": STRING, "timetz": STRING, "interval": STRING, "bits": STRING, "bit1": STRING, "json": python(json_text),
    "jsonb": Form(None, "ROW(o)::record *= ROW(b::jsonb)::record"), "char": python(char_byte), "money": Form(plain, "o = b::numeric::money"),
    "hstore": Form(hstore_literal, "o = b::hstore"), "row": Form(row_of(number_or_special, string, number_or_special, array_of(string)), AS_TEXT),
    "point": STRING, "line": STRING, "lseg": STRING, "box": STRING, "path": STRING, "polygon": STRING, "circle": STRING,
    "unknown": STRING, "numbers": Form(array_of(number_or_special)), "strings": Form(array_of(string)), "doubles": Form(array_of(number_or_special)),
    "moments": Form(array_of(milliseconds)), "byteas": Form(array_of(lambda v: as_bytea(b64(v)))),
}
for kind in ("numbers", "strings", "doubles", "moments", "byteas"):
    NOVA[kind].compare = r"regexp_replace(o::text, '^(\[[-0-9:]+\])+=', '') = b::{type}::text"

INFINITE_MS = {Number("9223372036825200000"): "infinity", Number("-9223372036832400000"): "-infinity"}
US = sentinels("9223372036854775807", "-9223372036854775808", moments_of(1))
MS = sentinels("9223372036825200000", "-9223372036832400000", moments_of(1000))
NS = sentinels("9223372036854775807", "-9223372036854775808", moments_of(1 / 1000))
IN_64_BITS = "CASE WHEN isfinite(o) AND o > '294247-01-01' THEN b IS NOT NULL ELSE ROW(o)::record *= ROW(b::{type})::record END"
IN_NANOSECONDS = ("CASE WHEN isfinite(o) AND o NOT BETWEEN '1677-09-21 00:12:43.145225' AND '2262-04-11 23:47:16.854775'"
                  " THEN b IS NULL ELSE ROW(o)::record *= ROW(b::{type})::record END")
NUMERIC_ANY = Form(scaled, FINITE)

DEBEZIUM = {
    **NOVA, "numeric": NUMERIC_ANY, "float": NUMBER, "date": Form(sentinels("2146033979", "-2147472691", lambda v: day_text(number(v)))),
    "time": Form(time_of(1)), "time3": Form(time_of(1000)), "timestamp": Form(US, IN_64_BITS), "timestamp3": Form(MS),
    "timestamptz": Form(iso_or_infinite), "timetz": python(timetz_utc), "interval": INTERVAL_US, "bits": python(bit_number),
    "bit1": Form(lambda v: "01"[v]), "json": python(lambda o, raw: values.parse(raw) == o), "jsonb": python(lambda o, raw: values.parse(raw) == o),
    "money": Form(unscaled(2), "o = b::numeric::money"), "hstore": Form(lambda v: hstore_literal(values.parse(string(v))), "o = b::hstore"),
    "row": Form(UNKNOWN.text_of, AS_TEXT), "point": Form(wkb_point), "line": Form(lambda v: "{%s,%s,%s}" % (v["a"], v["b"], v["c"])), "lseg": Form(wkb_line),
    "box": Form(wkb_box), "path": Form(wkb_path), "polygon": Form(None, python=polygon_ring), "circle": Form(circle_of), "unknown": UNKNOWN,
    "numbers": Form(array_of(scaled), r"regexp_replace(o::text, '^(\[[-0-9:]+\])+=', '')::{type} = b::{type}"),
    "moments": Form(array_of(iso_or_infinite)), "byteas": Form(array_of(lambda v: as_bytea(b64(v)))),
}
for kind in ("strings", "doubles", "moments", "byteas"):
    DEBEZIUM[kind] = Form(DEBEZIUM[kind].text_of, NOVA["strings"].compare)


def debezium(options, forms):
    merged = dict(DEBEZIUM)
    merged.update(forms)
    return ["profile=debezium", "include.unknown.datatypes=true", *options], merged


HSTORE_MAP = Form(hstore_literal, "o = b::hstore")
DOUBLES = {"numeric": python(double), "numbers": LEFT_OUT, "money": Form(plain, "o::numeric::float8 = b::float8")}
CONFIGS = {
    "nova": ([], NOVA),
    "debezium": debezium([], {}),
    "connect, string, base64, string, map": debezium(
        ["time.precision.mode=connect", "decimal.handling.mode=string", "binary.handling.mode=base64", "interval.handling.mode=string",
         "hstore.handling.mode=map"],
        {"time": Form(time_of(1000), "CASE WHEN o = '24:00' THEN b::time = o ELSE date_trunc('milliseconds', o::interval) = b::interval END"),
         "timestamp": Form(MS, TO_MS), "numeric": Form(decimal_name, SAME_NUMBER), "numbers": Form(array_of(decimal_name), DEBEZIUM["numbers"].compare),
         "money": Form(string, "o = b::numeric::money"), "interval": STRING, "hstore": HSTORE_MAP}),
    "isostring, numeric, hex": debezium(
        ["time.precision.mode=isostring", "decimal.format=numeric", "binary.handling.mode=hex"],
        {"time": Form(lambda v: string(v).removesuffix("Z"), "ROW(o)::record *= ROW(b::{type})::record OR (o = '24:00' AND b = '00:00:00')"),
         "time3": Form(lambda v: string(v).removesuffix("Z"), "ROW(o)::record *= ROW(b::{type})::record OR (o = '24:00' AND b = '00:00:00')"),
         "date": Form(sentinels("+5877611-06-21Z", "-5877611-06-22Z", iso_text)),
         "timestamp": Form(sentinels("+292278994-08-16T23:00:00Z", "-292275055-05-16T23:00:00Z", iso_text)),
         "timestamp3": Form(sentinels("+292278994-08-16T23:00:00Z", "-292275055-05-16T23:00:00Z", iso_text)),
         "bytes": Form(lambda v: "\\x" + string(v)), "byteas": Form(array_of(lambda v: "\\x" + string(v)), NOVA["strings"].compare),
         "scaled": Form(number_or_special, FINITE), "money": Form(plain, "o = b::numeric::money"), "row": Form(lambda v: bytes.fromhex(v).decode(), AS_TEXT),
         "unknown": Form(lambda v: bytes.fromhex(v).decode())}),
    "microseconds, double, base64 for URLs": debezium(
        ["time.precision.mode=microseconds", "decimal.handling.mode=double", "binary.handling.mode=base64-url-safe"],
        {**DOUBLES, "time3": Form(time_of(1)), "timestamp3": Form(US, IN_64_BITS), "bytes": Form(lambda v: as_bytea(b64_url(v))),
         "byteas": Form(array_of(lambda v: as_bytea(b64_url(v))), NOVA["strings"].compare)}),
    "nanoseconds": debezium(
        ["time.precision.mode=nanoseconds"],
        {"time": Form(time_of(1 / 1000)), "time3": Form(time_of(1 / 1000)), "timestamp": Form(NS, IN_NANOSECONDS),
         "timestamp3": Form(NS, IN_NANOSECONDS)}),
    "adaptive_time_microseconds": debezium(["time.precision.mode=adaptive_time_microseconds"], {"time3": Form(time_of(1))}),
}
for _, forms in CONFIGS.values():
    forms.setdefault("time3", forms["time"])
    forms.setdefault("timestamp3", forms["timestamp"])

# type, how it shows (a key of the forms), literals
COLUMNS = [
    ("bool", "bool", lambda r: r.choice("tf")), ("int2", "integer", integer(16)), ("int4", "integer", integer(32)),
    ("int8", "integer", integer(64)), ("oid", "integer", lambda r: str(r.getrandbits(32))), ("float4", "float", floating("f", 4)),
    ("float8", "float", floating("d", 8)), ("numeric", "numeric", either(NUMERIC_EDGES, decimal_text)),
    ("numeric(12,4)", "scaled 4", fixed(8, 4)), ("numeric(40,0)", "scaled 0", fixed(40, 0)),
    ("numeric(5,-2)", "scaled 2046", lambda r: str(r.randint(-9999900, 9999900))), ("numeric(2,4)", "scaled 4", lambda r: "0.00" + digits(r, 2)),
    ("d_numeric", "scaled 2", fixed(3, 2)),
    ("money", "money", either(["92233720368547758.07", "-92233720368547758.08", "0", "-0.01"], lambda r: str(Decimal(r.randint(-10**9, 10**9)) / 100))),
    ("text", "string", text(100)), ("varchar(20)", "string", text(20)), ("char(8)", "string", lambda r: text(8)(r)), ("name", "string", name_text),
    ('"char"', "char", lambda r: chr(r.randint(1, 127))), ("citext", "string", text(30)), ("mood", "string", lambda r: r.choice(MOODS)),
    ("uuid", "string", lambda r: r.randbytes(16).hex()), ("json", "json", json_value), ("jsonb", "jsonb", json_value),
    ("xml", "string", lambda r: "<a>" + re.sub(r"[\x01-\x08\x0b\x0c\x0e-\x1f\r&<>\uffff\x7f-\x9f]", ".", text(30)(r)) + "</a>"),
    ("bytea", "bytes", byte_string), ("bit(1)", "bit1", bits(1, 1)), ("bit(13)", "bits", bits(13, 13)), ("varbit", "bits", bits(0, 70)),
    ("date", "date", either(["infinity", "-infinity", "5874897-12-31", "4713-11-24 BC", "1970-01-01"], lambda r: year_text(r, -4711, 5874896, ""))),
    ("time", "time", either(["24:00:00", "00:00", "23:59:59.999999"], time_text)), ("time(3)", "time3", time_text), ("timetz", "timetz", timetz_text),
    ("timestamp", "timestamp", timestamp_text("")), ("timestamp(3)", "timestamp3", timestamp_text("")),
    ("timestamptz", "timestamptz", timestamp_text("+00")), ("timestamptz(2)", "timestamptz", timestamp_text("+00")),
    ("interval", "interval", interval_text), ("inet", "string", address), ("cidr", "string", network), ("macaddr", "string", mac(6)),
    ("macaddr8", "string", mac(8)), ("int4range", "string", between(lambda r: str(r.randint(-10**6, 10**6)))),
    ("numrange", "string", between(lambda r: decimal_text(r))), ("tsrange", "string", between(plain_timestamp, str)),
    ("tstzrange", "string", between(lambda r: plain_timestamp(r) + "+00", str)),
    ("int8multirange", "unknown", lambda r: "{" + between(lambda r: str(r.randint(-10**9, 10**9)))(r).replace("empty", "") + "}"),
    ("point", "point", point_text), ("line", "line", lambda r: f"{{{r.randint(1, 9)},{coordinate(r)},{coordinate(r)}}}"),
    ("lseg", "lseg", lambda r: "[" + points(r, 2, 2) + "]"), ("box", "box", lambda r: points(r, 2, 2)),
    ("path", "path", lambda r: r.choice(("[%s]", "(%s)")) % points(r, 1, 5)), ("polygon", "polygon", polygon_text),
    ("circle", "circle", lambda r: f"<{point_text(r)},{abs(float(coordinate(r)))}>"),
    ("tsvector", "string", lambda r: " ".join(f"{word(r)}:{r.randint(1, 99)}{r.choice('ABCD')}" for _ in range(r.randint(0, 5)))),
    ("ltree", "string", lambda r: ".".join(word(r) for _ in range(r.randint(0, 5)))), ("hstore", "hstore", hstore_text),
    ("int8[]", "integers", array(integer(64), bounds=True)), ("text[]", "strings", array(text(20), bounds=True)), ("mood[]", "strings", array(lambda r: r.choice(MOODS))),
    ("numeric[]", "numbers", array(decimal_text)), ("float8[]", "doubles", array(floating("d", 8))),
    ("timestamptz[]", "moments", array(lambda r: plain_timestamp(r)[:-3] + "+00")), ("bytea[]", "byteas", array(lambda r: as_bytea(r.randbytes(r.randint(0, 9))))),
    ("row_type", "row", row_text), ("row_type[]", "rows", array(row_text)), ("pg_lsn", "unknown", lambda r: f"{r.getrandbits(32):X}/{r.getrandbits(32):X}"),
    ("xid", "unknown", lambda r: str(r.getrandbits(32))), ("tid", "unknown", lambda r: f"({r.getrandbits(32)},{r.getrandbits(16)})"),
    ("xid8", "unknown", lambda r: str(r.getrandbits(64))), ("text STORAGE external", "string", long_text), ("text COMPRESSION pglz", "string", long_text),
    ("text COMPRESSION lz4", "string", long_text), ("bytea STORAGE external", "bytes", byte_string),
    ("jsonb STORAGE external", "jsonb", lambda r: json.dumps([long_text(r), 10**40])),
]
MOODS = ["sad", "ok", 'it\'s "fine"', "glücklich", "a\\b"]


def form_of(forms, kind):
    """numeric(p,s) is its unscaled number where plain numeric has a struct; arrays of what is text or not known."""
    if kind.startswith("scaled"):
        if "scaled" in forms:
            return forms["scaled"]
        if forms["numeric"] is NUMERIC_ANY:
            return Form(unscaled(int(kind[7:])), FINITE)
        return forms["numeric"]
    if kind == "integers":
        return Form(array_of(number_or_special), NOVA["strings"].compare)
    if kind == "rows":
        return Form(array_of(forms["row"].text_of), NOVA["strings"].compare)
    return forms[kind]


def columns(server):
    """Of the list, what this server has, as [(name, type, kind, literals)]."""
    has = server.rows("SELECT current_setting('server_version_num')::int AS version, "
                      "(SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression') AS lz4")[0]
    for i, (kind_of_type, kind, make) in enumerate(COLUMNS):
        if "lz4" in kind_of_type and not has["lz4"] or kind_of_type in ("numeric(5,-2)", "numeric(2,4)") and has["version"] < 150000:
            continue
        yield f"c{i} {kind_of_type}", kind_of_type, kind, make


def identifier(name):
    return '"' + name.replace('"', '""') + '"'


def storage(name, kind_of_type):
    return f"ALTER TABLE v ALTER {identifier(name)} SET STORAGE external;" if "STORAGE" in kind_of_type else ""


def csv(field):
    return "" if field is None else '"' + field.replace('"', '""') + '"'


def copy(table, rows):
    return f"COPY {table} FROM STDIN (FORMAT csv);\n" + "\n".join(",".join(map(csv, row)) for row in rows) + "\n\\.\n"


SETTINGS = "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET synchronous_commit = on; SET client_min_messages = warning; SET jit = off;\n"


def prepare(server, cols, r):
    declared = ", ".join(identifier(n) + " " + t.replace(" STORAGE external", "") for n, t, _, _ in cols)
    server.run(SETTINGS + "CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;"
               f"CREATE TYPE mood AS ENUM ({', '.join(map(values.quoted, MOODS))});"
               "CREATE DOMAIN d_numeric AS numeric(5, 2); CREATE TYPE row_type AS (a int, b text, c numeric, d text[]);"
               f"CREATE TABLE v (id int PRIMARY KEY, {declared});" + "".join(storage(n, t) for n, t, _, _ in cols))
    server.run("SELECT pg_create_logical_replication_slot('random', 'nova_decoder')")
    rows = [[str(i)] + [None if r.random() < 0.05 else make(r) for _, _, _, make in cols] for i in range(ROWS)]
    server.run(SETTINGS + copy("v", rows))


class Checked:
    """A column under a configuration: text for the server, or a verdict at once."""

    def __init__(self, col, form):
        self.name, self.type, self.form, self.kind = col[0], col[1].split(" ")[0], form, col[2]
        self.back, self.wrong = {}, []

    def take(self, row, raw, original):
        try:
            value = values.parse(raw, values.LENIENT)
            if self.form.python:
                if not (raw == "null" if original is None else self.form.python(original, raw)):
                    self.wrong.append(f"row {row}: {original} is shown as {raw}")
            elif self.kind == "jsonb" and self.form.text_of is None:
                self.back[row] = None if original is None and raw == "null" else raw
            elif value is not None:
                self.back[row] = self.form.text_of(value)
        except (ValueError, TypeError, KeyError, AttributeError) as bad:
            self.wrong.append(f"row {row}: {original} is shown as {raw}: {bad!r}")

    def query(self, i):
        compare = self.form.compare.replace("{type}", self.type)
        column = "v." + identifier(self.name)
        return f"""SELECT {i} AS col, x.id, left(x.o::text, 200) AS o, left(x.b, 200) AS b
            FROM (SELECT v.id, {column} AS o, back.b FROM v LEFT JOIN back ON back.id = v.id AND back.col = {i}) x
            WHERE NOT (SELECT CASE WHEN o IS NULL THEN b IS NULL ELSE coalesce({compare}, false) END FROM (SELECT x.o, x.b) y)"""


def check(server, tap, config, cols, originals):
    options, forms = CONFIGS[config]
    checked = [Checked(c, form_of(forms, c[2])) for c in cols if form_of(forms, c[2])]
    records = server.peek("random", ["add.fields=op", *options])
    for record in records:
        shown = dict(values.members(record["value"]))
        row = int(shown["id"])
        for c in checked:
            c.take(row, shown.get(c.name, '"left out"'), originals[row][c.name])
    compared = [(i, c) for i, c in enumerate(checked) if not c.form.python]
    rows = [(str(row), str(i), b) for i, c in compared for row, b in c.back.items()]
    script = SETTINGS + "CREATE TEMP TABLE back (id int, col int, b text);" + copy("back", rows) + "ANALYZE back;"
    for bad in server.rows(" UNION ALL ".join(c.query(i) for i, c in compared), script):
        checked[bad["col"]].wrong.append(f"row {bad['id']}: {bad['o']} came back as {bad['b']}")
    tap.ok(len(records) == ROWS, f"{config}: every row is there")
    for c in checked:
        tap.ok(not c.wrong, f"{config}: {c.type} ({c.name})", *c.wrong[:5])


def main():
    sys.set_int_max_str_digits(0)
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns() % 10**9
    print(f"# seed {seed}, {ROWS} rows", flush=True)
    server, tap = values.Server(sys.argv[1]), values.Tap()
    cols = list(columns(server))
    prepare(server, cols, random.Random(seed))
    texts = ", ".join(f"{identifier(n)}::text AS {identifier(n)}" for n, _, _, _ in cols)
    originals = {row.pop("id"): row for row in server.rows(f"SELECT id, {texts} FROM v")}
    for config in CONFIGS:
        check(server, tap, config, cols, originals)
    server.run("SELECT pg_drop_replication_slot('random')")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
