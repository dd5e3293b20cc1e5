# SPDX-License-Identifier: Apache-2.0
"""One file per subcommand of `python -m bifuse_core`."""
