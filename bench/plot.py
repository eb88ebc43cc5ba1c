"""Draws from bench/data/: docs/images/burst.svg, what an event costs each client; crowd.svg, what
so many sockets cost; soak.svg, what a process held while things went wrong.

    python3 bench/plot.py
"""

import csv
import statistics

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402

OURS = "#1a7f64"
OTHERS = "#8a94a6"
BOUND = "#d8dde6"


def medians(path, field):
    values = {}
    with open(path, newline="") as lines:
        for row in csv.DictReader(lines):
            values.setdefault(row["client"], []).append(float(row[field]))
    return {client: statistics.median(all_) for client, all_ in values.items()}


def colour(client):
    if client.startswith("graphsocket"):
        return OURS
    return BOUND if client.endswith("counting") else OTHERS


matplotlib.rcParams.update({
    "font.family": "sans-serif", "font.size": 10, "svg.fonttype": "none",
    # The same data gives the same bytes.
    "svg.hashsalt": "graphsocket",
})
costs = sorted(medians("bench/data/burst-300.csv", "cpu_us").items(), key=lambda each: -each[1])
figure, axes = pyplot.subplots(figsize=(7.2, 2.9))
names = [name for name, _ in costs]
bars = axes.barh(names, [cost for _, cost in costs], color=[colour(name) for name in names])
axes.bar_label(bars, fmt="%.3g", padding=4)
axes.set_xscale("log")
axes.set_xlim(0.01, 400)
axes.set_xlabel("CPU of the client, microseconds an event of 300 bytes, medians (logarithmic)")
for side in ("top", "right", "left"):
    axes.spines[side].set_visible(False)
axes.tick_params(axis="y", length=0)
figure.tight_layout()
figure.savefig("docs/images/burst.svg", metadata={"Date": None})


def plain(axes):
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


COUNTS = [1, 10, 100, 1000, 10000]
CROWD = {"graphsocket, LuaJIT": OURS, "graphsocket, Lua 5.4": "#7cc4ae", "socket.io-client": OTHERS}
figure, panels = pyplot.subplots(1, 3, figsize=(7.2, 2.6))
for axes, (field, title) in zip(panels, {
    "rss_mb": "MB resident", "connect_us": "CPU of a connection, us", "storm_s": "all are back after, s",
}.items()):
    medians_of = [medians(f"bench/data/crowd-{count}.csv", field) for count in COUNTS]
    for client, line in CROWD.items():
        axes.plot(COUNTS, [each[client] for each in medians_of], color=line, marker=".", label=client)
    axes.set_xscale("log")
    axes.set_title(title, fontsize=10)
    axes.set_ylim(bottom=0)
    plain(axes)
panels[1].set_xlabel("sockets of one process")
panels[0].legend(frameon=False, fontsize=7, loc="upper left")
figure.tight_layout()
figure.savefig("docs/images/crowd.svg", metadata={"Date": None})

figure, panels = pyplot.subplots(1, 2, figsize=(7.2, 2.4))
for host, line in {"plain": OURS, "nginx": OTHERS}.items():
    with open(f"bench/data/soak-{host}.csv", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["phase"] == "rest"]
    minutes = [float(row["seconds"]) / 60 for row in rows]
    for axes, field in zip(panels, ("rss_kb", "other_fds")):
        scale = 1024 if field == "rss_kb" else 1
        axes.plot(minutes, [float(row[field]) / scale for row in rows], color=line, label=host)
for axes, title in zip(panels, ("MB resident", "descriptors but those of sockets and Graph")):
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("minutes")
    axes.set_ylim(bottom=0)
    plain(axes)
panels[0].legend(frameon=False, fontsize=8, loc="lower right")
figure.tight_layout()
figure.savefig("docs/images/soak.svg", metadata={"Date": None})
