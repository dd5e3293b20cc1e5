# SPDX-License-Identifier: Apache-2.0
"""A client of the Foxglove WebSocket protocol, written from its specification.

Source: https://github.com/foxglove/ws-protocol/blob/main/docs/spec.md
"""

from __future__ import annotations

import json
from struct import unpack_from
from typing import Any, NamedTuple

from websockets.sync.client import connect

MESSAGE_DATA = 1
"""Operation code of a binary message with data of a channel."""


class Received(NamedTuple):
    """One message of a subscribed channel."""

    topic: str
    stamp: int
    data: bytes


class FoxgloveClient:
    """Connects to a server, and knows what it offers.

    foxglove-sdk 0.30.3 sends an announcement before it notes that subscriptions to it are good
    (`advertise_channels` in rust/foxglove/src/websocket/connected_client.rs; clients that connect
    later are safe), and so may refuse one that comes at once. Whoever tests something else connects
    when the topic is there.

    Attributes:
        server: its `serverInfo`.
        channels: what it offers, by topic.
    """

    def __init__(self, port: int) -> None:
        self._socket = connect(
            f"ws://127.0.0.1:{port}", subprotocols=["foxglove.sdk.v1"], max_size=None
        )
        self.server: dict[str, Any] = json.loads(self._socket.recv(timeout=10))
        self.channels: dict[str, dict[str, Any]] = {}
        self._topics: dict[int, str] = {}

    def await_channel(self, topic: str) -> dict[str, Any]:
        """Read until the server offers a topic, and return what it says of it."""
        while topic not in self.channels:
            self._read()
        return self.channels[topic]

    def subscribe(self, topic: str) -> None:
        channel = self.await_channel(topic)
        number = len(self._topics)
        self._topics[number] = topic
        self._send(op="subscribe", subscriptions=[{"id": number, "channelId": channel["id"]}])

    def unsubscribe(self, topic: str) -> None:
        numbers = [number for number, name in self._topics.items() if name == topic]
        self._send(op="unsubscribe", subscriptionIds=numbers)

    def receive(self, timeout: float = 10) -> Received:
        """Return the next message of a channel."""
        while True:
            received = self._read(timeout)
            if received:
                return received

    def close(self) -> None:
        self._socket.close()

    def _send(self, **message: Any) -> None:
        self._socket.send(json.dumps(message))

    def _read(self, timeout: float = 10) -> Received | None:
        frame = self._socket.recv(timeout=timeout)
        if isinstance(frame, str):
            message = json.loads(frame)
            assert message["op"] != "status", message["message"]
            if message["op"] == "advertise":
                self.channels |= {channel["topic"]: channel for channel in message["channels"]}
            return None
        operation, number, stamp = unpack_from("<BIQ", frame)
        if operation != MESSAGE_DATA:
            return None
        return Received(self._topics[number], stamp, frame[13:])
