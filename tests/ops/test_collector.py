"""The garbage collector is off for as long as it is said, and on again whatever happens."""

import gc

import pytest

from vqzoo.ops.collector import uncollected


def test_it_rests_inside_alone():
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="why"), uncollected():
        raise ValueError("why")
    assert gc.isenabled()
