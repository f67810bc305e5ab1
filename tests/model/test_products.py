import torch
from torch.nn import functional as F

from darkpool_watch.model.products import RoundedProduct


def test_rounded_product_multiplies_numbers_of_bfloat16_exactly() -> None:
    # 1 + 2^-9 rounds to 1 in bfloat16 and 1 + 2^-7 does not: 1 * 3 + (1 + 2^-7) * 1 + 0.5.
    weight = torch.tensor([[1.0 + 2**-9, 1.0 + 2**-7]])
    product = RoundedProduct(weight, torch.tensor([0.5]), 1)
    x = torch.tensor([[3.0, 1.0 + 2**-9]])
    assert product.plain(x).item() == 3.0 + 1.0 + 2**-7 + 0.5
    assert product.onto(x, torch.tensor([[10.0]])).item() == 14.5 + 2**-7


def test_rounded_product_ends_in_gelu_of_the_same_sum() -> None:
    generator = torch.Generator().manual_seed(3)
    weight, x = torch.randn(5, 7, generator=generator), torch.randn(4, 7, generator=generator)
    product = RoundedProduct(weight, None, 4)
    expected = F.gelu(product.plain(x), approximate="tanh")
    torch.testing.assert_close(product.gelu(x), expected)
