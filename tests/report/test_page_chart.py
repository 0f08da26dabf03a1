from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from skdeepopt.report._page_chart import HEIGHT, WIDTH, chart


@pytest.fixture
def document():
    path = Path(__file__).parent / "page_document.json"
    return json.loads(path.read_text(encoding="utf-8"))


def pictures(document):
    return [
        ElementTree.fromstring(svg)
        for svg in re.findall("<svg class=.chart.*?</svg>", chart(document))
    ]


def test_each_picture_is_well_formed_and_keeps_its_marks_and_words_inside(document):
    for picture in pictures(document):
        circles = picture.findall(".//circle")
        places = [(float(circle.get("cx")), float(circle.get("cy"))) for circle in circles]
        texts = [text for text in picture.findall("text") if text.get("x")]
        assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in places)
        assert all(0 < float(text.get("x")) < WIDTH for text in texts)


def test_marks_say_what_they_are(document):
    titles = [title.text for title in pictures(document)[0].findall("./g/title")]

    assert "base, packed to 3,800 bytes: 98.10 %, 3.84 KB" in titles
    assert len(titles) == 5


def test_a_smaller_file_lies_further_left_and_a_more_accurate_one_higher(document):
    marks = {g.find("title").text: g for g in pictures(document)[0].findall("./g")}

    large = marks["base, int8: 98.30 %, 24.1 KB"].find("circle")
    small = marks["base, packed to 3,800 bytes: 98.10 %, 3.84 KB"].find("circle")
    assert float(small.get("cx")) < float(large.get("cx"))
    assert float(small.get("cy")) > float(large.get("cy"))


def test_one_far_below_all_others_is_told_in_the_caption(document):
    assert "less accurate than the chart reaches" in chart(document)

    document["candidates"] = [row for row in document["candidates"] if row["name"] != "quick"]
    document["candidates"][3]["accuracy"] = 0.979

    assert "less accurate than the chart reaches" not in chart(document)


def test_labels_of_the_chosen_and_the_reference_do_not_overlap(document):
    document["candidates"][0] |= {"file_bytes": 3900.0, "accuracy": 0.9811, "latency_ms": 0.0512}

    for picture in pictures(document):
        labels = picture.findall("text[@class='label']")
        (x0, y0), (x1, y1) = [(float(t.get("x")), float(t.get("y"))) for t in labels]
        assert abs(y0 - y1) >= 13 or abs(x0 - x1) >= 40


def test_one_candidate_alone_can_be_drawn(document):
    document["candidates"] = document["candidates"][:1]

    assert len(pictures(document)) == 2


def test_without_a_measured_candidate_there_is_a_line_and_no_picture(document):
    document["candidates"] = document["candidates"][-1:]

    assert "<svg" not in chart(document)
