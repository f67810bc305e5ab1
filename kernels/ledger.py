"""The day ledger: what each account traded this session, for typologies slower than a minute.

96 accounts a security, apart from the seats, so that chatter cannot push out a trader. Where it
is full the account with the least quantity traded this session gives way; ties go to the lower
row. The eight counterparties of a row are kept by space-saving: a new one takes over the count
of the least, so that no count is below the truth and none is above it by more than the least.

Source: Metwally, Agrawal & El Abbadi (2005), Efficient computation of frequent and top-k elements
in data streams, ICDT.
"""

import numpy as np

from kernels.account_layout import COUNTERPARTIES, LEDGER_ROWS, SEATS
from kernels.jit import kernel

_NOTHING = np.float32(0.0)


@kernel
def clear_row(row, account):
    """Let a ledger row begin for an account."""
    row["account"] = account
    row["bought"] = 0.0
    row["sold"] = 0.0
    row["dark"] = _NOTHING
    row["led"] = _NOTHING
    row["closing"] = _NOTHING
    for i in range(COUNTERPARTIES):
        row["counterparty"][i] = 0
        row["with"][i] = _NOTHING


@kernel
def find_row(a, account):
    """Return the account's ledger row, -1 where it has none."""
    for at in range(a["entered"]):
        if np.int64(a["ledger"][at]["account"]) == account:
            return np.int64(at)
    return np.int64(-1)


@kernel
def take_row(a, seat, account):
    """Return the account's ledger row, after giving it one where it has none."""
    at = np.int64(a["ledger_row"][seat])
    if at < a["entered"] and np.int64(a["ledger"][at]["account"]) == account:
        return at
    at = find_row(a, account)
    if at < 0:
        if a["entered"] < LEDGER_ROWS:
            at = np.int64(a["entered"])
            a["entered"] += 1
        else:
            at = np.int64(0)
            for other in range(1, LEDGER_ROWS):
                least = a["ledger"][at]["bought"] + a["ledger"][at]["sold"]
                if a["ledger"][other]["bought"] + a["ledger"][other]["sold"] < least:
                    at = np.int64(other)
            a["ledger_evicted"] += 1
        clear_row(a["ledger"][at], account)
    a["ledger_row"][seat] = at
    return at


@kernel
def add_counterparty(row, account, quantity):
    """Add to what the row's account traded with another one."""
    least = np.int64(0)
    for i in range(COUNTERPARTIES):
        if np.int64(row["counterparty"][i]) == account:
            row["with"][i] += quantity
            return
        if row["with"][i] < row["with"][least]:
            least = np.int64(i)
    row["counterparty"][least] = account
    row["with"][least] += quantity


@kernel
def enter_fill(
    a,  # TABLE
    seat,  # int64: where the account sits
    o,  # OBSERVATION of a trade
    account,  # int64 in [1, 2^32)
    contra,  # int64: the other side's account; 0 = unknown
    side,  # int64: 0 bought, 1 sold
    led,  # bool: a dark fill within 10 s of a same-side lit one of the account's group
):
    """Enter one side of a trade."""
    row = a["ledger"][take_row(a, seat, account)]
    quantity = np.float64(o["traded"])
    if side == 0:
        row["bought"] += quantity
    else:
        row["sold"] += quantity
    if o["dark"]:
        row["dark"] += quantity
    if led:
        row["led"] += quantity
    if o["ts"] >= a["closing_from"]:
        row["closing"] += quantity
    if contra != 0:
        add_counterparty(row, contra, quantity)


@kernel
def close_ledger(a):
    """Forget the session's ledger."""
    a["entered"] = 0
    a["closing_volume"] = 0.0
    for seat in range(SEATS):
        a["ledger_row"][seat] = 0


@kernel
def read_ledger(
    s,  # int64: security
    account,  # int64 in [1, 2^32)
    st,  # AccountState
    out,  # (1,) LEDGER, overwritten where the account is known
):
    """Copy the account's ledger of this session to `out`; return whether it has one.

    Quantities are in size units; net position = bought - sold; closing share = closing /
    `closing_volume` of the security.
    """
    a = st.tables[s]
    at = find_row(a, account)
    if at < 0:
        return False
    out[0] = a["ledger"][at]
    return True


@kernel
def set_closing(
    s,  # int64: security
    closing_from,  # int64 ns: when the session's closing interval begins; max = unknown
    st,  # AccountState
):
    """Say when the closing interval of the running session begins."""
    st.tables[s]["closing_from"] = closing_from
