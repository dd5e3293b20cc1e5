# SPDX-License-Identifier: Apache-2.0
"""Labels proposed by a detector, for people to correct, and what is learnt from those."""
