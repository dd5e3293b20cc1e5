# SPDX-License-Identifier: Apache-2.0
"""What the networks are trained for: phi_V, Phi_V and its content terms."""
