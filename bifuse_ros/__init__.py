# SPDX-License-Identifier: Apache-2.0
"""ROS 2 nodes of BiFuse: messages in, messages out; the work is done in bifuse_core."""
