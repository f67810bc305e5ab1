"""A Hawkes process with two exponential kernels: its compensator, and its fit by EM.

The intensity after events t_i is mu + sum_i sum_j a_j b_j exp(-b_j (t - t_i)): `mu` events arrive
by themselves each second, and each event has a_j children through kernel j, after 1 / b_j seconds
on average. Two kernels, since machine reactions (about a millisecond) and the clustering of
interest (about a second) differ by three decades.

All that the past contributes is kept in two excitations R_j = sum_i exp(-b_j (t - t_i)), so that
the compensator of any stretch without events is mu dt + sum_j a_j (R_j at its start - at its end).

Source: Ozaki (1979), Ann. Inst. Stat. Math. 31; Bacry, Mastromatteo & Muzy (2015), Market
Microstructure and Liquidity 1(1); EM after Veen & Schoenberg (2008), JASA 103.
"""

import math

from kernels.jit import hot_kernel, kernel

# Columns of a parameter row.
MU, A1, B1, A2, B2 = range(5)
HAWKES_PARAMETERS = 5

MAX_BRANCHING = 0.95  # a1 + a2 of a fit: one must not explode
MIN_DECAY, MAX_DECAY = 1e-2, 5e3  # 1/s; ties of one timestamp would push a decay to infinity


@hot_kernel
def decayed(excitation, rate, dt_s):
    """Return an excitation `dt_s` seconds later; `rate` in 1/s."""
    return excitation * math.exp(-rate * dt_s)


@kernel
def fit_step(
    times,  # (N,) int64, ns, ascending
    end,  # int64, ns: end of observation; its start is times[0]
    parameters,  # (5,) float64: MU, A1, B1, A2, B2; replaced by the next estimate
):
    """Take one EM step in place and return the log-likelihood of the parameters it came with.

    The likelihood never falls from one step to the next until a bound (`MAX_BRANCHING`,
    `MIN_DECAY`, `MAX_DECAY`) binds. The first event opens the observation and is not judged.
    NaN, and no step, with fewer than 2 events or no time.

    Cost: O(N), two exponentials an event, no allocation.
    """
    n = times.shape[0]
    if n < 2 or end <= times[0]:
        return math.nan
    mu = parameters[MU]
    a1, b1, a2, b2 = parameters[A1], parameters[B1], parameters[A2], parameters[B2]
    # r: excitation; s: its sum of delays; born, waited: expected children and their delays.
    r1, r2, s1, s2 = 1.0, 1.0, 0.0, 0.0
    immigrants, born1, born2, waited1, waited2, loglik = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(1, n + 1):
        dt = ((times[i] if i < n else end) - times[i - 1]) * 1e-9
        e1, e2 = math.exp(-b1 * dt), math.exp(-b2 * dt)
        s1, s2 = e1 * (s1 + dt * r1), e2 * (s2 + dt * r2)
        r1, r2 = e1 * r1, e2 * r2
        if i == n:
            break
        intensity = mu + a1 * b1 * r1 + a2 * b2 * r2
        loglik += math.log(intensity)
        immigrants += mu / intensity
        born1 += a1 * b1 * r1 / intensity
        born2 += a2 * b2 * r2 / intensity
        waited1 += a1 * b1 * s1 / intensity
        waited2 += a2 * b2 * s2 / intensity
        r1 += 1.0
        r2 += 1.0
    span = (end - times[0]) * 1e-9
    loglik -= mu * span + a1 * (n - r1) + a2 * (n - r2)

    parameters[MU] = immigrants / span
    new1, new2 = born1 / (n - r1), born2 / (n - r2)
    if born1 > 0.0:
        parameters[B1] = min(max(born1 / (waited1 + a1 * s1), MIN_DECAY), MAX_DECAY)
    if born2 > 0.0:
        parameters[B2] = min(max(born2 / (waited2 + a2 * s2), MIN_DECAY), MAX_DECAY)
    excess = max(1.0, (new1 + new2) / MAX_BRANCHING)
    parameters[A1], parameters[A2] = new1 / excess, new2 / excess
    return loglik


@kernel
def fit(times, end, steps, parameters):
    """Take `steps` EM steps in place and return the last log-likelihood; see `fit_step`."""
    loglik = math.nan
    for _ in range(steps):
        loglik = fit_step(times, end, parameters)
    return loglik
