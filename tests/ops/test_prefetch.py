"""Items that are computed ahead of their consumer."""

import threading

import pytest

from vqzoo.ops.prefetch import ahead


def test_items_come_in_order_from_another_thread():
    def items():
        for number in range(3):
            yield number, threading.current_thread()

    numbers, threads = zip(*ahead(items()), strict=True)
    assert numbers == (0, 1, 2) and threading.current_thread() not in threads


def test_items_do_not_wait_for_their_consumer():
    finished = threading.Event()

    def items():
        yield from range(50)
        finished.set()

    consumer = ahead(items())
    assert next(consumer) == 0
    assert finished.wait(60)
    assert list(consumer) == [*range(1, 50)]


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        raise ValueError("the second")

    consumer = ahead(items())
    assert next(consumer) == 1
    with pytest.raises(ValueError, match="the second"):
        next(consumer)


def test_a_consumer_that_stops_closes_the_items():
    closed, go_on = threading.Event(), threading.Event()

    def items():
        try:
            yield 0
            go_on.wait(60)
            yield from range(1, 100)
        finally:
            closed.set()

    consumer = ahead(items())
    assert next(consumer) == 0
    threading.Timer(0.1, go_on.set).start()
    consumer.close()
    assert closed.is_set(), "closing waits for the item in progress"
