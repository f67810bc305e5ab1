import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from darkpool_watch.config import Config, load
from darkpool_watch.errors import ConfigError

CONFIGS = Path(__file__).parents[1] / "configs"


def test_default_file_is_the_embedded_default() -> None:
    assert load(CONFIGS / "default.toml") == Config()


def test_default_file_names_every_key() -> None:
    text = (CONFIGS / "default.toml").read_text()
    for section in msgspec.structs.fields(Config):
        assert f"[{section.name}]" in text
        for key in msgspec.structs.fields(section.type):
            assert re.search(rf"^(# )?{key.name} = .+#", text, re.M), f"{section.name}.{key.name}"


MATRICES = set(CONFIGS.glob("*.counterparties.toml"))


@pytest.mark.parametrize("path", sorted({*CONFIGS.glob("*.toml")} - MATRICES), ids=lambda p: p.name)
def test_every_shipped_file_loads_and_comments_each_key(path: Path) -> None:
    load(path)
    for line in path.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            assert "#" in line, line
    assert tomllib.loads(path.read_text())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[wire]\nrepair_ms = 0\n", "Expected `int` >= 1 - at `$.wire.repair_ms`"),
        ("[wire]\nrepair = 5\n", "Object contains unknown field `repair` - at `$.wire`"),
        ('[detect]\nflag_p = "low"\n', "Expected `float`, got `str` - at `$.detect.flag_p`"),
        ("[detect]\nflag_p = 1.5\n", "Expected `float` < 1.0 - at `$.detect.flag_p`"),
        ("[wire\n", "Expected ']'"),
        ("\x00\xff", "Config"),
    ],
)
def test_a_wrong_key_is_named_with_its_path(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_absent_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"Cannot read config absent\.toml: No such file"):
        load(Path("absent.toml"))


NUMBERS = [
    (section.name, key)
    for section in msgspec.structs.fields(Config)
    for key in msgspec.structs.fields(section.type)
    if type(key.default) in (int, float) or key.name == "evidence_threshold"
]


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "99999999999999999", "1e300", "-1"])
@pytest.mark.parametrize(("section", "key"), NUMBERS, ids=lambda v: getattr(v, "name", v))
def test_no_number_is_endless(
    tmp_path: Path, section: str, key: msgspec.structs.FieldInfo, value: str
) -> None:
    path = tmp_path / "huge.toml"
    path.write_text(f"[{section}]\n{key.name} = {value}\n")
    with pytest.raises(ConfigError, match=rf"Expected .* at `\$\.{section}\.{key.name}`"):
        load(path)


def test_the_numbers_are_all_there() -> None:
    assert len(NUMBERS) == 46
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"market": {"ofi_weights": [0.1, 0.1, 0.1, 0.1, float("nan")]}}, Config)
