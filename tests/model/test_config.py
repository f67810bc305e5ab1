import subprocess
import sys

import msgspec
import pytest

from darkpool_watch.errors import ConfigError
from darkpool_watch.model.config import FULL, LITE, SHAPES, XL, ModelShape, shape_of
from darkpool_watch.model.transformer import Transformer, parameters_of
from kernels.layout import FEATURES


@pytest.mark.parametrize(
    ("shape", "millions"), [(FULL, 40.0), (LITE, 3.6), (XL, 58.0)], ids=("full", "lite", "xl")
)
def test_parameter_counts_are_near_the_table(shape: ModelShape, millions: float) -> None:
    model = Transformer(shape)
    assert parameters_of(model) / 1e6 == pytest.approx(millions, rel=0.1)
    spatial = parameters_of(model.spatial) + parameters_of(model.join)
    assert spatial <= 2_000_000


def test_profiles_have_the_papers_layers_and_heads() -> None:
    assert {(s.layers, s.heads, s.features) for s in SHAPES.values()} == {(8, 12, FEATURES)}
    assert [s.width for s in (FULL, LITE, XL)] == [768, 192, 768]


def test_state_of_full_takes_about_1_4_mb_a_security() -> None:
    # rings 8 layers x 504 rows x 128 x 2 bytes = 1,032,192; linear 8 x 3 x 64 x 65 x 4 = 399,360;
    # memory (480 + 768 + 64) x 4 = 5,248; ts 128 x 8 + count 8 = 1,032
    assert FULL.state_bytes(16) == 1_032_192 + 399_360 + 5_248 + 1_032
    assert FULL.state_bytes(16) / 1e6 == pytest.approx(1.4, abs=0.05)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"heads": 10}, "heads 10 must be a multiple of 4"),
        ({"width": 100}, "width 100 needs even head widths"),
        ({"joins": (9,)}, r"joins \(9,\) name no layer"),
        ({"context": 6}, "context must be a multiple of 4"),
        ({"modalities": ()}, "at least one modality"),
    ],
)
def test_shapes_that_do_not_divide_are_refused(change: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=f"Model shape lite: {problem}"):
        msgspec.structs.replace(LITE, **change)


def test_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="'huge' is unknown: use one of full, lite, xl"):
        shape_of("huge")


def test_interfaces_import_no_torch() -> None:
    code = (
        "import sys, darkpool_watch.model.config, darkpool_watch.model.scores,"
        "darkpool_watch.model.engine, darkpool_watch.model.engines;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
