from kernels.layout import EVENT, OBSERVATION


def test_event_row_is_96_bytes_without_gaps() -> None:
    assert EVENT.itemsize == 96
    assert EVENT.isalignedstruct is False
    assert [EVENT.fields[n][1] for n in EVENT.names][:4] == [0, 8, 16, 24]


def test_observation_fields_are_naturally_aligned() -> None:
    for name in OBSERVATION.names:
        dtype, offset = OBSERVATION.fields[name][:2]
        assert offset % dtype.itemsize == 0, name
