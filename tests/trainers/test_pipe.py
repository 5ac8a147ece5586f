"""What the lists do when who reads them has seen enough, as `| head` has."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from trainers import pending
from trainers.studies import __main__ as studies


@contextmanager
def nobody_reads() -> Iterator[None]:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as output, redirect_stdout(output):
        yield


def test_what_is_pending(tmp_path, capsys):
    with nobody_reads():
        assert pending.main(tmp_path) == 0
    assert capsys.readouterr().err == ""


def test_what_is_measured(capsys):
    with nobody_reads():
        assert studies.main(["list"]) == 0
    assert capsys.readouterr().err == ""
