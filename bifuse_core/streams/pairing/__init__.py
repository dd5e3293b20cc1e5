# SPDX-License-Identifier: Apache-2.0
"""Pairing two cameras by their stamps: integers in, pairs out, and what became of the rest."""

from bifuse_core.streams.pairing.counters import RGB, THERMAL, Pair, PairingCounters
from bifuse_core.streams.pairing.pairing import StreamPairing
from bifuse_core.streams.pairing.state import PairingState

__all__ = ["RGB", "THERMAL", "Pair", "PairingCounters", "PairingState", "StreamPairing"]
