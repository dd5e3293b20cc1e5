# SPDX-License-Identifier: Apache-2.0
"""What happens to pixels: colour, saliency, thermal range, alignment, classical fusion."""
