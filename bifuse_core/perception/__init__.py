# SPDX-License-Identifier: Apache-2.0
"""Task networks learnt and scored on a fixed fusion."""
