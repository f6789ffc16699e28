#!/usr/bin/python3
"""page.py BASE CONNECTION PREFIX: the relay's page in a headless Chromium.

Run by test/t/040_page.pl, with a relay at BASE that streams public.users and
public.held of CONNECTION's database to PREFIX.public.*.  Prints TAP.

Waits for what the page shows, not for time.  The sandbox of the browser wants
rights that a test does not have; the page is our own.
"""

import os
import re
import sys
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import values

PATIENCE = 120
HOSTILE = '<img src=x onerror="window.hacked = 1">'
CONTRAST = """
    const rgb = (c) => c.match(/[\\d.]+/g).slice(0, 3).map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    const luminance = (c) => { const [r, g, b] = rgb(c); return .2126 * r + .7152 * g + .0722 * b; };
    const solid = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$|transparent/.test(c)) return c; } return "rgb(255, 255, 255)"; };
    return Math.min(...[...document.querySelectorAll("h1, h2, dt, dd, th, td, summary, button:enabled, #state, .legend span")].filter((e) => e.offsetParent).map((e) => {
        const [a, b] = [luminance(getComputedStyle(e).color), luminance(solid(e))];
        return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    }));
"""


class Page:
    def __init__(self, base, home):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
                         "--no-first-run", f"--user-data-dir={home}/profile"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.base = base

    def open(self):
        self.driver.get(self.base + "/")

    def text(self, css):
        return "\n".join(e.text for e in self.driver.find_elements(By.CSS_SELECTOR, css))

    def js(self, script):
        return self.driver.execute_script(script)

    def wait(self, what, seen):
        try:
            WebDriverWait(self.driver, PATIENCE, 0.1).until(lambda _: seen())
            return True
        except Exception as why:
            print(f"# {what}: {type(why).__name__}; state {self.text('#state')}; {self.text('#trouble')}", flush=True)
            return False

    def click(self, button):
        self.wait(f"{button} can be clicked", lambda: self.driver.find_element(By.ID, button).is_enabled())
        self.driver.find_element(By.ID, button).click()

    def state_is(self, state):
        return self.wait(f"state {state}", lambda: self.text("#state") == state)

    def cells(self, topic):
        """Of the table of topics, by the heads of its columns."""
        return self.js("""
            const heads = [...document.querySelectorAll("#topics th")].map((h) => h.textContent);
            const row = [...document.querySelectorAll("#topics tbody tr")].find((r) => r.cells[0].textContent === arguments[0]);
            return row ? Object.fromEntries([...row.cells].map((c, i) => [heads[i], c.textContent])) : {};
        """.replace("arguments[0]", repr(topic)))

    def emulate(self, width, height, scheme):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})


def shows_figures(tap, page, server, prefix):
    page.open()
    tap.ok(page.state_is("RUNNING"), "it says that the connector runs")
    tap.ok(page.text("#name") == "page" == page.js("return document.title"), "and its name")
    looks = lambda: int(page.js("return document.body.dataset.looks || 0"))
    # from here on records are kept to be looked at
    page.wait("it has looked", lambda: looks() >= 1)
    server.run(f"INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, 50) g; UPDATE users SET name = $x${HOSTILE}$x$ WHERE id = 1; DELETE FROM users WHERE id = 2")
    topic = f"{prefix}.public.users"
    wanted = {"Records": "53", "c": "50", "u": "1", "d": "1", "x": "1", "r": "0"}
    tap.ok(page.wait("counts", lambda: wanted.items() <= page.cells(topic).items()), "records of the topic, by operation", str(page.cells(topic)))
    tap.ok(page.wait("records", lambda: topic in page.text("#records summary")), "records of the topic are shown")
    page.js("document.querySelector('#records details').open = true")
    tap.ok(page.wait("the record", lambda: '{"id":' in page.text("#records pre")), "with key and value")
    seen = looks()
    page.wait("it looks again", lambda: looks() > seen)
    tap.ok('{"id":' in page.text("#records pre"), "what is open stays open")
    figures = page.text("#figures")
    tap.ok("53" in figures and "STREAM" in figures, "the figures", figures)
    tap.ok(re.search(r"Road\s+replication \(\w+\)", figures), "by which road, and why", figures)
    tap.ok("/" in page.text("#slot"), "the slot's position", page.text("#slot"))
    tap.ok(page.wait("WAL", lambda: re.search(r"WAL kept\s+\d", page.text("#slot")) and re.search(r"WAL until it is lost\s+\d", page.text("#slot"))), "and its WAL", page.text("#slot"))
    tap.ok(page.wait("a line", lambda: "L" in page.js("return document.querySelector('#chart-lag path').getAttribute('d')")), "lag over time", page.text("#legend-lag"))
    tap.ok(page.wait("a line", lambda: "L" in page.js("return document.querySelector('#chart-rate path').getAttribute('d')")), "throughput over time")
    tap.ok(page.wait("latency", lambda: "p99:" in page.text("#legend-latency") and "at most" in page.text("#legend-latency")), "latency over time", page.text("#legend-latency"))
    page.js("document.querySelector('main > section:last-child details').open = true")
    config = page.text("#config")
    tap.ok(f'"topic.prefix": "{prefix}"' in config, "the configuration", config[:200])
    tap.ok('"database.password": "********"' in config and "hunter2" not in page.driver.page_source, "with its secrets masked")


def obeys(tap, page, server, prefix):
    page.click("pause")
    tap.ok(page.state_is("PAUSED"), "Pause pauses")
    server.run("INSERT INTO users SELECT g FROM generate_series(101, 110) g")
    page.click("resume")
    tap.ok(page.state_is("RUNNING"), "Resume resumes")
    topic = f"{prefix}.public.users"
    tap.ok(page.wait("the rest", lambda: page.cells(topic).get("c") == "60"), "and what was written meanwhile comes", str(page.cells(topic)))
    held = server.hold("held")
    page.click("snapshot")
    alert = page.driver.switch_to.alert
    alert.send_keys("public.held")
    alert.accept()
    tap.ok(page.wait("progress", lambda: "beside the stream" in page.text("#progress-text")), "a snapshot that takes its time is shown")
    held.stdin.close()
    held.wait()
    topic = f"{prefix}.public.held"
    tap.ok(page.wait("rows", lambda: page.cells(topic).get("r") == "40"), "Snapshot… has a table read again", str(page.cells(topic)))
    tap.ok(page.wait("no progress", lambda: page.text("#progress") == ""), "and is not shown any more")
    before = page.js("return performance.now()")
    page.click("restart")
    page.driver.switch_to.alert.accept()
    tap.ok(page.wait("it is new", lambda: page.text("#state") == "RUNNING" and page.cells(topic) == {}), "Restart restarts", f"{before} {page.cells(topic)}")


def looks_right(tap, page):
    tap.ok(page.js("return window.hacked === undefined && !document.querySelector('#records img')"), "a record is text, whatever it holds")
    for width, height, what in ((1280, 900, "on a screen"), (360, 740, "on a phone")):
        for scheme in ("light", "dark"):
            page.emulate(width, height, scheme)
            overflow = page.js("return document.scrollingElement.scrollWidth - window.innerWidth")
            tap.ok(overflow <= 0, f"{what}, {scheme}: nothing is wider than the window", f"by {overflow}")
            contrast = page.js(CONTRAST)
            tap.ok(contrast >= 4.5, f"{what}, {scheme}: every text can be read", f"a contrast of {contrast}")
    dark = page.js("return getComputedStyle(document.body).backgroundColor")
    page.emulate(1280, 900, "light")
    tap.ok(page.js("return getComputedStyle(document.body).backgroundColor") != dark, "the dark is another")
    asked = page.js("return performance.getEntriesByType('resource').map((e) => e.name)")
    tap.ok(asked and all(a.startswith(page.base + "/") for a in asked), "nothing is asked of anybody else", *sorted(set(asked))[:20])
    wrong = [e for e in page.driver.get_log("browser") if e["level"] == "SEVERE"]
    tap.ok(not wrong, "the browser has nothing to complain of", *map(str, wrong[:5]))


def main():
    base, connection, prefix = sys.argv[1:]
    tap = values.Tap()
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        page = Page(base, home)
        try:
            server = values.Server(connection)
            shows_figures(tap, page, server, prefix)
            obeys(tap, page, server, prefix)
            looks_right(tap, page)
        finally:
            page.driver.quit()
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
