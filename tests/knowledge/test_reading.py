"""What documents say, in the encodings and structures that real ones use: all of it, and nothing hidden."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from hypothesis import given
from hypothesis import strategies as st

from engine.knowledge.items import Block, Unreadable
from engine.knowledge.parse import read_document
from tests.growth import assert_linear


def read(name: str, data: bytes | str) -> list[str]:
    """The blocks as ``heading > text``."""
    blocks = read_document(name, data.encode() if isinstance(data, str) else data)
    return [f"{b.heading} > {b.text}" if b.heading else b.text for b in blocks]


# --- HTML and Markdown


@pytest.mark.parametrize(
    ("markup", "blocks"),
    [
        ("<p>Intro.</p><div>A lamp.</div><div>Found in 1890.<br>It shines.</div>",
         ["Intro.", "A lamp.", "Found in 1890. It shines."]),
        ("<table><caption>Masses</caption><tr><th>a</th><td>1</td></tr></table><p>x</p>", ["Masses", "a | 1", "x"]),
        ("<table><tr><td>0</td><td></td><td>0</td><td>5</td></tr></table>", ["0 | | 0 | 5"]),
        ("<table><tr><td><p>one</p><p>two</p></td><td><ul><li>three</li></ul></td></tr></table>", ["one two | three"]),
        ("<ul><li><b>Bold</b> and <i>not</i><ul><li>inner <b>text</b></li></ul>after</li></ul>",
         ["Bold and not", "inner text", "after"]),
        ("<dl><dt>Atom</dt><dd>Small. <p>Very.</p> Indeed.</dd></dl>", ["Atom", "Small.", "Very.", "Indeed."]),
        ("text <article>in <section>many <custom-box>kinds</custom-box> of</section> boxes</article> end",
         ["text", "in", "many kinds of", "boxes", "end"]),
        ("<b>Krell</b>ite", ["Krellite"]),
        ("<h1>A</h1><h2>B</h2><p>b</p><h2>C</h2><h1>D</h1>", ["A > B > b", "A > C", "D"]),
        ("<details><summary>More</summary>hidden only until clicked</details>", ["More", "hidden only until clicked"]),
        ("<fieldset><legend>Quiz</legend><label>Name</label></fieldset>", ["Quiz", "Name"]),
        ("<figure><img alt='A green lamp'><figcaption>Fig. 1</figcaption></figure>", ["A green lamp", "Fig. 1"]),
        ("<p>x<math alttext='x^2'><msup><mi>x</mi><mn>2</mn></msup></math></p>", ["xx^2"]),
    ],
)  # fmt: skip
def test_every_text_of_a_page_is_in_one_block(markup: str, blocks: list[str]) -> None:
    assert read("page.html", markup) == blocks


WORDS = st.integers(0, 10**6).map(lambda n: f"w{n:07}")
TAGS = st.sampled_from(
    ["p", "div", "span", "b", "li", "ul", "td", "tr", "table", "caption", "h2", "section", "center", "custom", "pre"]
)


@st.composite
def trees(draw: st.DrawFn, depth: int = 4) -> str:
    parts = [draw(WORDS)]
    for _ in range(draw(st.integers(0, 3)) if depth else 0):
        tag = draw(TAGS)
        parts.append(f" <{tag}>{draw(trees(depth - 1))}</{tag}> " + draw(st.one_of(st.just(""), WORDS)))
    return " ".join(parts)


@given(trees())
def test_no_word_of_any_page_is_lost_or_said_twice(markup: str) -> None:
    import re

    blocks = read_document("page.html", markup.encode())
    said = " ".join(b.text for b in blocks).split() + " > ".join(dict.fromkeys(b.heading for b in blocks)).split()
    for word in set(re.findall(r"w\d{7}", markup)):
        assert word in said
    texts = re.findall(r"w\d{7}", " ".join(b.text for b in blocks))
    assert len(texts) <= len(re.findall(r"w\d{7}", markup))


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>SECRET</p>", "<p style='display:none'>SECRET</p>",
        "<p style='color:red; VISIBILITY: hidden'>SECRET</p>",
        "<p style='font-size:0px'>SECRET</p>", "<p style='opacity:0'>SECRET</p>", "<p style='opacity: 0.0;'>SECRET</p>",
        "<p style='position:absolute;left:-9999px'>SECRET</p>", "<p style='text-indent:-9999px'>SECRET</p>",
        "<style>.x, #y {display : none !important}</style><p class='x'>SECRET</p>",
        "<style>@charset 'x'; /* c */ div.x > p {opacity:0}</style><div class='x'><p>SECRET</p></div>",
        "<p style='font-size:1px'>SECRET</p>", "<p style='transform:scale(0)'>SECRET</p>",
        "<p style='position:absolute;clip:rect(0,0,0,0)'>SECRET</p>", "<p style='clip-path: inset(50%)'>SECRET</p>",
        "<div style='max-height:0;overflow:hidden'>SECRET</div>", "<p style='color:#FFF;background:white'>SECRET</p>",
        "<template>SECRET</template>", "<!-- SECRET -->", "<script>SECRET</script>", "<noscript>SECRET</noscript>",
    ],
)  # fmt: skip
def test_what_a_page_hides_is_not_read(hidden: str) -> None:
    assert read("page.html", f"<body><p>Open.</p>{hidden}</body>") == ["Open."]


@pytest.mark.parametrize(
    "style",
    [
        "opacity:0.9",
        "font-size:0.9em",
        "font-size:12px",
        "height:0",
        "overflow:hidden",
        "color:#fff;background:#000",
        "display:block",
        "left:-20px",
        "color:blue",
        "text-indent:-1em",
    ],
)
def test_styles_that_hide_nothing_hide_nothing(style: str) -> None:
    assert read("page.html", f"<p style='{style}'>Seen.</p>") == ["Seen."]


def test_markdown_lists_keep_their_bold_beginnings() -> None:
    text = "# Lamps\n\n- **Zorbulon** is *green*:\n  - it **needs** a wick\n- [Krellite](http://x.y) is a stone\n"
    assert read("a.md", text) == [
        "Lamps > Zorbulon is green:", "Lamps > it needs a wick", "Lamps > Krellite is a stone",
    ]  # fmt: skip


# --- encodings

GERMAN = "Der Käse und die Tür sind grün. Größer wäre schöner, sagt die Bäckerin. "
FRENCH = "L’élève a été à l’école. Où est-ce ? Ça coûte très cher, déjà. "
CHINESE = "光合作用需要阳光和水。植物利用二氧化碳制造养分，并且放出氧气。"
RUSSIAN = "Растениям нужны солнечный свет и вода. Они поглощают углекислый газ. "


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "latin-1"), (GERMAN, "cp1252"), (GERMAN, "utf-16"), (GERMAN, "utf-16-le"), (GERMAN, "utf-16-be"),
        (GERMAN, "utf-8-sig"), (FRENCH, "cp1252"), (CHINESE, "gb18030"), (CHINESE, "big5"), (CHINESE, "utf-8"),
        (RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r"), ("光合成には日光と水が必要です。", "cp932"),
        ("光合成には日光と水が必要です。", "euc-jp"), ("식물은 햇빛과 물이 필요합니다.", "cp949"),
        ("你好，世界", "gb18030"),
        ("Τα φυτά χρειάζονται φως και νερό.", "cp1253"), ("Rośliny potrzebują światła i wody.", "cp1250"),
        ("The teacher said it’s raining. Don’t forget.", "cp1252"),
    ],
)  # fmt: skip
def test_text_files_of_many_encodings(text: str, encoding: str) -> None:
    if encoding == "big5":
        text = "光合作用需要陽光和水。植物利用二氧化碳製造養分，並且放出氧氣。"
    data = (text * 3).strip().encode(encoding)
    assert read("a.txt", data) == [" ".join((text * 3).split())]


@pytest.mark.parametrize(
    ("text", "encoding"), [(GERMAN, "iso-8859-1"), (CHINESE, "gbk"), (RUSSIAN, "windows-1251"), (CHINESE, "utf-8")]
)
@pytest.mark.parametrize("form", ["<meta charset='{}'>", '<meta http-equiv=x content="text/html; charset={}">'])
def test_a_page_says_its_encoding(text: str, encoding: str, form: str) -> None:
    page = f"<html><head>{form.format(encoding)}</head><body><p>{text.strip()}</p></body></html>"
    assert read("a.html", page.encode(encoding)) == [text.strip()]


def test_a_page_that_claims_the_wrong_encoding_but_is_utf8_is_read_as_utf8() -> None:
    assert read("a.html", f"<meta charset='latin-1'><p>{GERMAN}</p>") == [GERMAN.strip()]


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(Unreadable, match="UTF-8"):
        read("a.txt", bytes(range(256)) * 4)


def test_ligatures_and_soft_hyphens_are_spelt_out_and_powers_stay() -> None:
    assert read("a.txt", "The ﬁrst oﬃce, a ﬂow of ef\u00adfi\u200bcient work: x² ½") == [
        "The first office, a flow of efficient work: x² ½"
    ]


# --- Word


W = nsdecls("w")


def docx(build: Callable[..., None]) -> bytes:
    document = Document()
    build(document)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_word_tables_keep_every_cell() -> None:
    def build(document: Document) -> None:
        document.add_heading("Data", 1)
        table = document.add_table(1, 3)
        for cell, text in zip(table.rows[0].cells, ("0", "0", "5"), strict=True):
            cell.text = text
        outer = document.add_table(1, 2)
        outer.rows[0].cells[0].text = "Zorbulon"
        outer.rows[0].cells[1].add_table(1, 1).rows[0].cells[0].text = "42 grams"

    assert read("a.docx", docx(build)) == ["Data > 0 | 0 | 5", "Data > Zorbulon | 42 grams"]


def test_word_insertions_links_boxes_and_notes_are_read_and_deletions_are_not() -> None:
    def build(document: Document) -> None:
        paragraph = document.add_paragraph("The lamp is ")._p
        for xml in (
            f'<w:ins {W} w:id="1"><w:r><w:t>crimson</w:t></w:r></w:ins>',
            f'<w:del {W} w:id="2"><w:r><w:delText> blue</w:delText></w:r></w:del>',
            f'<w:hyperlink {W} w:anchor="x"><w:r><w:t xml:space="preserve"> and linked</w:t></w:r></w:hyperlink>',
            f'<w:smartTag {W} w:element="place"><w:r><w:t xml:space="preserve"> in Rome</w:t></w:r></w:smartTag>',
        ):
            paragraph.append(parse_xml(xml))
        body = document.element.body
        body.insert(1, parse_xml(
            f'<w:sdt {W}><w:sdtContent><w:p><w:r><w:t>In a content control.</w:t></w:r></w:p></w:sdtContent></w:sdt>'
        ))  # fmt: skip

    assert read("a.docx", docx(build)) == ["The lamp is crimson and linked in Rome", "In a content control."]


M = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


EQUATIONS = (
    ("<m:f><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>", "1/2"),
    ("<m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>", "x^2"),
    ("<m:rad><m:deg/><m:e><m:r><m:t>x+1</m:t></m:r></m:e></m:rad>", "√(x+1)"),
    ("<m:rad><m:deg><m:r><m:t>3</m:t></m:r></m:deg><m:e><m:r><m:t>27</m:t></m:r></m:e></m:rad>", "3 √27"),
    ("<m:d><m:e><m:r><m:t>a+b</m:t></m:r></m:e></m:d>", "(a+b)"),
    (
        '<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub><m:r><m:t>i=1</m:t></m:r></m:sub>'
        "<m:sup><m:r><m:t>n</m:t></m:r></m:sup><m:e><m:r><m:t>i</m:t></m:r></m:e></m:nary>",
        "∑_(i=1)^n i",
    ),
)


@pytest.mark.parametrize("alone", [False, True])
def test_word_equations_are_written_out(alone: bool) -> None:
    def build(document: Document) -> None:
        for omml, _ in EQUATIONS:
            paragraph = document.add_paragraph("We get ")._p
            math = f"<m:oMath {M}>{omml}</m:oMath>"
            paragraph.append(parse_xml(f"<m:oMathPara {M}>{math}</m:oMathPara>" if alone else math))
            paragraph.append(parse_xml(f"<w:r {nsdecls('w')}><w:t>here.</w:t></w:r>"))

    assert read("a.docx", docx(build)) == [f"We get {text} here." for _, text in EQUATIONS]


@pytest.mark.parametrize("part", ["word/document.xml", "word/styles.xml", "word/_rels/document.xml.rels"])
def test_a_docx_with_damaged_xml_is_refused(part: str) -> None:
    whole, out = docx(lambda document: document.add_paragraph("A noun names a thing.")), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as source, zipfile.ZipFile(out, "w") as damaged:
        for entry in source.infolist():
            data = source.read(entry)
            damaged.writestr(entry, data[:-40] + b"<\x01" + data[-40:] if entry.filename == part else data)
    with pytest.raises(Unreadable, match="not a readable DOCX"):
        read_document("a.docx", out.getvalue())


def test_a_docx_that_unpacks_to_too_much_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * 101_000_000)
    with pytest.raises(Unreadable, match="unpacks to more than 100 MB"):
        read("a.docx", out.getvalue())


# --- PDF


def pdf(content: bytes, font: bytes = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>") -> bytes:
    """One page that shows ``content``, a stream of text operators."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content), font,
    ]  # fmt: skip
    out = b"%PDF-1.4\n"
    for number, body in enumerate(objects, 1):
        out += b"%d 0 obj%sendobj\n" % (number, body)
    return out + b"trailer<</Root 1 0 R>>\n%%EOF"


HELVETICA = {"T": 611, "h": 556, "e": 556, " ": 278, "l": 222, "a": 556, "m": 833, "p": 556, "i": 222, "s": 500,
             "g": 556, "r": 333, "n": 556}  # fmt: skip
"""Widths of letters, thousandths of the font's size."""


def test_a_pdf_that_places_each_letter_alone_gives_words() -> None:
    operators, x = [], 50.0
    for letter in "The lamp is green":
        operators.append(f"BT /F1 12 Tf {x:.2f} 700 Td ({letter}) Tj ET")
        x += HELVETICA[letter] * 12 / 1000
    assert read("a.pdf", pdf("\n".join(operators).encode())) == ["The lamp is green"]


LESSON = (
    "Plants make sugar from light and water. The leaves take in carbon dioxide and give off oxygen, which animals need "
    "to breathe. Without plants there would be little life on land."
)


@pytest.mark.parametrize("shift", [-29, 3, -31, 10])
def test_a_pdf_whose_fonts_have_no_map_to_unicode_is_refused(shift: int) -> None:
    """The letters come out as others, all shifted, as glyph numbers do."""
    shifted = bytes(c + shift if 32 < c + shift < 127 and chr(c) not in "()\\" else 33 for c in LESSON.encode())
    text = shifted.replace(b"\\", b"").replace(b"(", b"").replace(b")", b"")
    with pytest.raises(Unreadable, match="fonts"):
        read("a.pdf", pdf(b"BT /F1 12 Tf 50 700 Td (%s) Tj ET" % text))
    assert read("a.pdf", pdf(b"BT /F1 12 Tf 50 700 Td (%s) Tj ET" % LESSON.encode())) == [LESSON]


@pytest.mark.parametrize("data", [b"", b"%PDF-1.4", b"%PDF-1.4\n" + b"x" * 1000, b"not a pdf"])
def test_a_damaged_pdf_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable, match="readable PDF"):
        read("a.pdf", data)


# --- growth


@pytest.mark.parametrize(
    "make",
    [
        lambda n: ("a.html", "<td>x" * n),
        lambda n: ("a.html", "<table><tr><td>" * n),
        lambda n: ("a.html", "<h1>x</h1>" * n), lambda n: ("a.html", "<p style='" + "x:y;" * n + "'>t"),
        lambda n: ("a.html", "<style>" + "a{" * n + "</style>x"), lambda n: ("a.txt", "x-\n" * n),
        lambda n: ("a.txt", "\n \t" * n + "x"), lambda n: ("a.md", "---\n" + "-" * n), lambda n: ("a.md", "[" * n),
        lambda n: ("a.md", "*a_ " * n), lambda n: ("a.md", "> " * n + "x"),
        lambda n: ("a.html", "a<sup>2</sup>" * n), lambda n: ("a.html", "<ruby>a<rt>b" * n),
        lambda n: ("a.html", "<math><mi>x</mi></math>" * n), lambda n: ("a.html", "<math><mfrac>" * n),
        lambda n: ("a.html", "<table>" + "<tr><td rowspan=9>a" * n),
        lambda n: ("a.html", "<table><tr><td rowspan=9>" * n),
        lambda n: ("a.html", "<table><tr><td rowspan=9>a<i>b" * n), lambda n: ("a.html", "a<sup>" * n),
        lambda n: ("a.html", "<div>" * n + "<h1>x</h1>" * n), lambda n: ("a.html", "<div>" * n + "<math>" * n),
    ],
)  # fmt: skip
def test_reading_grows_with_the_size_of_a_document(make: Callable[[int], tuple[str, str]]) -> None:
    def process(size: int) -> None:
        name, text = make(size)
        try:
            blocks: list[Block] = read_document(name, text.encode())
            assert all(block.text for block in blocks)
        except (Unreadable, RecursionError):
            pass

    assert_linear(process, 2_000)
