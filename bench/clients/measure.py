"""What the two python-socketio clients share: their words, and what they
measure of themselves.

A client gets each event with received(), and calls begin() when it has joined.
"""

import json
import os
import resource
import sys
import time

mode, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
ca_file = sys.argv[4] if len(sys.argv) > 4 else None

began = {"cpu": 0, "wall": 0}
burst = {"received": 0}
samples = []  # us from the server's send to the handler


def begin():
    began["cpu"] = time.process_time()
    began["wall"] = time.monotonic()


def report(fields):
    fields["total_cpu_ms"] = time.process_time() * 1e3
    fields["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(fields), flush=True)
    os._exit(0)


def received_in_burst(_data):
    burst["received"] += 1
    if burst["received"] == count:
        report({
            "cpu_us": (time.process_time() - began["cpu"]) / count * 1e6,
            "wall_us": (time.monotonic() - began["wall"]) / count * 1e6,
        })


def received_timed(sent):
    samples.append((time.monotonic_ns() - int(sent)) / 1e3)
    if len(samples) == count:
        samples.sort()
        report({"p50_us": samples[count // 2], "p99_us": samples[int(count * 0.99)]})


received = received_in_burst if mode == "burst" else received_timed
