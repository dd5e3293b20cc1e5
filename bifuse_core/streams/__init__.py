# SPDX-License-Identifier: Apache-2.0
"""Time: pairing two streams, handing over the newest, measuring rates and latencies."""
