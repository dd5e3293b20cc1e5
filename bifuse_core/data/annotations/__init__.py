# SPDX-License-Identifier: Apache-2.0
"""What people drew on the pictures: boxes in three file formats, and masks."""
