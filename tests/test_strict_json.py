"""The reader of /etc/trigger/NAME.json is json's own scanner, so the two must agree."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger import strict_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 1]), st.booleans())
def test_reads_what_json_writes(value, indent, ascii_only):
    assert strict_json.decode(json.dumps(value, indent=indent, ensure_ascii=ascii_only) + "\n") == value


@pytest.mark.parametrize("text", ["", "{", "[1", "{} {}", "nonsense", "{'a': 1}"])
def test_refuses_what_is_not_json(text):
    with pytest.raises(ValueError, match=r"JSON|follows|Expecting"):
        strict_json.decode(text)
