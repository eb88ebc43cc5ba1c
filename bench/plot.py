"""Draws docs/images/burst.svg from bench/data/: what an event costs each client.

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
axes.set_xlim(0.05, 400)
axes.set_xlabel("CPU of the client, microseconds an event of 300 bytes, medians (logarithmic)")
for side in ("top", "right", "left"):
    axes.spines[side].set_visible(False)
axes.tick_params(axis="y", length=0)
figure.tight_layout()
figure.savefig("docs/images/burst.svg", metadata={"Date": None})
