from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.report._labels import Box, Obstacle, place_labels

coordinates = st.floats(0, 400)
FRAME = Box(0, 0, 400, 300)


def around(x, y):
    return Obstacle(Box(x - 5, y - 5, x + 5, y + 5), 10.0)


@given(st.floats(100, 300), st.floats(50, 250))
def test_a_label_alone_stands_beside_its_marker(x, y):
    (place,) = place_labels([(x, y)], [(60, 12)], [around(x, y)], FRAME)

    assert place.shared(around(x, y).box) == 0
    assert place.shared(FRAME) >= place.area - 1e-6
    assert place.x0 > x


@given(st.floats(100, 300), st.floats(100, 200), st.floats(0, 3), st.floats(0, 3))
def test_two_points_on_one_another_have_labels_apart(x, y, right, up):
    points = [(x, y), (x + right, y + up)]

    first, second = place_labels(
        points, [(60, 12)] * 2, [around(*point) for point in points], FRAME
    )

    assert first.shared(second) == 0


@given(st.floats(20, 280))
def test_a_label_covers_others_rather_than_leave_the_frame(y):
    rows = [Obstacle(Box(100, low, 300, low + 12), 10.0) for low in range(0, 300, 12)]

    (place,) = place_labels([(310, y)], [(100, 12)], [around(310, y), *rows], FRAME)

    assert place.shared(FRAME) >= place.area - 1e-6


@given(coordinates, coordinates, coordinates, coordinates)
def test_shared_area_is_symmetric_and_within_either(a, b, c, d):
    one = Box(min(a, b), 0, max(a, b), 10)
    other = Box(min(c, d), 5, max(c, d), 20)

    assert one.shared(other) == other.shared(one)
    assert one.shared(other) <= min(one.area, other.area) + 1e-9


def test_the_same_points_get_the_same_places():
    points = [(100.0, 100.0), (110.0, 104.0), (200.0, 50.0)]
    arguments = (points, [(60, 12)] * 3, [around(*point) for point in points], FRAME)

    assert place_labels(*arguments) == place_labels(*arguments)
