# SPDX-License-Identifier: Apache-2.0
"""Networks that give every pixel a class, their loss, and their use on pictures of any size."""
