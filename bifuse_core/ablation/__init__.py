# SPDX-License-Identifier: Apache-2.0
"""The paper's comparisons: one training varied, run with several seeds, scored side by side."""
