"""Evidence that accumulates: flagged frames to episodes, one for each security and kin group.

S <- max(0, S exp(-dt / decay) - ln p - drift). Everything runs on the event time of the
security's own frames, so that live and replayed days open and close the same episodes.
"""

import math

import numpy as np

from kernels.jit import kernel
from kernels.threshold import ANOMALY, MODEL_TYPOLOGIES, WARMING

NOVELTY_KIN = 8  # the eight kin groups of the model's typologies come before it
KINS = 9

# What an episode's row waits to have told, bits of `pending`.
OPENED, EXTENDED, CONFIRMED, RETRACTED, CLOSED = 1, 2, 4, 8, 16

EPISODE = np.dtype(
    [
        ("ts", "<i8"),  # ns, of the evidence
        ("evidence", "<f8"),  # S
        ("start_ts", "<i8"),  # first frame since S left 0
        ("start_arrival", "<i8"),
        ("opened_ts", "<i8"),
        ("opened_arrival", "<i8"),
        ("last_ts", "<i8"),  # last exceedance
        ("last_arrival", "<i8"),
        ("judge_ts", "<i8"),  # end of the hindsight window
        ("close_ts", "<i8"),  # end of the cooldown
        ("exceedances", "<i8"),  # flagged frames of this kin since S left 0
        ("reported", "<i8"),  # exceedances at the last update
        ("updates", "<i8"),  # updates told so far
        ("peak", "<f8"),  # largest evidence; an overwhelming frame counts its own
        ("peak_at_opening", "<f8"),
        ("rank", "<f8"),  # largest -ln p without the floor
        ("p", "<f8"),  # smallest p claimed
        ("mass", "<f8", (MODEL_TYPOLOGIES,)),  # typology probabilities weighted by evidence
        ("typology", "i1"),  # named at the opening; -1: unclassified
        ("open", "u1"),
        ("judged", "u1"),
        ("pending", "u1"),
    ],
    align=True,
)

RULES = np.dtype(
    [
        ("decay_ns", "<f8"),
        ("drift", "<f8"),  # surprise that an ordinary frame is allowed
        ("evidence", "<f8"),  # h, published at or above
        ("cooldown_ns", "<i8"),
        ("hindsight_ns", "<i8", (MODEL_TYPOLOGIES + 1,)),  # by typology; last: unclassified
        ("kin", "i1", (MODEL_TYPOLOGIES,)),  # of each typology
        ("confirm_exceedances", "<i8"),
    ],
    align=True,
)


@kernel
def kin_of(decision, rules):
    """Return the kin group of a frame: its largest typology's, or novelty.

    A frame that the supervised head alone finds ordinary owes its surprise to the unsupervised
    ones, and a name from the typology head would be a guess.
    """
    supervised = decision["surprise"][ANOMALY]
    if decision["typology"] < 0 or math.isnan(supervised) or supervised < rules["drift"]:
        return NOVELTY_KIN
    return rules["kin"][decision["typology"]]


@kernel
def clear(episode):
    """Forget an excursion; the evidence starts at 0 again."""
    episode["evidence"] = 0.0
    episode["exceedances"] = 0
    episode["reported"] = 0
    episode["updates"] = 0
    episode["peak"] = 0.0
    episode["peak_at_opening"] = 0.0
    episode["rank"] = 0.0
    episode["p"] = 1.0
    for k in range(MODEL_TYPOLOGIES):
        episode["mass"][k] = 0.0
    episode["typology"] = -1
    episode["open"] = 0
    episode["judged"] = 0
    episode["pending"] = 0


@kernel
def settle(
    episodes,  # (KINS,) EPISODE of one security
    now,  # int64 ns of event time
    rules,  # a RULES record
):
    """Mark what time alone has decided up to `now`; return True when something was.

    At the end of the hindsight window an episode is confirmed if enough flagged frames support it
    or its evidence is twice what it needed, else retracted. The caller tells the updates and
    clears the rows that ended.
    """
    pending = False
    for k in range(KINS):
        episode = episodes[k]
        if episode["open"] == 0:
            continue
        if episode["judged"] == 0 and now > episode["judge_ts"]:
            episode["judged"] = 1
            enough = episode["exceedances"] >= rules["confirm_exceedances"]
            if enough or episode["peak"] >= 2.0 * rules["evidence"]:
                episode["pending"] |= CONFIRMED
            else:
                episode["pending"] |= RETRACTED
                pending = True
                continue
        if episode["judged"] == 1 and now > episode["close_ts"]:
            episode["pending"] |= CLOSED
        if episode["pending"] != 0:
            pending = True
    return pending


@kernel
def _largest_of_kin(episode, kin, rules):
    """Return the typology of this kin with most evidence; -1 for the novelty kin."""
    best = -1
    for k in range(MODEL_TYPOLOGIES):
        if rules["kin"][k] == kin and (best < 0 or episode["mass"][k] > episode["mass"][best]):
            best = k
    return best


@kernel
def _open(episode, decision, kin, rules):
    episode["open"] = 1
    episode["opened_ts"] = decision["ts"]
    episode["opened_arrival"] = decision["arrival"]
    typology = _largest_of_kin(episode, kin, rules)
    episode["typology"] = typology
    window = typology if typology >= 0 else MODEL_TYPOLOGIES
    episode["judge_ts"] = decision["ts"] + rules["hindsight_ns"][window]
    episode["close_ts"] = decision["ts"] + rules["cooldown_ns"]
    episode["last_ts"] = decision["ts"]
    episode["last_arrival"] = decision["arrival"]
    episode["peak_at_opening"] = episode["peak"]
    episode["reported"] = episode["exceedances"]
    episode["pending"] |= OPENED


@kernel
def _support(episode, decision, gain):
    """Add one frame's evidence to the excursion it supports."""
    if episode["evidence"] <= 0.0 and episode["open"] == 0:
        clear(episode)
        episode["start_ts"] = decision["ts"]
        episode["start_arrival"] = decision["arrival"]
    for k in range(MODEL_TYPOLOGIES):
        episode["mass"][k] += gain * decision["probability"][k]
    episode["rank"] = max(episode["rank"], decision["rank"])
    episode["p"] = min(episode["p"], decision["p"])
    episode["exceedances"] += decision["flag"]


@kernel
def absorb(
    episodes,  # (KINS,) EPISODE of one security, already settled up to this frame
    decision,  # a DECISION record
    rules,  # a RULES record
):
    """Let one decided frame speak; return True when it opened or extended an episode.

    Surprise below the drift speaks against every kin group, surprise above it for its own alone.
    A frame without a p-value, or one scored while the model's state was warming, adds nothing.
    """
    now = decision["ts"]
    elapsed = max(now - episodes[0]["ts"], 0)
    keep = math.exp(-elapsed / rules["decay_ns"])
    silent = math.isnan(decision["p"]) or (decision["status"] & WARMING) != 0
    gain = 0.0 if silent else -math.log(decision["p"]) - rules["drift"]
    own_kin = kin_of(decision, rules)
    told = False
    for k in range(KINS):
        episode = episodes[k]
        before = episode["evidence"] * keep
        episode["ts"] = now
        if gain <= 0.0 or k != own_kin:
            episode["evidence"] = max(0.0, before + min(gain, 0.0))
            continue
        _support(episode, decision, gain)
        episode["evidence"] = before + gain
        alone = decision["rank"] - rules["drift"]  # what an overwhelming frame proves by itself
        if decision["flag"] == 0:
            alone = 0.0
        episode["peak"] = max(episode["peak"], episode["evidence"], alone)
        if episode["open"] == 0:
            if episode["evidence"] >= rules["evidence"] or alone >= rules["evidence"]:
                _open(episode, decision, k, rules)
                told = True
        elif decision["flag"] == 1:
            episode["last_ts"] = now
            episode["last_arrival"] = decision["arrival"]
            episode["close_ts"] = now + rules["cooldown_ns"]
            if episode["exceedances"] >= 2 * max(episode["reported"], 1):
                episode["reported"] = episode["exceedances"]
                episode["pending"] |= EXTENDED
                told = True
    return told


@kernel
def follow_frames(
    decisions,  # (N,) DECISION
    start,  # first frame to follow
    stop,  # one past the last
    episodes,  # (S, KINS) EPISODE, updated
    all_rules,  # (1,) RULES
):
    """Follow frames until an episode has something to tell or none is left.

    Returns (frame, absorbed): the frame it stopped at and whether that frame has been absorbed;
    (stop, False) at the end. Not absorbed means that time had settled something first: tell it,
    clear what ended, and call again from the same frame.
    Cost: about 0.1 us a frame, no allocation.
    """
    rules = all_rules[0]
    for i in range(start, stop):
        decision = decisions[i]
        rows = episodes[decision["security"]]
        if settle(rows, decision["ts"], rules):
            return i, False
        if absorb(rows, decision, rules):
            return i, True
    return stop, False
