"""Orders for synthetic tables, and the results that their tallies come to."""

from __future__ import annotations

from libs.blackjack.configuration import Configuration
from libs.blackjack.profiles.findings import Note
from libs.blackjack.tally import SessionTally
from libs.simulation.documents import ComparisonResult, Convergence, SimulationResult
from libs.simulation.orders import Axis, AxisValue, ComparisonOrder, Run, SimulationOrder, SweepOrder
from libs.simulation.result import compare, estimate, estimate_difference, summarize
from tests.libs.simulation import synthetic as made

RUN = Run(seed=7, rounds_max=10_000)
NOTES = (Note("/casino/reshuffle_penetration", "75 was read as 0.75"),)


def simulation_order(configuration: Configuration) -> SimulationOrder:
    return SimulationOrder(given={}, run=RUN, notes=NOTES, configuration=configuration)


def simulated(
    configuration: Configuration, blocks: made.Blocks, sessions: SessionTally | None = None
) -> SimulationResult:
    points = [
        made.tally(configuration, blocks[:end], sessions) for end in range(1, len(blocks) + 1, max(1, len(blocks) // 5))
    ]
    return summarize(
        simulation_order(configuration),
        made.tally(configuration, blocks, sessions),
        stopped="rounds",
        seconds=1.5,
        convergence=[Convergence(rounds=each.tables[0].rounds, players=tuple(estimate(each))) for each in points],
    )


def compared(a: Configuration, b: Configuration, one: made.Blocks, other: made.Blocks) -> ComparisonResult:
    ends = range(2, len(one) + 1, max(1, len(one) // 5))
    points = [made.tally((a, b), (one[:end], other[:end])) for end in ends]
    return compare(
        ComparisonOrder(given={}, run=RUN, notes=NOTES, a=a, b=b),
        made.tally((a, b), (one, other)),
        stopped="target",
        seconds=2.0,
        convergence=[
            Convergence(rounds=each.tables[0].rounds, players=tuple(estimate_difference(each))) for each in points
        ],
    )


def sweep_order(base: Configuration, *axes: tuple[str, tuple[str, ...]]) -> SweepOrder:
    return SweepOrder(
        given={},
        run=RUN,
        notes=NOTES,
        base=base,
        template={},
        axes=tuple(
            Axis(path=f"/casino/{label}", label=label, values=tuple(AxisValue(value, value) for value in values))
            for label, values in axes
        ),
    )
