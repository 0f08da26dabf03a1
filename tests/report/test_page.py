from __future__ import annotations

import copy
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.report._page import build_page

VOID = {"meta", "br", "hr", "img", "input", "link"}
LOADING = {"src", "srcset", "poster", "data", "action", "formaction", "background", "xlink:href"}


class Reader(HTMLParser):
    """Elements of a page, which has to be nested as it should be."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.words = [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def shared_document():
    path = Path(__file__).parent / "page_document.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def document(shared_document):
    return copy.deepcopy(shared_document)


@pytest.fixture
def regression(document):
    document["metric"] = "R2"
    document["asked"] |= {"class_names": [], "labels": []}
    document["test"]["difference"] = None
    return document


def test_every_element_is_closed_where_it_was_opened(document):
    assert Reader(build_page(document)).elements


def test_a_page_loads_and_runs_nothing(document):
    page = build_page(document)

    reader = Reader(page)
    attributes = {name for _, held in reader.elements for name in held}
    assert "://" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert not LOADING & attributes
    assert not {"script", "link", "iframe", "img", "object"} & {tag for tag, _ in reader.elements}
    assert not [name for name in attributes if name.startswith("on")]


def test_a_browser_is_told_to_load_nothing_either(document):
    policies = [meta["content"] for meta in Reader(build_page(document)).all("meta")[1:2]]

    assert policies[0].startswith("default-src 'none'")


def test_the_same_document_gives_the_same_page(document):
    assert build_page(document) == build_page(json.loads(json.dumps(document)))


def test_a_document_is_left_as_it_was(document, shared_document):
    build_page(document)

    assert document == shared_document


def test_every_candidate_has_a_row_in_the_table_and_each_measured_one_a_mark(document):
    reader = Reader(build_page(document))

    rows = [held for held in reader.all("tr") if held.get("role") == "row"]
    assert len(rows) == 1 + len(document["candidates"])
    assert all(row["name"] in reader.text for row in document["candidates"])
    # Two pictures, each with a mark for all but the one that failed.
    assert len(reader.all("g")) == 2 * (len(document["candidates"]) - 1)


def test_tables_have_captions_and_headers_that_say_what_they_head(document):
    reader = Reader(build_page(document))

    assert len(reader.all("caption")) == len(reader.all("table"))
    assert {held.get("scope") for held in reader.all("th")} == {"col", "row"}


def test_pictures_are_told_in_words_too(document):
    reader = Reader(build_page(document))

    ids = {held["id"] for _, held in reader.elements if "id" in held}
    named = [held for tag, held in reader.elements if held.get("role") == "img"]
    assert len(named) == 2
    assert all(set(held["aria-labelledby"].split()) <= ids for held in named)


def test_no_two_elements_share_an_id(document):
    ids = [held["id"] for _, held in Reader(build_page(document)).elements if "id" in held]

    assert len(ids) == len(set(ids))


def test_names_are_shown_and_not_obeyed(document):
    page = build_page(document)

    reader = Reader(page)
    assert "<script>" not in page
    assert "<b>" not in page
    assert "<script>alert(1)</script>" in reader.text
    assert "Früchte <b>&amp;" in reader.text
    assert "loss <nan>" in reader.text


def test_names_in_any_writing_are_shown(document):
    text = Reader(build_page(document)).text

    assert all(name in text for name in document["asked"]["class_names"])


NAMES = st.text("<>&\"'/{}%`= \n\x00\x1b\ud800\u202eaé漢", max_size=20)


@settings(max_examples=15, deadline=None)
@given(name=NAMES, cpu=NAMES, failure=NAMES)
def test_a_page_is_whole_whatever_the_names_are(shared_document, name, cpu, failure):
    document = copy.deepcopy(shared_document)
    document["asked"]["data"] = document["asked"]["class_names"][0] = name
    document["candidates"][0]["name"] = name
    document["candidates"][5]["failure"] = failure
    document["machine"]["cpu"] = cpu

    page = build_page(document)

    tags = {tag for tag, _ in Reader(page).elements}
    assert page.encode("utf-8")
    assert tags == {tag for tag, _ in Reader(build_page(shared_document)).elements}
    assert "\x00" not in page


def test_limits_stand_before_the_answer(document):
    headings = [held["id"] for held in Reader(build_page(document)).all("h2")]

    assert headings.index("limits") < headings.index("answer") < headings.index("candidates")


def test_the_answer_has_four_figures_before_and_after_with_their_spread(document):
    reader = Reader(build_page(document))

    cards = [held for held in reader.all("section") if held.get("class") == "card"]
    assert len(cards) == 4
    assert "23.1 times smaller" in reader.text
    assert "3.20 times faster" in reader.text
    assert "1.88 times slower to train" in reader.text
    assert "96.60 to 99.10 %" in reader.text
    assert "0.0500 to 0.0553 ms" in reader.text
    assert "1 became right and 2 wrong" in reader.text


def test_times_whose_spreads_overlap_are_not_called_faster(document):
    document["test"]["chosen"]["latency_ms"] |= {"value": 0.155, "spread": [0.15, 0.161]}

    page = build_page(document)

    assert '<p class="change">about the same</p>' in page
    assert "times faster" not in page


def test_a_full_size_network_that_was_chosen_is_called_so(document):
    for row in document["candidates"]:
        row["chosen"] = row["is_reference"]

    text = Reader(build_page(document)).text

    assert "Nothing better than the network base was found; it answers" in text


def test_a_loss_on_test_data_beyond_what_was_allowed_is_the_first_limit(document):
    document["test"]["chosen"]["accuracy"]["value"] = 0.95

    text = Reader(build_page(document)).text

    assert "What this does not tell On the test data the model loses 3.44 points" in text


def test_a_busy_machine_is_a_limit(document):
    document["machine"] |= {"load_average": 17.84, "usable_cpus": 1}

    assert "busy, with 17.8 programs at work for 1 usable core:" in build_page(document)


def test_a_machine_that_is_busy_with_this_alone_is_none(document):
    document["machine"] |= {"load_average": 2.9, "usable_cpus": 2}

    assert "busy" not in build_page(document)


def test_a_model_that_was_trained_anew_is_said_to_be(document):
    before = Reader(build_page(document)).text
    document["found"] |= {"refit_seconds": 4.2, "n_folds": 3}

    after = Reader(build_page(document)).text

    assert "trained anew on all training samples" in after
    assert "15% of the training samples, 3 times others of them, held out" in after
    assert "trained anew" not in before


def test_a_missing_onnx_file_is_a_limit_and_has_no_lines_of_code(document):
    document |= {"onnx_file": None, "onnx_missing": "export takes no <Model>."}

    text = Reader(build_page(document)).text

    assert "There is no ONNX file: export takes no <Model>." in text
    assert "InferenceSession" not in text


def test_labels_are_explained_where_they_are_not_the_names(document):
    assert "What the labels stand for" in build_page(document)

    document["asked"] |= {"class_names": ["0", "1"], "labels": [0, 1]}

    assert "What the labels stand for" not in build_page(document)


def test_a_regression_speaks_of_r2_and_of_no_classes(regression):
    text = Reader(build_page(regression)).text

    assert "a continuous target" in text
    assert "has R² 0.982" in text
    assert "(values,) = session.run" in text
    assert "points" not in text


def test_a_page_without_any_figure_but_accuracy_can_be_read(document):
    del document["test"]["chosen"]["latency_ms"]
    for row in document["candidates"]:
        row["latency_ms"] = row["file_bytes"] = None

    text = Reader(build_page(document)).text

    assert "No candidate was measured well enough to be drawn." in text
    assert "not measured" in text


def test_a_document_that_lacks_a_part_is_refused(document):
    del document["asked"]

    with pytest.raises(KeyError, match="asked"):
        build_page(document)
