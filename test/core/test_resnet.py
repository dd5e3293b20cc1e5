# SPDX-License-Identifier: Apache-2.0
"""ResNet-50 against that of an independent library."""

from __future__ import annotations

import torch
import transformers
from torch import nn

from bifuse_core.nets.detection.resnet import ResNet50


def test_its_features_are_those_of_the_library() -> None:
    torch.manual_seed(0)
    theirs, ours = transformers.ResNetModel(transformers.ResNetConfig()).eval(), ResNet50().eval()
    for norm in theirs.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
    ours.resnet.load_state_dict(theirs.state_dict())
    rgb = torch.rand(2, 3, 61, 95)
    with torch.inference_mode():
        seen = theirs(ours.normalisation(rgb), output_hidden_states=True).hidden_states[-3:]
        for found, expected in zip(ours(rgb), seen, strict=True):
            assert expected.std() > 0.1
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
