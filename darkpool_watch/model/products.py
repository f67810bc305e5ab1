"""Matrix products of a few rows, with weights laid out once for the machine.

A step multiplies four rows by every weight of the model, so it runs at the speed of memory.
oneDNN's packed layout reads each weight once, in order: measured on 2 cores of an EPYC (Zen 4),
one thread, four rows, all linear layers of full: 15.0 ms plain, 7.5 ms packed, 3.6 ms packed in
bfloat16; of lite 1.9 ms, 1.05 ms and 0.85 ms. Where torch has no oneDNN the plain product serves,
where the processor has no products in bfloat16 (AVX2 alone) float32 ones of rounded numbers.
"""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


def multiplies_bfloat16(device: str = "cpu") -> bool:
    """Return whether products in bfloat16 are as fast as float32 ones on this machine's `device`.

    A processor without instructions for them takes six times as long (measured, AVX2).
    """
    if device != "cpu":
        return True
    mkldnn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return mkldnn and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


class Product(Protocol):
    """x W^T + b for a fixed number of rows."""

    def plain(self, x: Tensor) -> Tensor:
        """Return x W^T + b."""
        ...

    def gelu(self, x: Tensor) -> Tensor:
        """Return GELU (tanh form) of x W^T + b."""
        ...

    def onto(self, x: Tensor, base: Tensor) -> Tensor:
        """Return base + x W^T + b."""
        ...


class PlainProduct:
    """Through torch's own linear."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight, self.bias = weight, bias

    def plain(self, x: Tensor) -> Tensor:
        """See `Product`."""
        return F.linear(x, self.weight, self.bias)

    def gelu(self, x: Tensor) -> Tensor:
        """See `Product`."""
        return F.gelu(F.linear(x, self.weight, self.bias), approximate="tanh")

    def onto(self, x: Tensor, base: Tensor) -> Tensor:
        """See `Product`."""
        return base + F.linear(x, self.weight, self.bias)


class PackedProduct:
    """Through oneDNN, weights packed for `rows` rows, in float32 or bfloat16."""

    def __init__(
        self, weight: Tensor, bias: Tensor | None, rows: int, precision: torch.dtype
    ) -> None:
        self.precision = precision
        ops = torch.ops.mkldnn
        self.weight = ops._reorder_linear_weight(weight.to(precision).contiguous(), rows)
        self.bias = None if bias is None else bias.to(precision)
        self.linear, self.linear_add = ops._linear_pointwise, ops._linear_pointwise.binary

    def plain(self, x: Tensor) -> Tensor:
        """See `Product`."""
        x = x.to(self.precision)
        y: Tensor = self.linear(x, self.weight, self.bias, "none", [], "")
        return y.float()

    def gelu(self, x: Tensor) -> Tensor:
        """See `Product`; stays in `precision`, for the product that follows."""
        x = x.to(self.precision)
        y: Tensor = self.linear(x, self.weight, self.bias, "gelu", [], "tanh")
        return y

    def onto(self, x: Tensor, base: Tensor) -> Tensor:
        """See `Product`; the sum is made in float32."""
        if self.precision is torch.float32:
            y: Tensor = self.linear_add(x, base, self.weight, self.bias, "add")
            return y
        return base + self.plain(x)


class RoundedProduct(PackedProduct):
    """Numbers of bfloat16, products in float32: for processors that cannot multiply the former."""

    def __init__(self, weight: Tensor, bias: Tensor | None, rows: int) -> None:
        bias = None if bias is None else _rounded(bias)
        super().__init__(_rounded(weight), bias, rows, torch.float32)

    def plain(self, x: Tensor) -> Tensor:
        """See `Product`."""
        return super().plain(_rounded(x))

    def gelu(self, x: Tensor) -> Tensor:
        """See `Product`."""
        return super().gelu(_rounded(x))

    def onto(self, x: Tensor, base: Tensor) -> Tensor:
        """See `Product`."""
        return super().onto(_rounded(x), base)


def _rounded(x: Tensor) -> Tensor:
    return x.to(torch.bfloat16).float()


def product(
    weight: Tensor,  # (N, K)
    bias: Tensor | None,  # (N,)
    rows: int,
    precision: torch.dtype = torch.float32,
) -> Product:
    """Return the fastest product of `rows` rows that this build of torch has."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return PlainProduct(weight, bias)
    if precision is torch.bfloat16 and not multiplies_bfloat16():
        return RoundedProduct(weight, bias, rows)
    return PackedProduct(weight, bias, rows, precision)
