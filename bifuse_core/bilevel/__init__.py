# SPDX-License-Identifier: Apache-2.0
"""The paper's learning: objectives and trainers."""
