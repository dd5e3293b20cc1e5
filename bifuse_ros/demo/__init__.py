# SPDX-License-Identifier: Apache-2.0
"""The demo: cameras played through the real nodes, and what they leave behind."""
