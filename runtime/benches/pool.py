"""The same as pool.rs with Python's Pool and ProcessPoolExecutor."""

import multiprocessing as mp
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor

TASKS = 20_000


def square(x):
    return x * x


def square_or_die(x):
    if x == 50:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.001)
    return x * x


def timed(count, run):
    start = time.perf_counter()
    run()
    return count / (time.perf_counter() - start)


def one_by_one(submit):
    for _ in range(50):
        submit(5)
    return 1e6 / timed(2000, lambda: [submit(5) for _ in range(2000)])


if __name__ == "__main__":
    print(f"{'':<44} {'Pool':>14} {'Executor':>14}")
    with mp.Pool(2) as pool, ProcessPoolExecutor(2) as executor:
        a = one_by_one(lambda x: pool.apply(square, (x,)))
        b = one_by_one(lambda x: executor.submit(square, x).result())
        print(f"{'one call at a time':<44} {a:>11.1f} us {b:>11.1f} us")

        def pooled():
            tasks = [pool.apply_async(square, (x,)) for x in range(TASKS)]
            assert all(task.get() == x * x for x, task in enumerate(tasks))

        def executed():
            tasks = [executor.submit(square, x) for x in range(TASKS)]
            assert all(task.result() == x * x for x, task in enumerate(tasks))

        a, b = timed(TASKS, pooled) / 1e3, timed(TASKS, executed) / 1e3
        print(f"{'20,000 tasks one by one':<44} {a:>10.1f} k/s {b:>10.1f} k/s")
        a = timed(TASKS, lambda: pool.map(square, range(TASKS))) / 1e3
        b = timed(TASKS, lambda: list(executor.map(square, range(TASKS), chunksize=2500))) / 1e3
        print(f"{'20,000 tasks by map':<44} {a:>10.1f} k/s {b:>10.1f} k/s")

    pool = mp.Pool(2)
    tasks = [pool.apply_async(square_or_die, (x,)) for x in range(100)]
    end, done = time.monotonic() + 5, 0
    for task in tasks:
        try:
            task.get(max(0, end - time.monotonic()))
            done += 1
        except mp.TimeoutError:
            pass
    pool.terminate()
    executor = ProcessPoolExecutor(2)
    tasks = [executor.submit(square_or_die, x) for x in range(100)]
    other = sum(task.exception() is None for task in tasks)
    print(f"{'of 100 tasks done, when one kills its worker':<44} {done:>14} {other:>14}")
