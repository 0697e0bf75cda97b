"""Names in the order in which people look for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger import natural_order


@pytest.mark.parametrize(
    "names",
    [
        ["web", "web2", "web10", "web10a", "webb"],
        ["a-1", "a-02", "a-2b", "a-10", "b"],
        ["", "2", "10", "Apples", "bananas", "Cherries"],
        ["v1.9", "v1.10", "v2"],
    ],
)
def test_names_are_sorted_as_people_do(names):
    backwards = [*reversed(names)]
    assert sorted(backwards, key=natural_order.key) == names


@given(st.text(), st.text())
def test_any_two_names_have_an_order(one, other):
    assert (natural_order.key(one) == natural_order.key(other)) == (one == other)
    assert (natural_order.key(one) < natural_order.key(other)) != (natural_order.key(one) >= natural_order.key(other))


def test_a_number_may_be_of_any_length():
    assert natural_order.key("9" * 10_000) < natural_order.key("1" * 10_001)
