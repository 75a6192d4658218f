"""The project's benchmarks: what graphlang takes in time and memory, beside what people would use instead.

    python -m benchmarks                       every workload, a table for each size
    python -m benchmarks mlp conv --threads 1  some of them, on one core
    python -m benchmarks --json > result.json  for machines
    python -m benchmarks --docs                keeps the results, and writes docs/performance.md

A *workload* (`workloads/`) is a task with sizes; a *contender* is one way of doing it. The kinds:

- `graphlang`: the tool, driven as its commands drive it;
- `peer`: a program that somebody would use instead today;
- `hand`: the same written by hand as well as we can, which nobody would do for every model;
- `floor`: a part of the work that nobody can avoid, such as its matrix products alone.

Every contender lives in a process of its own, on the same cores and with the same number of threads, so that
no thread pool or allocator meets another. First all of them compute the same numbers, or are left out of the
comparison; then they are timed in short bursts, one at a time, round by round in rotating order. What is
compared are times of the same round, so that a slow minute of the machine is slow for all.

`harness.py` says what a contender is, `worker.py` is its process, `measure.py` conducts, `report.py` prints,
`page.py` and `plots.py` write the page of what `record.py` keeps.
What is called of graphlang is in `ours.py`.
"""
