# SPDX-License-Identifier: Apache-2.0
"""How fusion and tasks are trained together: the paper's way, and those it is compared with."""
