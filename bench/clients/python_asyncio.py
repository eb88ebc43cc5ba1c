"""python-socketio on asyncio. See bench/README.md for the modes.

    python3 bench/clients/python_asyncio.py burst|latency URL COUNT [CA]
"""

import asyncio
import ssl

import socketio

import measure

client = socketio.AsyncClient(reconnection=False)


@client.on("connect")
async def on_connect():
    measure.begin()
    await client.emit("go")


@client.on("notification")
async def on_notification(data):
    measure.received(data)


async def main():
    if measure.ca_file:
        import aiohttp

        context = ssl.create_default_context(cafile=measure.ca_file)
        connector = aiohttp.TCPConnector(ssl=context)
        client.eio.http = aiohttp.ClientSession(connector=connector)
    await client.connect(measure.url, transports=["websocket"])
    await client.wait()


asyncio.run(main())
