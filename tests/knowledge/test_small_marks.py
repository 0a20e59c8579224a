"""Powers, readings, formulas, spanning cells and encodings of documents keep their meaning as plain text."""

from __future__ import annotations

import io
import zipfile

import pytest

from engine.knowledge.parse import read_document
from engine.knowledge.reading.spans import MAX_COPIES


def read(name: str, data: bytes | str) -> list[str]:
    """The texts of the blocks."""
    return [block.text for block in read_document(name, data.encode() if isinstance(data, str) else data)]


@pytest.mark.parametrize(
    ("markup", "blocks"),
    [
        ("<p>It is 10<sup>3</sup> kg on 5 cm<sup>2</sup> of H<sub>2</sub>O, 10<sup>\u22123</sup> m.</p>",
         ["It is 10³ kg on 5 cm² of H2O, 10⁻³ m."]),
        ("<p>(a+b)<sup>n+1</sup>, the 1<sup>st</sup> of May, as Newton<sup>3</sup> said.<sup>4</sup></p>",
         ["(a+b)^(n+1), the 1st of May, as Newton [3] said. [4]"]),
        ("<p><ruby>植物<rt>しょくぶつ</rt></ruby>の<ruby>光<rp>(</rp><rt>ひかり</rt><rp>)</rp></ruby></p>",
         ["植物(しょくぶつ)の光(ひかり)"]),
        ("<p>Half is <math><mfrac><mn>1</mn><mn>2</mn></mfrac></math>,"
         " <math><msup><mi>x</mi><mrow><mi>n</mi><mo>+</mo><mn>1</mn></mrow></msup></math>.</p>",
         ["Half is 1/2, x^(n+1)."]),
        ("<style>.m{position:absolute;clip:rect(1px,1px,1px,1px)}</style><p>So <span class='katex'><span class=m><math>"
         "<semantics><mi>E</mi><annotation encoding='application/x-tex'>E=mc^2</annotation></semantics></math></span>"
         "<span class='katex-html' aria-hidden=true>E=mc2</span></span>.</p>", ["So $E=mc^2$."]),
        ("<p>a <span class=MathJax>12</span><script type='math/tex'>\\frac12</script></p>", ["a $\\frac12$"]),
        ("<p>It costs <del>50</del> <ins>60</ins> dollars.</p>", ["It costs 60 dollars."]),
        ("<svg><style>a{}</style><desc>d</desc><text>Root</text></svg>", ["Root"]),
        ("<p><input type=checkbox checked>yes <input type=radio>no</p>", ["☒ yes ☐ no"]),
        ("<table><tr><th rowspan=2>Inner</th><td>Venus</td></tr><tr><td>Mars</td></tr><tr><td>x</td></tr></table>",
         ["Inner | Venus", "Inner | Mars", "x"]),
        ("<meta charset=utf-8><details><summary>Q</summary>The answer is 42.</details>", ["Q", "The answer is 42."]),
        ("<meta charset=utf-8><title>t</title><main>All of it</main>", ["All of it"]),
    ],
)  # fmt: skip
def test_small_marks_and_formulas_of_a_page_keep_their_meaning(markup: str, blocks: list[str]) -> None:
    assert read("page.html", markup) == blocks


def test_cells_that_span_rows_do_not_make_a_page_grow_without_end() -> None:
    cells = "<td rowspan=65534>" + "spanning cell " * 6
    rows = read("page.html", "<table>" + f"<tr>{cells * 30}" * 1000 + "</table>")
    assert sum(map(len, rows)) < 30 * 1000 * 90 + MAX_COPIES * 100


def word(body: str) -> bytes:
    """A DOCX with these paragraphs (WordprocessingML without the prefix ``w:``)."""
    names = " ".join(
        f'xmlns{prefix}="http://schemas.openxmlformats.org/{path}/2006/{name}"'
        for prefix, path, name in (
            (":w", "wordprocessingml", "main"),
            ("", "wordprocessingml", "main"),
            (":m", "officeDocument", "math"),
        )
    )
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override '
        'PartName="/word/document.xml"'
        ' ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
    )
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
        'Target="word/document.xml"/></Relationships>'
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", types)
        archive.writestr("_rels/.rels", relations)
        archive.writestr("word/document.xml", f"<document {names}><body>{body}</body></document>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p><r><t>10</t></r><r><rPr><vertAlign w:val='superscript'/></rPr><t>3</t></r></p>", "10³"),
        ("<p><fldSimple w:instr='DATE'><r><t>Monday</t></r></fldSimple><r><t>.</t></r></p>", "Monday."),
        ("<p><bdo w:val='rtl'><r><t>a</t></r></bdo><dir w:val='rtl'><r><t>b</t></r></dir></p>", "ab"),
        ("<p><r><ruby><rt><r><t>ひかり</t></r></rt><rubyBase><r><t>光</t></r></rubyBase></ruby></r></p>", "光(ひかり)"),
        ("<p><r><rPr><vanish/></rPr><t>secret</t></r><r><rPr><vanish w:val='0'/></rPr><t>seen</t></r></p>", "seen"),
        ("<p><r><t>one</t><cr/><t>two</t></r></p>", "one two"),
        ("<p><m:oMath><m:d><m:dPr><m:begChr m:val='|'/><m:endChr m:val='|'/></m:dPr><m:e><m:r><m:t>y</m:t></m:r></m:e>"
         "</m:d></m:oMath></p>", "|y|"),
        ("<p><m:oMath><m:f><m:fPr><m:type m:val='noBar'/></m:fPr><m:num><m:r><m:t>n</m:t></m:r></m:num><m:den><m:r>"
         "<m:t>k</m:t></m:r></m:den></m:f></m:oMath></p>", "(n choose k)"),
    ],
)  # fmt: skip
def test_what_word_can_hold_beside_plain_runs(body: str, text: str) -> None:
    assert read("a.docx", word(body)) == [text]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("הפוטוסינתזה הופכת אור לסוכר בצמחים ירוקים.", "cp1255"),
        ("การสังเคราะห์ด้วยแสงเปลี่ยนแสงเป็นน้ำตาล", "cp874"),
        ("Fotosentez ışığı şekere dönüştürür. Bitkiler güneş ışığına ihtiyaç duyar.", "cp1254"),
        ("Fotosynteza zamienia światło w cukier. Rośliny potrzebują wody.", "iso8859-2"),
        ("Café – déjà vu, naïve “quote” à l’été.", "mac_roman"),
    ],
)
def test_text_of_further_encodings(text: str, encoding: str) -> None:
    assert read("a.txt", text.encode(encoding)) == [text]


def test_a_broken_byte_does_not_spoil_a_text_in_utf8() -> None:
    assert read("a.txt", "光合作用把光变成糖。".encode()[:-1] + b" and more") == ["光合作用把光变成糖 and more"]
    assert read("a.txt", "naïve café ".encode() * 9 + b"\xc3") == [" ".join(["naïve café"] * 9)]
