"""One scored frame to a p-value: first decide, then learn.

Location and scale of each head follow the market's conditions, never the score's own history, but
for one slow tracker that a whole campaign cannot move by much. The decision on a frame reads only
what was learnt from earlier frames of the same security.
"""

import math

import numpy as np

from kernels.jit import kernel
from kernels.tail import TAIL, cauchy_surprise, tail_surprise

HEADS = 3  # anomaly, novelty, latent
ANOMALY, NOVELTY, LATENT = range(HEADS)
MODEL_TYPOLOGIES = 13
CONDITIONS = 10  # five of the peers, four of the security itself, the fraction of the session
PEERS = 5
OWN = 4
SESSION = 9
EXOGENOUS = 8  # 1, five peers, session fraction and its square
REGIMES = 3  # quiet, normal, volatile, by the peers' volatility
MAX_LOG_SCALE = 1.4  # conditions move a scale by at most a factor of four
MAX_STEP_NS = 60_000_000_000  # a silence teaches the tracker no more than this

STALE, WARMING = 1, 2  # bits of a frame's status

CALIBRATION = np.dtype(
    [
        ("center", "<f8", (CONDITIONS,)),  # conditions are clipped to [low, high], then
        ("spread", "<f8", (CONDITIONS,)),  # standardised by center and spread
        ("low", "<f8", (CONDITIONS,)),
        ("high", "<f8", (CONDITIONS,)),
        ("own_mean", "<f8", (OWN, EXOGENOUS)),  # expected own condition given the exogenous
        ("own_cap", "<f8", (OWN,)),  # P95 of its residual
        ("own_beta", "<f8", (HEADS, OWN)),  # effect of the residual on the location
        ("beta", "<f8", (HEADS, EXOGENOUS)),  # location
        ("gamma", "<f8", (HEADS, EXOGENOUS)),  # logarithm of the scale
        ("iqr", "<f8", (HEADS,)),  # calibration interquartile range of the residual
        ("edges", "<f8", (REGIMES - 1,)),  # standardised peer volatility between regimes
        ("tails", TAIL, (HEADS, REGIMES)),
        ("remap", TAIL),  # -ln p of the combination to -ln p that is uniform
        ("weights", "<f8", (HEADS,)),
        ("floor_y", "<f8"),  # ln(declustered blocks): no p below exp(-floor_y) is claimed
        ("evidence", "<f8"),  # h, what an episode must reach to be published
        ("calibrated", "u1"),
    ],
    align=True,
)

# What a security's threshold has learnt.
TRACKER = np.dtype(
    [
        ("ts", "<i8"),  # ns, of the last frame
        ("first_ts", "<i8"),
        ("frames", "<i8"),
        ("gathered", "<i8"),  # of a warm-up
        ("offset", "<f8", (HEADS,)),  # slow tracker, units of `base_scale`
        ("base_location", "<f8", (HEADS,)),  # from warm-up; 0 and 1 when calibrated
        ("base_scale", "<f8", (HEADS,)),
        ("floor_y", "<f8"),
        ("ready", "u1"),  # 1: p-values are given
    ],
    align=True,
)

SETTINGS = np.dtype(
    [
        ("flag_y", "<f8"),  # -ln of the flag's p
        ("flag_z", "<f8", (HEADS, REGIMES)),  # the z at which one head alone has that p
        ("half_life_ns", "<f8"),  # of the tracker
        ("warmup_ns", "<i8"),
    ],
    align=True,
)

# What was decided on one scored frame, and from what.
DECISION = np.dtype(
    [
        ("arrival", "<i8"),
        ("ts", "<i8"),
        ("security", "<i4"),
        ("typology", "i1"),  # largest logit; -1: logits undefined
        ("regime", "u1"),
        ("status", "u1"),  # the frame's own bits: stale, warming
        ("flag", "u1"),
        ("calibrated", "u1"),
        ("by", "i1"),  # the head with the largest surprise; -1 none
        ("p", "<f8"),  # NaN: none is claimed (warm-up, no score)
        ("rank", "<f8"),  # -ln p without the floor: orders what lies beyond it
        ("combined", "<f8"),  # -ln p of the combination before the remap
        ("surprise", "<f8", (HEADS,)),  # -ln p of each head
        ("z", "<f8", (HEADS,)),
        ("location", "<f8", (HEADS,)),  # given the conditions, own share and tracker included
        ("scale", "<f8", (HEADS,)),
        ("own_effect", "<f8", (HEADS,)),
        ("threshold", "<f8", (HEADS,)),  # score at which the head alone would flag
        ("offset", "<f8", (HEADS,)),  # the tracker when it decided
        ("base_location", "<f8", (HEADS,)),
        ("base_scale", "<f8", (HEADS,)),
        ("exogenous", "<f8", (EXOGENOUS,)),  # standardised regressors
        ("own", "<f8", (OWN,)),
        ("scores", "<f4", (HEADS,)),
        ("conditions", "<f4", (CONDITIONS,)),
        ("probability", "<f4", (MODEL_TYPOLOGIES,)),  # softmax of the typology logits
        ("modality", "<f4", (4,)),
        ("ranges", "<f4", (4,)),
    ],
    align=True,
)


@kernel
def score_scale(head, score):
    """Return the score on the scale it is standardised on: asinh for the unbounded distances."""
    if head == ANOMALY:
        return score
    return math.asinh(score)


@kernel
def score_unscale(head, value):
    """Return the score of a value on the standardising scale: the inverse of `score_scale`."""
    if head == ANOMALY:
        return value
    return math.sinh(value)


@kernel
def _standard(calibration, conditions, j):
    """Return condition j clipped and standardised; 0, the centre, where it is undefined."""
    c = float(conditions[j])
    if math.isnan(c):
        return 0.0
    c = min(max(c, calibration["low"][j]), calibration["high"][j])
    return (c - calibration["center"][j]) / calibration["spread"][j]


@kernel
def design_row(
    calibration,  # a CALIBRATION record
    conditions,  # (10,) float
    exogenous,  # (8,) float64, written: 1, five peers, session fraction, its square
    own,  # (4,) float64, written: own residuals given the peers, capped at their P95
):
    """Write the regressors of one frame.

    The own conditions enter as residuals from what the peers would lead one to expect, capped, so
    that a security that is flooded by its abuser looks no busier than its busiest calm day. An
    undefined one is as expected.
    """
    exogenous[0] = 1.0
    for j in range(PEERS):
        exogenous[1 + j] = _standard(calibration, conditions, j)
    session = _standard(calibration, conditions, SESSION)
    exogenous[6] = session
    exogenous[7] = session * session
    for j in range(OWN):
        own[j] = 0.0
        if math.isnan(conditions[PEERS + j]):
            continue
        expected = 0.0
        for e in range(EXOGENOUS):
            expected += calibration["own_mean"][j, e] * exogenous[e]
        residual = _standard(calibration, conditions, PEERS + j) - expected
        own[j] = min(residual, calibration["own_cap"][j])


@kernel
def design_rows(
    calibrations,  # (1,) CALIBRATION
    conditions,  # (N, 10) float32
    exogenous,  # (N, 8) float64, written
    own,  # (N, 4) float64, written
):
    """Write the regressors of N frames, for the calibration's fit."""
    for i in range(conditions.shape[0]):
        design_row(calibrations[0], conditions[i], exogenous[i], own[i])


@kernel
def regime_of(calibration, exogenous):
    """Return the regime, 0 to REGIMES - 1, of standardised conditions."""
    regime = 0
    for r in range(REGIMES - 1):
        if exogenous[1] > calibration["edges"][r]:
            regime = r + 1
    return regime


@kernel
def locate(
    calibration,  # a CALIBRATION record
    head,
    exogenous,  # (8,) float64
    own,  # (4,) float64
):
    """Return (location without own share, own share, scale) of one head given the conditions.

    The own share is clipped to one calibration IQR, whatever the coefficients.
    """
    location = 0.0
    log_scale = 0.0
    for e in range(EXOGENOUS):
        location += calibration["beta"][head, e] * exogenous[e]
        if e > 0:
            log_scale += calibration["gamma"][head, e] * exogenous[e]
    share = 0.0
    for j in range(OWN):
        share += calibration["own_beta"][head, j] * own[j]
    bound = calibration["iqr"][head]
    share = min(max(share, -bound), bound)
    log_scale = min(max(log_scale, -MAX_LOG_SCALE), MAX_LOG_SCALE)
    return location, share, math.exp(calibration["gamma"][head, 0] + log_scale)


@kernel
def _name(typology, decision):
    """Write the softmax of the typology logits and the largest of them; -1 when undefined."""
    best = 0
    for k in range(MODEL_TYPOLOGIES):
        if not math.isfinite(typology[k]):
            decision["typology"] = -1
            for j in range(MODEL_TYPOLOGIES):
                decision["probability"][j] = 0.0
            return
        if typology[k] > typology[best]:
            best = k
    decision["typology"] = best
    total = 0.0
    for k in range(MODEL_TYPOLOGIES):
        total += math.exp(float(typology[k]) - float(typology[best]))
    for k in range(MODEL_TYPOLOGIES):
        decision["probability"][k] = math.exp(float(typology[k]) - float(typology[best])) / total


@kernel
def _decide(calibration, settings, tracker, decision):
    """Fill the p-values of `decision` from what the tracker knew before this frame."""
    exogenous = decision["exogenous"]
    own = decision["own"]
    regime = regime_of(calibration, exogenous)
    decision["regime"] = regime
    surprise = decision["surprise"]
    by = -1
    for h in range(HEADS):
        location, share, scale = locate(calibration, h, exogenous, own)
        offset = tracker["offset"][h]
        base = tracker["base_scale"][h]
        location = tracker["base_location"][h] + base * (location + share + offset)
        scale = base * scale
        z = (score_scale(h, float(decision["scores"][h])) - location) / scale
        decision["location"][h] = location
        decision["scale"][h] = scale
        decision["own_effect"][h] = share
        decision["offset"][h] = offset
        decision["base_location"][h] = tracker["base_location"][h]
        decision["base_scale"][h] = base
        decision["z"][h] = z
        flag_at = location + scale * settings["flag_z"][h, regime]
        decision["threshold"][h] = score_unscale(h, flag_at)
        y = tail_surprise(calibration["tails"][h, regime], z)
        surprise[h] = y
        if not math.isnan(y) and (by < 0 or y > surprise[by]):
            by = h
    decision["by"] = by
    combined = cauchy_surprise(surprise, calibration["weights"])
    decision["combined"] = combined
    decision["flag"] = 0
    if math.isnan(combined) or tracker["ready"] == 0:
        decision["p"] = math.nan
        decision["rank"] = 0.0
        return
    rank = tail_surprise(calibration["remap"], combined)
    decision["rank"] = rank
    claimed = min(rank, tracker["floor_y"])
    decision["p"] = math.exp(-claimed)
    if claimed >= settings["flag_y"]:
        decision["flag"] = 1


@kernel
def _learn(calibration, settings, tracker, decision):
    """Move the tracker by the frame just decided, by its share of the half-life and no further."""
    if tracker["frames"] == 0:
        tracker["first_ts"] = decision["ts"]
        step = 0
    else:
        step = min(max(decision["ts"] - tracker["ts"], 0), MAX_STEP_NS)
    tracker["ts"] = max(tracker["ts"], decision["ts"])
    tracker["frames"] += 1
    if tracker["ready"] == 0 or decision["status"] != 0 or step == 0:
        return
    gain = -math.expm1(-math.log(2.0) * step / settings["half_life_ns"])
    for h in range(HEADS):
        surplus = decision["z"][h] * decision["scale"][h] / tracker["base_scale"][h]
        if math.isnan(surplus):
            continue
        bound = calibration["iqr"][h]
        moved = tracker["offset"][h] + gain * min(max(surplus, -bound), bound)
        tracker["offset"][h] = min(max(moved, -bound), bound)


@kernel
def _warm_up(settings, tracker, decision, warmup):
    """Gather the first frames of an uncalibrated security; set its location and scale when enough.

    Location is the median, scale (P90 - median) / ln 5, that of an exponential upper half. Both
    are then fixed: a threshold that keeps learning from its own scores can be taught by abuse.
    """
    if tracker["ready"] == 1 or decision["status"] != 0:
        return
    size = warmup.shape[1]
    slot = tracker["gathered"] % size
    for h in range(HEADS):
        score = float(decision["scores"][h])
        warmup[h, slot] = score_scale(h, score) if math.isfinite(score) else 0.0
    tracker["gathered"] += 1
    seen_ns = decision["ts"] - tracker["first_ts"] if tracker["frames"] > 0 else 0
    if tracker["gathered"] < size or seen_ns < settings["warmup_ns"]:
        return
    for h in range(HEADS):
        values = warmup[h]
        values.sort()
        median = values[size // 2]
        spread = (values[(9 * size) // 10] - median) / math.log(5.0)
        tracker["base_location"][h] = median
        tracker["base_scale"][h] = max(spread, 1e-6 * max(1.0, abs(median)))
    tracker["floor_y"] = math.log(float(size))
    tracker["ready"] = 1


@kernel
def decide_frames(
    scores,  # (N,) SCORE rows: security, arrival, ts, anomaly, typology, novelty, latent, ...
    conditions,  # (N, 10) float32
    status,  # (N,) uint8
    calibrations,  # (1,) CALIBRATION
    all_settings,  # (1,) SETTINGS
    trackers,  # (S,) TRACKER, updated
    warmup,  # (S, 3, W) float64, updated; W = 0 when calibrated
    out,  # (N,) DECISION, written
):
    """Decide on N frames in order, learning from each after it was decided.

    All state is the security's own. A head whose score is not finite says nothing.
    Cost: about 0.5 us a frame, no allocation but the sort that ends a warm-up.
    """
    calibration = calibrations[0]
    settings = all_settings[0]
    for i in range(scores.shape[0]):
        score = scores[i]
        decision = out[i]
        security = score["security"]
        tracker = trackers[security]
        decision["arrival"] = score["arrival"]
        decision["ts"] = score["ts"]
        decision["security"] = security
        decision["status"] = status[i]
        decision["calibrated"] = calibration["calibrated"]
        decision["scores"][ANOMALY] = score["anomaly"]
        decision["scores"][NOVELTY] = score["novelty"]
        decision["scores"][LATENT] = score["latent"]
        for h in range(HEADS):
            if not math.isfinite(decision["scores"][h]):
                decision["scores"][h] = math.nan
        for j in range(CONDITIONS):
            decision["conditions"][j] = conditions[i, j]
        for j in range(4):
            decision["modality"][j] = score["modality"][j]
            decision["ranges"][j] = score["ranges"][j]
        _name(score["typology"], decision)
        design_row(calibration, decision["conditions"], decision["exogenous"], decision["own"])
        _decide(calibration, settings, tracker, decision)
        if calibration["calibrated"] == 0:
            _warm_up(settings, tracker, decision, warmup[security])
        _learn(calibration, settings, tracker, decision)
