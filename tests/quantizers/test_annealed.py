"""A temperature that falls geometrically with the training steps, and stays."""

import pytest

from vqzoo.quantizers.annealed import Annealed


def test_temperatures_by_hand():
    temperature = Annealed(8.0, 0.5, 4)
    assert [temperature() for _ in range(7)] == pytest.approx([8, 4, 2, 1, 0.5, 0.5, 0.5])


def test_it_may_rise_or_stay_as_well():
    rising, still = Annealed(1.0, 4.0, 2), Annealed(3.0, 3.0, 2)
    assert [rising() for _ in range(4)] == pytest.approx([1, 2, 4, 4])
    assert [still() for _ in range(4)] == [3.0] * 4


@pytest.mark.trap("T34", "sq", "gumbel", "adaptive")
def test_it_goes_on_from_a_saved_state():
    temperature, other = Annealed(8.0, 0.5, 4), Annealed(8.0, 0.5, 4)
    for _ in range(2):
        temperature()
    other.load_state_dict(temperature.state_dict())
    assert other() == temperature() == pytest.approx(2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((0.0, 1.0, 5), "temperature=0.0: expected a finite number above 0"),
        ((1.0, -1.0, 5), "last_temperature=-1.0: expected a finite number above 0"),
        ((1.0, float("inf"), 5), "last_temperature=inf: expected a finite number above 0"),
        ((1.0, 1.0, 0), "anneal_steps=0: expected a whole number from 1"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_right(settings, message):
    with pytest.raises(ValueError, match=message):
        Annealed(*settings)
