#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/picture.svg, the README's picture: three containers of `plimsoll run`, watched for a minute and a half by a
real agent and a real Prometheus. Every line is what Prometheus answered; nothing is drawn that was not measured.

    tests/tools/draw_picture.py [--seconds 90] [--output docs/picture.svg]     as root, with a built release and Prometheus
"""
import argparse
import html
import os
import pathlib
import sys
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/e2e"))

import support  # noqa: E402

CONTAINERS = {  # name: (flags, shell command)
    "web": (["-m", "128m"], """
        dd if=/dev/zero of=/dev/shm/cache bs=1M count=40 2>/dev/null
        n=0; while :; do
          n=$((n + 1)); work=$(( (n / 15 % 3 + 1) * 40000 ))
          i=0; while [ $i -lt $work ]; do i=$((i + 1)); done; sleep 0.35; done"""),
    "batch": (["--cpus", "0.5", "-m", "64m"], """
        while :; do
          i=0; while [ $i -lt 9000000 ]; do i=$((i + 1)); done; done"""),
    "leaky": (["-m", "96m"], """
        exec awk 'BEGIN { for (;;) { a[++i] = sprintf("%1500000s", ""); system("sleep 0.9") } }'"""),
}
COLOURS = {"web": "#2563eb", "batch": "#d97706", "leaky": "#be185d"}
PANELS = [  # title, unit, expression, scale, what is drawn dashed
    ("CPU", "cores", 'sum by (name) (rate(container_cpu_usage_seconds_total{name!=""}[5s]))', 1, None),
    ("Kept waiting by the quota", "seconds each second",
     'sum by (name) (rate(container_cpu_cfs_throttled_seconds_total{name!=""}[5s]))', 1, None),
    ("Memory, working set", "MiB", 'max by (name) (container_memory_working_set_bytes{name!=""})', 2**20,
     'max by (name) (container_spec_memory_limit_bytes{name!=""})'),
]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, GAP = 880, 132, 56, 120, 62, 62
STEP = 1


def measure(seconds):
    """{expression: {name: [(time, value)]}}, the ends [(name, time, how)] and the time span."""
    with support.Workspace() as place:
        for applet in ("awk", "dd"):
            (pathlib.Path(place.rootfs()) / "bin" / applet).symlink_to("busybox")
        agent = place.start_agent("--exited.retention", "1h")
        prometheus = place.start_prometheus(agent.address, interval=STEP)
        prometheus.wait_for("up", lambda up: up == 1)
        begin = time.time()
        for name, (flags, command) in CONTAINERS.items():
            place.run("-d", "--name", name, *flags, command=["/bin/sh", "-c", command])
        time.sleep(seconds)
        end = time.time()

        def ranges(expression):
            rows = prometheus.api("query_range", query=expression, start=begin, end=end, step=STEP)["result"]
            return {row["metric"]["name"]: [(float(t), float(v)) for t, v in row["values"]] for row in rows}
        expressions = [e for panel in PANELS for e in (panel[2], panel[4]) if e]
        codes = ranges('max by (name) (plimsoll_container_exit_code{name!=""})')
        kills = ranges('max by (name) (container_oom_events_total{name!=""}) > 0')
        ends = [(name, values[0][0], ("out of memory, " if name in kills else "") + f"exit code {values[0][1]:.0f}")
                for name, values in codes.items()]
        return {e: ranges(e) for e in expressions}, ends, (begin, end)


def nice_ceiling(value):
    """A scale's end: a round number that is not below."""
    power = 10.0 ** (len(str(int(value))) - 1 if value >= 1 else -1)
    return next((power * step for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if power * step >= value), power * 10)


class Panel:
    """One chart: maps time and value to places and writes its elements."""

    def __init__(self, top, span, ceiling):
        self.top, self.span, self.ceiling = top, span, ceiling

    def x(self, moment):
        begin, end = self.span
        return LEFT + (moment - begin) / (end - begin) * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        return self.top + HEIGHT * (1 - value / self.ceiling)

    def line(self, points, colour, dashed=False):
        path = " ".join(f"{self.x(t):.1f},{self.y(v):.1f}" for t, v in points)
        style = 'stroke-dasharray="3 4" stroke-width="1"' if dashed else 'stroke-width="2"'
        return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-linejoin="round" {style}/>'

    def frame(self, title, unit):
        yield text(LEFT, self.top - 12, title, weight=600)
        yield text(WIDTH - RIGHT, self.top - 12, unit, anchor="end", fill="#6b7280")
        for part in (0, 0.5, 1):
            y = self.y(self.ceiling * part)
            yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e7eb"/>'
            yield text(LEFT - 8, y + 4, f"{self.ceiling * part:g}", anchor="end", fill="#6b7280")

    def names(self, lasts):
        """The lines' names at their ends, moved apart where they would meet."""
        place = -1e9
        for y, name, shown in sorted((self.y(v), n, s) for n, (v, s) in lasts.items()):
            place = max(y + 4, place + 15)
            yield text(WIDTH - RIGHT + 8, place, f"{name} {shown}", fill=COLOURS[name])


def text(x, y, words, anchor="start", fill="#111827", weight=400):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{fill}" font-weight="{weight}">'
            f"{html.escape(words)}</text>")


def draw_panel(panel, top, data, ends, span):
    title, unit, expression, scale, limits = panel
    lines = {name: [(t, v / scale) for t, v in points] for name, points in data[expression].items()}
    dashed = {name: [(t, v / scale) for t, v in points] for name, points in data.get(limits, {}).items()}
    every = [v for points in (*lines.values(), *dashed.values()) for _, v in points]
    chart = Panel(top, span, nice_ceiling(max(every, default=1) * 1.02))
    yield from chart.frame(title, unit)
    for name, points in dashed.items():
        yield chart.line(points, COLOURS[name], dashed=True)
        yield text(LEFT + 6, chart.y(points[-1][1]) - 4, f"limit of {name}", fill=COLOURS[name])
    for name, points in lines.items():
        yield chart.line(points, COLOURS[name])
    yield from chart.names({n: (p[-1][1], f"{p[-1][1]:.3g}") for n, p in lines.items()
                            if p and p[-1][0] > span[1] - 3 and n not in {e[0] for e in ends}})
    for name, moment, how in ends:
        x = chart.x(moment)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + HEIGHT}" stroke="{COLOURS[name]}" stroke-width="1"/>'
        if limits:
            yield text(x + 6, top + HEIGHT / 2, f"{name}: {how}", fill=COLOURS[name])


def draw(data, ends, span):
    height = TOP + len(PANELS) * (HEIGHT + GAP) - 10
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
           'font-family="system-ui, sans-serif" font-size="12">')
    yield f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    for number, panel in enumerate(PANELS):
        yield from draw_panel(panel, TOP + number * (HEIGHT + GAP), data, ends, span)
    axis = Panel(TOP, span, 1)
    for second in range(0, int(span[1] - span[0]) + 1, 15):
        yield text(axis.x(span[0] + second), height - 20, f"{second} s", anchor="middle", fill="#6b7280")
    yield text(LEFT, 22, "Three containers of plimsoll run, as Prometheus saw them: scraped every second", weight=600)
    yield "</svg>"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=90)
    parser.add_argument("--output", type=pathlib.Path, default=REPOSITORY / "docs/picture.svg")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("containers need root")
    data, ends, span = measure(arguments.seconds)
    empty = [panel[0] for panel in PANELS if not data[panel[2]]]
    if empty:
        sys.exit(f"draw_picture: no data for {', '.join(empty)}")
    arguments.output.write_text("\n".join(draw(data, ends, span)) + "\n")
    print(f"{arguments.output}: {sum(len(p) for lines in data.values() for p in lines.values())} points, ends {ends}")


if __name__ == "__main__":
    main()
