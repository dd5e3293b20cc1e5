# SPDX-License-Identifier: Apache-2.0
"""How two cameras of a fixed rig lie on each other, found from what both of them see.

Edges are matched across the spectra, summed over all pairs: the rig is the same in each of them.
"""
