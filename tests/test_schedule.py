import numpy as np
import pytest

from darkpool_watch.errors import ReplayError
from darkpool_watch.features.frames import Frames
from darkpool_watch.schedule import Conflating, Nominal, Recorded, Scheduler
from darkpool_watch.wire.schedule import CONFLATED, SCHEDULE
from kernels.layout import OBSERVATION, ON_STRIDE, ON_TRADE


def block(securities: list[int], first: int = 0) -> tuple[Frames, np.ndarray, np.ndarray]:
    """Return frames of these securities, one an event from arrival `first`; odd ones by stride."""
    n = len(securities)
    arrival = np.arange(first, first + n)
    observations = np.zeros(n, OBSERVATION)
    observations["arrival"] = arrival
    frames = Frames(
        arrival,
        arrival * 10,
        np.array(securities, np.int32),
        np.where(arrival % 2, ON_STRIDE, ON_TRADE).astype(np.uint8),
        np.zeros(n, np.uint8),
        np.zeros((n, 240), np.float32),
        np.zeros((n, 240), np.uint8),
        np.zeros((n, 10), np.float32),
        np.zeros((n, 240), np.float32),
    )
    return frames, observations, 1_000 + arrival


def drain(scheduler: Scheduler, limit: int = 4) -> list[list[int]]:
    steps = []
    while (due := scheduler.take(limit)) is not None:
        assert len(set(due.frames.security.tolist())) == len(due.frames.security)
        assert due.observations["arrival"].tolist() == due.frames.arrival.tolist()
        steps.append(due.frames.arrival.tolist())
    return steps


def test_nominal_scores_every_frame_each_securitys_in_order() -> None:
    scheduler = Nominal()
    scheduler.push(*block([1, 1, 2, 1, 3]))
    assert drain(scheduler) == [[0, 2, 4], [1], [3]]
    assert scheduler.conflated == 0


def test_nominal_refuses_a_block_before_the_last_is_scored() -> None:
    scheduler = Nominal()
    scheduler.push(*block([1]))
    with pytest.raises(ReplayError, match="1 frames were due and unscored"):
        scheduler.push(*block([2], 1))


def test_conflating_keeps_the_newest_frame_at_the_oldest_place() -> None:
    scheduler = Conflating()
    scheduler.push(*block([1, 2, 1]))
    scheduler.push(*block([3, 2], 3))
    # 1: frame 0 gives way to 2; 2: frame 1 to 4. Places: 1, 2, 3.
    assert drain(scheduler) == [[2, 4, 3]]
    assert scheduler.conflated == 2


def test_conflating_settles_the_stamps_of_all_informative_events_it_replaced() -> None:
    scheduler = Conflating()
    scheduler.push(*block([1, 1, 1]))  # arrivals 0, 1, 2; 1 is a stride
    scheduler.push(*block([1, 1], 3))  # 3 is a stride
    due = scheduler.take(4)
    assert due is not None
    assert due.sent_ns.tolist() == [1_000, 1_002, 1_004]
    assert due.conflated.tolist() == [True]


def test_a_forgotten_security_is_not_scored() -> None:
    for scheduler in (Nominal(), Conflating()):
        scheduler.push(*block([1, 2, 3]))
        scheduler.forget(2)
        scheduler.forget(9)
        assert drain(scheduler) == [[0, 2]]


def scored(arrivals: list[int], replaced: list[int]) -> np.ndarray:
    """Return the schedule of frames scored at these arrivals, those of `replaced` conflated."""
    rows = np.zeros(len(arrivals), SCHEDULE)
    rows["arrival"] = arrivals
    rows["flags"] = np.isin(arrivals, replaced) * np.uint8(CONFLATED)
    return rows


def test_recorded_scores_what_the_schedule_names_and_counts_the_rest() -> None:
    scheduler = Recorded(scored([4, 0], replaced=[4]))
    scheduler.push(*block([1, 2, 1]))
    assert drain(scheduler) == [[0]]
    scheduler.push(*block([3, 2], 3))
    assert drain(scheduler) == [[4]]
    assert scheduler.conflated == 3
    scheduler.finish()


def test_recorded_says_again_which_frames_had_replaced_others() -> None:
    scheduler = Recorded(scored([4, 2, 3], replaced=[2, 4]))
    scheduler.push(*block([1, 2, 1, 3, 2]))
    due = scheduler.take(4)
    assert due is not None
    assert due.frames.arrival.tolist() == [2, 3, 4]
    assert due.conflated.tolist() == [True, False, True]


def test_recorded_refuses_a_schedule_of_another_day() -> None:
    scheduler = Recorded(scored([0, 77], replaced=[]))
    scheduler.push(*block([1]))
    drain(scheduler)
    with pytest.raises(ReplayError, match="names 2 frames, the capture gave 1"):
        scheduler.finish()


def test_recorded_asks_nothing_of_a_capture_beyond_the_events_that_it_holds() -> None:
    for arrivals, held in (([0, 77], 1), ([0, 2], 3)):
        scheduler = Recorded(scored(arrivals, replaced=[]))
        scheduler.push(*block([1]))
        drain(scheduler)
        if held == 1:
            scheduler.finish(held)
            assert (scheduler.named, scheduler.matched) == (2, 1)
        else:
            with pytest.raises(ReplayError, match="names 2 frames among the 3 events that the"):
                scheduler.finish(held)
