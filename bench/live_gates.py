"""The goal of the whole market live, G9, judged by `upfeed bench`: what the feed costs and how late
it is under `park`, with the frames in bursts and one by one."""

import statistics

import results

ROUNDS = 5
# profile, what, goal, gate (None: the goal alone), from a report.
GOALS = (
    ("burst", "% of a core", 2.0, 4.0, lambda report: report["cpu_percent"]),
    ("burst", "p50 us", 100.0, None,
     lambda report: report["latency_us"]["kernel_to_callback"]["p50"]),
    ("even", "% of a core", 5.0, 8.0, lambda report: report["cpu_percent"]),
    ("even", "p50 us", 100.0, None,
     lambda report: report["latency_us"]["kernel_to_callback"]["p50"]),
)


def verdict(goal, gate, median):
    if median <= goal:
        return "goal"
    if gate is None:
        return "goal not met, no gate"
    return "gate" if median <= gate else "FAILED"


def judge(profile, counter, goal, gate, values):
    """One row, as the programs print theirs with --gates=json."""
    median = statistics.median(values)
    quarters = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return {"program": "upfeed bench", "id": "G9", "name": f"live, {profile}", "counter": counter,
            "direction": "at_most", "goal": goal, "gate": gate, "measured": True,
            "median": median, "low": quarters[0], "high": quarters[2], "clean": None,
            "verdict": verdict(goal, gate, median)}


def rows(folder, seconds):
    """folder  where `upfeed` is.  Rounds of both profiles in turn, `seconds` each."""
    reports = {"burst": [], "even": []}
    for _ in range(ROUNDS):
        for profile, found in reports.items():
            found.append(results.bench(folder, "--profile", profile, "--seconds", seconds,
                                       "--warmup", 1))
    return [judge(profile, counter, goal, gate, [value(each) for each in reports[profile]])
            for profile, counter, goal, gate, value in GOALS]
