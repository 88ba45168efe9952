"""The same as channel/main.rs with Python's Pipe."""

import multiprocessing as mp
import os
import resource
import statistics
import time

ROUNDS = 5


def pin(cpus):
    if cpus:
        os.sched_setaffinity(0, cpus)


def take(control, receiver, buffer):
    """Takes so many messages each time it is told to."""
    receive = receiver.recv if buffer is None else lambda: receiver.recv_bytes_into(buffer)
    while count := control.recv():
        control.send(None)
        for _ in range(count):
            receive()
        control.send(None)


def answer(control, pipe, cpus):
    pin(cpus)
    while count := control.recv():
        control.send(None)
        for _ in range(count):
            pipe.send_bytes(pipe.recv_bytes())
        control.send(None)


def timed(target, arguments, count, part):
    """Seconds that a message takes."""
    control, theirs = mp.Pipe()
    child = mp.Process(target=target, args=(theirs, *arguments))
    child.start()
    times = []
    for _ in range(ROUNDS):
        control.send(count)
        control.recv()
        start = time.perf_counter()
        for _ in range(count):
            part()
        control.recv()
        times.append((time.perf_counter() - start) / count)
    control.send(0)
    child.join()
    return statistics.median(times)


def one_way(size, count, is_value=False):
    receiver, sender = mp.Pipe(duplex=False)
    message = 7 if is_value and size == 8 else bytes(size)
    send = sender.send if is_value else sender.send_bytes
    buffer = None if is_value else bytearray(size)
    return timed(take, (receiver, buffer), count, lambda: send(message))


def there_and_back(cpus, count):
    pipe, theirs = mp.Pipe()
    message = bytes(8)

    def part():
        pipe.send_bytes(message)
        pipe.recv_bytes()

    return timed(answer, (theirs, cpus), count, part)


def many():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    before = len(os.listdir("/proc/self/fd"))
    start = time.perf_counter()
    pipes = [mp.Pipe(duplex=False) for _ in range(1000)]
    opening = time.perf_counter() - start
    each = (len(os.listdir("/proc/self/fd")) - before) / 2000
    start = time.perf_counter()
    for number, (receiver, sender) in enumerate(pipes):
        sender.send(number)
        assert receiver.recv() == number
    message = time.perf_counter() - start
    print(f"\n{'1,000 pipes open at once':<34} {'fds per end':>13} {'to open one':>13} {'a message in each':>17}")
    print(f"{'Python':<34} {each:>13.1f} {opening * 1e3:>10.1f} us {message * 1e3:>14.1f} us")


if __name__ == "__main__":
    print(f"{'between two processes':<34} {'Python':>13}")
    for name, size, count in [("8 B", 8, 20_000), ("1 KiB", 1 << 10, 20_000), ("1 MiB", 1 << 20, 100)]:
        for kind in ["bytes" if size > 8 else "an int", None]:
            seconds = one_way(size, count, kind is not None)
            figure = f"{size / seconds / (1 << 30):.3f} GiB/s" if size == 1 << 20 else f"{1e-6 / seconds:.3f} M/s"
            label = f"one way, {name}: {f'{kind}, pickled' if kind else 'bytes'}"
            print(f"{label:<34} {figure:>13}")
    cpus = sorted(os.sched_getaffinity(0))
    for name, here, there in [("two CPUs", *cpus[:2])] * (len(cpus) > 1) + [("one CPU", cpus[0], cpus[0])]:
        pin([here])
        seconds = there_and_back([there], 2000)
        label = f"there and back, 8 B, {name}"
        print(f"{label:<34} {seconds * 1e6:>10.3f} us")
    pin(cpus)
    many()
