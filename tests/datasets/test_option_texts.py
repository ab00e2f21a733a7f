import pytest

from kollias_affect.datasets.option_texts import parse_options, parse_value


def test_values_are_literals_or_texts():
    assert parse_value("{'a': None}") == {"a": None} and parse_value("True", False) is True
    assert parse_value("{'a'") == "{'a'"


def test_numbers_are_texts_where_a_name_or_folder_is_expected():
    assert parse_value("2024") == "2024" and parse_value("2024", default=1) == 2024


def test_options_are_those_of_the_loader():
    assert parse_options("fer2013", ["variant=FER28"]) == {"variant": "FER28"}
    with pytest.raises(ValueError, match="option of fer2013"):
        parse_options("fer2013", ["colour=red"])
    with pytest.raises(ValueError, match="NAME=VALUE"):
        parse_options("fer2013", ["variant"])


@pytest.mark.parametrize("text", ["{[]: 1}", "[" * 100_000, "9" * 100_000, "{1: {[]}}"])
def test_what_is_no_literal_is_text(text):
    assert parse_value(text, default=1) == text
