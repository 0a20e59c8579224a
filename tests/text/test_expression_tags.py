"""Tags are taken out of a model's text, however it is cut; brackets that are text stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.items import Expression
from engine.text.expression_tags import TagReader


def read(pieces: list[str]) -> tuple[str, list[tuple[int, Expression]]]:
    """The text, and each expression with its place in it."""
    reader, text = TagReader(), ""
    found: list[tuple[int, Expression]] = []
    for part in [part for piece in pieces for part in reader.push(piece)] + reader.flush():
        if isinstance(part, str):
            text += part
        else:
            found.append((len(text), part[0]))
    return text, found


@pytest.mark.parametrize(
    ("written", "text", "found"),
    [
        ("[smile] Well done!", "Well done!", [(0, "glad")]),
        ("Well done! [smile] Next one.", "Well done! Next one.", [(11, "glad")]),
        ("Oh no.[sad] I'm sorry.", "Oh no. I'm sorry.", [(6, "gentle")]),
        ("Great [SMILE]!", "Great!", [(5, "glad")]),
        ("Hm [Think]", "Hm", [(2, "thoughtful")]),
        ("[surprised][smile]Yes", "Yes", [(0, "surprised"), (0, "glad")]),
        ("哇。[smile]很好", "哇。很好", [(2, "glad")]),
    ],
)
def test_tags_are_taken_out(written: str, text: str, found: list[tuple[int, Expression]]) -> None:
    assert read([written]) == (text, found)
    assert read(list(written)) == (text, found)


@pytest.mark.parametrize(
    "written",
    [
        "[1] Newton, Principia.", "array[i] and array[smile]", "[smile](https://example.org) is a link",
        "[sad]: a note",        "a [citation needed] here", "`[smile]` is a tag", "```\nx = [smile]\n``` end",
        r"\[smile\]", "[laughs] Hello",
        "[smil",        "[", "x = [1, 2, 3]  ", "f(x)[think]", "[ smile ] spaced",
    ],
)  # fmt: skip
def test_what_is_no_tag_stays_as_it_is(written: str) -> None:
    assert read([written]) == (written, [])
    assert read(list(written)) == (written, [])


@given(
    st.lists(
        st.sampled_from(["[", "]", "smile", "sad", "[think]", "[smile]", " ", "x", "`", ".", "(", "\n", "1"]),
        max_size=12,
    ),
    st.data(),
)
def test_it_does_not_matter_how_the_text_is_cut(parts: list[str], data: st.DataObject) -> None:
    written = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=6)))
    pieces = [written[a:b] for a, b in zip([0, *cuts], [*cuts, len(written)], strict=True)]
    assert read(pieces) == read([written])
