"""python-socketio on asyncio. See bench/README.md for the modes.

    python3 bench/clients/python_asyncio.py burst|latency URL COUNT [CA]
"""

import asyncio
import json
import os
import resource
import ssl
import sys
import time

import socketio

mode, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = socketio.AsyncClient(reconnection=False)
state = {"received": 0, "samples": []}


def report(fields):
    fields["total_cpu_ms"] = time.process_time() * 1e3
    fields["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(fields), flush=True)
    os._exit(0)


@client.on("connect")
async def on_connect():
    state["cpu"] = time.process_time()
    state["wall"] = time.monotonic()
    await client.emit("go")


async def on_burst(_data):
    state["received"] += 1
    if state["received"] == count:
        report({
            "cpu_us": (time.process_time() - state["cpu"]) / count * 1e6,
            "wall_us": (time.monotonic() - state["wall"]) / count * 1e6,
        })


async def on_latency(sent):
    samples = state["samples"]
    samples.append((time.monotonic_ns() - int(sent)) / 1e3)
    if len(samples) == count:
        samples.sort()
        report({"p50_us": samples[count // 2], "p99_us": samples[int(count * 0.99)]})


client.on("notification", on_burst if mode == "burst" else on_latency)


async def main():
    if len(sys.argv) > 4:
        import aiohttp

        context = ssl.create_default_context(cafile=sys.argv[4])
        connector = aiohttp.TCPConnector(ssl=context)
        client.eio.http = aiohttp.ClientSession(connector=connector)
    await client.connect(url, transports=["websocket"])
    await client.wait()


asyncio.run(main())
