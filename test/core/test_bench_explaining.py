# SPDX-License-Identifier: Apache-2.0
"""Where the time of a call goes."""

from __future__ import annotations

import torch

from bifuse_core.bench.explaining import Share, function_shares, in_words, operator_shares


def test_the_dearest_operator_comes_first() -> None:
    factor = torch.rand(300, 300)

    def call() -> None:
        for _ in range(3):
            factor @ factor
        factor[:2] + 1

    shares = operator_shares(call, torch.device("cpu"))
    assert shares[0].name == "aten::mm" and shares[0].calls == 3
    assert 50 < shares[0].percent <= 100
    assert [s.percent for s in shares] == sorted((s.percent for s in shares), reverse=True)


def test_the_dearest_function_comes_first() -> None:
    def dear() -> int:
        number = 0
        while number < 50_000:
            number += 1
        return number

    first, *_ = function_shares(lambda: [dear(), dear(), len("cheap")])
    assert (first.name, first.calls) == ("dear (test_bench_explaining.py)", 2)
    assert in_words([Share("a", 61.6, 3), Share("b", 30.2, 1)], most=1) == "a 62 %"
