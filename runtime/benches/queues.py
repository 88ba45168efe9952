"""The same as queue.rs with Python's Queue and SimpleQueue."""

import multiprocessing as mp
import time

ITEMS = 100_000


def produce(queue, start, items):
    start.wait()
    for item in range(items):
        queue.put(item)


def consume(queue, start, items):
    start.wait()
    for _ in range(items):
        queue.get()


def answer(questions, answers, items):
    for _ in range(items):
        answers.put(questions.get())


def through(make, pairs, items):
    queue = make()
    start = mp.Barrier(2 * pairs + 1)
    each = (queue, start, items // pairs)
    children = [mp.Process(target=f, args=each) for f in [produce, consume] * pairs]
    for child in children:
        child.start()
    start.wait()
    begin = time.perf_counter()
    for child in children:
        child.join()
    return items / (time.perf_counter() - begin) / 1e6


def there_and_back(make):
    items = 10_000
    questions, answers = make(), make()
    child = mp.Process(target=answer, args=(questions, answers, items))
    child.start()
    begin = time.perf_counter()
    for item in range(items):
        questions.put(item)
        assert answers.get() == item
    length = time.perf_counter() - begin
    child.join()
    return length * 1e6 / items


if __name__ == "__main__":
    print(f"{'Python':<44} {'Queue':>14} {'SimpleQueue':>14}")
    for pairs in [1, 2, 4]:
        a, b = (through(make, pairs, ITEMS) for make in [mp.Queue, mp.SimpleQueue])
        print(f"{f'{pairs} to {pairs}, unbounded':<44} {a:>10.3f} M/s {b:>10.3f} M/s")
    a = through(lambda: mp.Queue(1000), 2, ITEMS)
    print(f"{'2 to 2, bounded to 1000':<44} {a:>10.3f} M/s")
    a, b = (there_and_back(make) for make in [mp.Queue, mp.SimpleQueue])
    print(f"{'there and back':<44} {a:>11.1f} us {b:>11.1f} us")
