# SPDX-License-Identifier: Apache-2.0
"""How data sets lie on disk: one file for each layout."""
