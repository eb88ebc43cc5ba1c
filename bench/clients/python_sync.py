"""python-socketio with threads. See bench/README.md for the modes.

    python3 bench/clients/python_sync.py burst|latency URL COUNT [CA]
"""

import os

import socketio

import measure

if measure.ca_file:
    os.environ["WEBSOCKET_CLIENT_CA_BUNDLE"] = measure.ca_file

client = socketio.Client(reconnection=False)


@client.on("connect")
def on_connect():
    measure.begin()
    client.emit("go")


client.on("notification", measure.received)
client.connect(measure.url, transports=["websocket"])
client.wait()
