"""Blind comparisons: no name before the vote, every pair in its turn, and votes that add up."""

from collections import Counter
from random import Random

import pytest

from vqzoo.views.blind import LEFT, RIGHT, SAME, Trial, Vote, agreement, cast, draw, tally
from vqzoo.views.comparison import Comparison

NAMES = ("cifar10-vq-1024x128", "cifar10-looc-256x4", "cifar10-cvq-1024x128")


@pytest.fixture
def listed(path) -> Comparison:
    return Comparison(path, 32, NAMES)


def test_nothing_that_is_shown_tells_a_name(engine, listed):
    trial, value = draw(engine, listed, (), Random(0))
    assert {trial.left, trial.right} < set(NAMES) and trial.left != trial.right
    assert [picture["name"] for picture in value["pictures"]] == ["left", "original", "right"]
    assert not any(name in str(value) for name in NAMES) and not any(p["caption"] for p in value["pictures"])


def test_every_pair_comes_before_one_comes_again_and_sides_change(engine, listed):
    random, votes = Random(0), []
    for _ in range(12):
        trial, _ = draw(engine, listed, votes, random)
        votes.append(Vote(trial, SAME, trial.left))
    pairs = [frozenset((vote.trial.left, vote.trial.right)) for vote in votes]
    assert all(len(set(pairs[start : start + 3])) == 3 for start in (0, 3, 6, 9))
    assert all(1 <= count <= 7 for count in Counter(vote.trial.left for vote in votes).values())
    assert len({vote.trial.left for vote in votes}) == 3


def test_one_alone_cannot_be_compared(engine, path):
    with pytest.raises(ValueError, match="needs two"):
        draw(engine, Comparison(path, 32, NAMES[:1]), (), Random(0))


def test_a_vote_reveals_what_was_measured(engine, path):
    photo = engine.photo(path, 32)
    for left, right in (NAMES[:2], NAMES[1::-1]):
        vote, rows = cast(engine, Trial(path, 32, left, right), LEFT)
        assert vote.preferred == left and vote.higher == NAMES[1], "LooC spends 25 times the bits"
        assert [row[:2] for row in rows] == [["left", left], ["right", right]]
        assert [row[2] for row in rows] == [f"{engine.run(name, photo).metrics['psnr']:.2f}" for name in (left, right)]


def test_the_tally_by_hand():
    trial, other = Trial("p", 32, "a", "b"), Trial("p", 32, "c", "a")
    votes = [Vote(trial, LEFT, "a"), Vote(trial, RIGHT, "a"), Vote(other, RIGHT, "a"), Vote(other, SAME, "c")]
    assert tally(votes) == [["a", 2, 1, 1], ["b", 1, 0, 1], ["c", 0, 1, 1]]
    assert agreement(votes) == "2 of 3 votes preferred the one of higher PSNR."
    assert agreement(votes[3:]) == "No vote yet that prefers one."
