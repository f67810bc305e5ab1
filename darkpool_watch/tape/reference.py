"""Reference files: who the accounts are, and which segments may not meet, with their dates."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from darkpool_watch.config import ReferenceConfig
from darkpool_watch.errors import MarketError, TapeError
from darkpool_watch.market.accounts import CAPACITIES, AccountInfo
from darkpool_watch.market.counterparties import Counterparties, Pairing, Reference
from darkpool_watch.units import counted
from kernels.layout import I64_MAX

COLUMNS: Final = ("account", "owner", "group", "capacity", "segment", "valid_from_ns")
ENDS: Final = "valid_to_ns"  # may be absent or null: until the account's next record
COUNTERPARTIES: Final = "counterparties.toml"  # the matrix of a folder of tapes
_U32: Final = 1 << 32


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    segments: tuple[int, int]
    allowed: bool
    valid_from_ns: int = 0
    venue: str = ""


class _Matrix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pairing: list[_Line]


def read_reference(config: ReferenceConfig) -> Reference:
    """Return what the files of a config say; nothing where it names none.

    Raises TapeError for a file that cannot be read or contradicts itself.
    """
    accounts = read_accounts(Path(config.accounts)) if config.accounts else ()
    if not config.counterparties:
        return Reference(accounts)
    return Reference(accounts, read_counterparties(Path(config.counterparties)))


def told_of(config: ReferenceConfig, reference: Reference) -> tuple[str, ...]:
    """Return sentences on what is loaded, and on what no rule can judge without the rest."""
    if config.accounts:
        people = f"Accounts: {counted(len(reference.accounts), 'record')} of {config.accounts}"
    else:
        people = (
            "Accounts: only what the feed itself says; without owners WASH knows one account on "
            "both sides alone, without segments SEGMENT judges nothing (reference.accounts)"
        )
    if reference.counterparties is not None:
        lines = counted(len(reference.counterparties.rows), "line")
        matrix = f"Counterparty matrix: {lines} of {config.counterparties}"
    else:
        matrix = (
            "Counterparty matrix: none, so SEGMENT judges nothing and PRIORITY no fill of a pool, "
            "which may keep segments apart: name one in reference.counterparties (a file that "
            "says `pairing = []` where everyone may meet everyone)"
        )
    return people, matrix


def beside(config: ReferenceConfig, tape: Path) -> ReferenceConfig:
    """Return `config`, where it names no matrix with the one that lies beside a tape, if any does.

    `tape` is a file, or the folder of tapes itself.
    """
    found = (tape if tape.is_dir() else tape.parent) / COUNTERPARTIES
    if config.counterparties or not found.is_file():
        return config
    return msgspec.structs.replace(config, counterparties=str(found))


def read_accounts(path: Path) -> tuple[AccountInfo, ...]:
    """Return the records of a parquet of accounts, by account and date.

    Raises TapeError for a missing column, an unknown capacity, an id out of range or records of one
    account whose dates overlap; the message names the row.
    """
    import polars as pl  # here, so that a daemon without such a file does not load it

    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as err:
        raise TapeError(f"Cannot read accounts {path}: {err}") from err
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise TapeError(
            f"{path} lacks {', '.join(missing)}: needed the columns {', '.join(COLUMNS)}, and "
            f"{ENDS} where records end"
        )
    if ENDS not in frame.columns:
        frame = frame.with_columns(pl.lit(None, pl.Int64).alias(ENDS))
    records = [
        _record(path, number, row)
        for number, row in enumerate(frame.select(*COLUMNS, ENDS).iter_rows(named=True), 1)
    ]
    records.sort(key=lambda one: (one.account, one.valid_from_ns))
    for one, following in pairwise(records):
        ends = one.valid_to_ns if one.valid_to_ns != I64_MAX else one.valid_from_ns + 1
        if one.account == following.account and following.valid_from_ns < ends:
            raise TapeError(
                f"{path}: two records of account {one.account} hold from "
                f"{following.valid_from_ns} ns on, one that began at {one.valid_from_ns} ns: end "
                f"it by then in {ENDS}, or delete one"
            )
    return tuple(records)


def read_counterparties(path: Path) -> Counterparties:
    """Return the counterparty matrix of a TOML file: a [[pairing]] for each pair and date.

    Raises TapeError naming the file and the key that is wrong, or the lines that disagree.
    """
    try:
        lines = msgspec.toml.decode(path.read_bytes(), type=_Matrix).pairing
        return Counterparties(
            Pairing(*line.segments, line.allowed, line.valid_from_ns, line.venue) for line in lines
        )
    except OSError as err:
        raise TapeError(f"Cannot read counterparties {path}: {err.strerror}") from err
    except (msgspec.DecodeError, UnicodeDecodeError, MarketError) as err:
        raise TapeError(f"Counterparties {path}: {err}") from err


def write_counterparties(pairings: Iterable[Pairing], path: Path) -> None:
    """Write lines of a matrix as `read_counterparties` reads them.

    Raises TapeError where the disk refuses.
    """
    lines = [
        "[[pairing]]\n"
        f"segments = [{one.segment}, {one.contra_segment}]\n"
        f"allowed = {str(one.allowed).lower()}\n"
        f"valid_from_ns = {one.valid_from_ns}\n"
        f'venue = "{one.venue}"\n'
        for one in pairings
    ]
    try:
        path.write_text("\n".join(lines) or "pairing = []\n")
    except OSError as err:
        raise TapeError(f"Cannot write {path}: {err.strerror}") from err


def _record(path: Path, number: int, row: dict[str, object]) -> AccountInfo:
    where = f"{path}, row {number}"
    for name in COLUMNS:
        value = row[name]
        if name == "capacity":
            if value not in CAPACITIES:
                raise TapeError(
                    f"{where}: capacity is {value!r}, needed one of {', '.join(CAPACITIES)}"
                )
        elif name == "valid_from_ns":
            if not isinstance(value, int) or not 0 <= value < I64_MAX:
                raise TapeError(f"{where}: {name} is {value!r}, needed ns UTC from 0 on")
        elif not isinstance(value, int) or not (name == "account") <= value < _U32:
            least = int(name == "account")
            raise TapeError(f"{where}: {name} is {value!r}, needed {least} to {_U32 - 1}")
    ends = row[ENDS]
    began = row["valid_from_ns"]
    assert isinstance(began, int)
    if ends is not None and (not isinstance(ends, int) or ends <= began):
        raise TapeError(f"{where}: {ENDS} is {ends!r}, needed ns UTC after {began}, or nothing")
    known = {name: row[name] for name in COLUMNS}
    return AccountInfo(**known, valid_to_ns=I64_MAX if ends is None else ends)  # type: ignore[arg-type]
