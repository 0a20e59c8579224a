"""What stands in running text: plain mathematics, money, numbers, look-alikes, asides."""

from __future__ import annotations

import pytest

from engine.text.speakable import speakable


@pytest.mark.parametrize(
    ("shown", "language", "spoken"),
    [
        ("The radius \\(r\\) is 5.", "en", "The radius r is five."),
        ("So \\[x = 4\\]", "en", "So x equals four"),
        ("$$E = mc^2$$", "en", "E equals m c squared"),
        ("Solve x² - 9 = 0.", "en", "Solve x squared minus nine equals zero."),
        ("√2 is irrational.", "en", "the square root of two is irrational."),
        ("So x ≤ 5.", "en", "So x is less than or equal to five."),
        ("Use a^2 + b^2 = c^2 here.", "en", "Use a squared plus b squared equals c squared here."),
        ("About ½ of it.", "en", "About one half of it."),
        ("It costs $5 and $6.", "en", "It costs five dollars and six dollars."),
        ("It is $1,500 now.", "en", "It is one thousand five hundred dollars now."),
        ("Let $r$ be the radius.", "en", "Let r be the radius."),
        ("A ∪ B and A ∩ B differ.", "en", "A union B and A intersection B differ."),
        ("If x ∈ A then x > 0.", "en", "If x is an element of A then x is greater than zero."),
        ("The angle is 45°.", "en", "The angle is forty five degrees."),
        ("Here f(x) = 2x + 1.", "en", "Here f of x equals two x plus one."),
        ("So 3 × 4 = 12.", "en", "So three times four equals twelve."),
        ("It is 2^10 = 1024.", "en", "It is two to the power of ten equals one thousand and twenty four."),
        ("Water is H₂O.", "en", "Water is H two O."),
        ("半径是\\(r\\)。", "zh", "半径是r。"),
        ("所以x² + y² = 25。", "zh", "所以x的平方加y的平方等于二十五。"),
        ("因为x ≤ 5。", "zh", "因为x小于等于五。"),
        ("水是H₂O。", "zh", "水是H二O。"),
        ("用a^2 + b^2 = c^2。", "zh", "用a的平方加b的平方等于c的平方。"),
        ("约½。", "zh", "约二分之一。"),
    ],
)
def test_mathematics_in_running_text(shown: str, language: str, spoken: str) -> None:
    assert speakable(shown, language) == spoken


@pytest.mark.parametrize(
    ("shown", "spoken"),
    [
        ("$x$ costs $5", "x costs five dollars"),
        ("$2$ and $3$ are prime", "two and three are prime"),
        ("$5 + 3 = 8$", "five plus three equals eight"),
        ("It costs $5 to $10.", "It costs five dollars to ten dollars."),
        ("He has $20 and she has $30.", "He has twenty dollars and she has thirty dollars."),
        ("$1,500", "one thousand five hundred dollars"),
        ("$1", "one dollar"),
        ("$0.50", "fifty cents"),
        ("$1.5 million", "one point five million dollars"),
        ("€1.234,56", "one thousand two hundred and thirty four euros and fifty six cents"),
        ("20€", "twenty euros"),
        ("£20 and ¥500", "twenty pounds and five hundred yen"),
        ("6.022e23", "six point zero two two times ten to the power of twenty three"),
        ("1e-5 m", "one times ten to the power of minus five meters"),
        ("array[0][1]", "array index zero index one"),
        ("arr[2] = 5", "arr index two equals five"),
        ("Photosynthesis[1] is", "Photosynthesis is"),
        ("1st, 2nd and 21st", "first, second and twenty first"),
        ("pages 3–5", "pages three to five"),
        ("at 10:30", "at ten thirty"),
        ("1,234.5 people", "one thousand two hundred and thirty four point five people"),
        ("5 mL of 12 V at 60 Hz", "five milliliters of twelve volts at sixty hertz"),
        ("1 kg and 2 kg", "one kilogram and two kilograms"),
        ("v = 20 m/s", "v equals twenty meters per second"),
        ("5 m × 3 m = 15 m²", "five meters times three meters equals fifteen square meters"),
        ("v3.11.2", "version three point eleven point two"),
        ("24 x 7", "twenty four times seven"),
        ("SO₄²⁻", "S O four two minus"),
        ("∠ABC = 90°", "angle A B C equals ninety degrees"),
        ("x != 3", "x is not equal to three"),
        ("sqrt(16) = 4", "the square root of sixteen equals four"),
        ("e^(iπ) + 1 = 0", "e to the power of i pi plus one equals zero"),
        ("{1, 2, 3} ∪ {4}", "the set of one, two, three, union the set of four"),
        ("Let y be 6.", "Let y be six."),
        ("[[1, 2], [3, 4]]", "the two by two matrix with first row one, two, second row three, four"),
        ("key=value", "key equals value"),
        ("x-axis and C++", "x-axis and C plus plus"),
    ],
)
def test_numbers_money_and_signs(shown: str, spoken: str) -> None:
    assert speakable(shown, "en") == spoken


@pytest.mark.parametrize(
    ("shown", "spoken"),
    [
        ("\ufb01nd the \uff21\uff22\uff23 \U0001d465 in\u00adter\u200bnal", "find the ABC x internal"),
        ("The ① thing", "The one thing"),
        ("25℃", "twenty five degrees Celsius"),
        ("5 ㎡", "five square meters"),
        ("cafe\u0301", "café"),
        ("*smiles* Hello there 2", "Hello there two"),
        ("Hello (laughs) you :D", "Hello you"),
        ("[chuckles softly] Right. ^_^", "Right."),
        ("Assistant: Hi there 5", "Hi there five"),
        ("**Tutor:** Hello", "Hello"),
        ("I <3 maths", "I maths"),
        ("x <3", "x is less than three"),
        ("Sound travels in *waves*", "Sound travels in waves"),
        ("Hello " + "-" * 1150 + " world", "Hello --- world"),
    ],
)
def test_look_alikes_and_asides(shown: str, spoken: str) -> None:
    assert speakable(shown, "en") == spoken


@pytest.mark.parametrize(
    ("shown", "spoken"),
    [
        ("设$x=5$，则$x^2=25$。", "设x等于五，则x的平方等于二十五。"),
        ("费用$1,500。", "费用一千五百美元。"),
        ("速度是20 m/s。", "速度是二十米每秒。"),
        ("3-5天", "三到五天"),
        ("第1题：2+3=5", "第一题：二加三等于五"),
    ],
)
def test_dollars_and_numbers_between_chinese_characters(shown: str, spoken: str) -> None:
    assert speakable(shown, "zh") == spoken


@pytest.mark.parametrize("language", ["en", "zh", "de", "fr"])
@pytest.mark.parametrize(
    "text", ["[[1, 2], [3, 4]]", "say [[h@loU]]", "[[[a]]]", "[ [x], [y] ]", "array [[1,2],[3", "]] [["]
)
def test_no_text_reaches_a_voices_syntax_for_phonemes(text: str, language: str) -> None:
    said = speakable(text, language)
    assert "[[" not in said and "]]" not in said
