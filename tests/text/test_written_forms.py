"""Short forms that are no arithmetic: what a teacher would say for them."""

from __future__ import annotations

import pytest

from engine.text.clauses import ClauseSplitter
from engine.text.language import detect_language
from engine.text.speakable import speakable
from engine.text.written_forms import written_forms_in_words
from tests.growth import assert_linear


@pytest.mark.parametrize(
    ("shown", "spoken"),
    [
        ("See you at 5 pm.", "See you at five P M."),
        ("At 5pm sharp.", "At five P M sharp."),
        ("It was 3:45 pm.", "It was three forty five P M."),
        ("It is 9 a.m. now.", "It is nine A M now."),
        ("At 7:05 PM we ate.", "At seven oh five P M we ate."),
        ("Am I 5 am?", "Am I five A M?"),
        ("It is 3:15.", "It is three fifteen."),
        ("Call 555-123-4567 for help.", "Call five five five, one two three, four five six seven for help."),
        ("Call (555) 123-4567.", "Call five five five, one two three, four five six seven."),
        ("Call +49 30 123 4567.", "Call four nine, three zero, one two three, four five six seven."),
        ("Call 911 now.", "Call nine one one now."),
        ("Dial 112 or 999.", "Dial one one two or nine nine nine."),
        ("Call 988 in the evening.", "Call nine eight eight in the evening."),
        ("Text HOME to 741741.", "Text HOME to seven four one seven four one."),
        ("Ring 116 123.", "Ring one one six, one two three."),
        ("Childline 0800 1111 helps.", "Childline zero eight zero zero, one one one one helps."),
        ("Call 100 people.", "Call one hundred people."),
        ("He lives on James St.", "He lives on James Street"),
        ("Go to St. Louis.", "Go to Saint Louis."),
        ("See fig. 3.", "See figure three."),
        ("Dissolve NaOH in water.", "Dissolve N a O H in water."),
        ("HI and NaCl and MgO.", "HI and N a C l and M g O."),
        ("Write to jane.doe@example.com please.", "Write to jane dot doe at example dot com please."),
        ("It is open 24/7.", "It is open twenty four seven."),
        ("The odds are 50/50.", "The odds are fifty fifty."),
        ("In 2024/25 we won.", "In twenty twenty four to twenty five we won."),
        ("There are 1 000 000 more.", "There are one million more."),
        ("It took 10 000 steps.", "It took ten thousand steps."),
        ("Henry VIII had six wives.", "Henry the eighth had six wives."),
        ("Elizabeth I ruled.", "Elizabeth the first ruled."),
        ("World War II ended.", "World War two ended."),
        ("Read Chapter IV now.", "Read Chapter four now."),
        ("Peter I think so.", "Peter I think so."),
        ("A 3x4 grid.", "A three by four grid."),
        ("A 10x zoom.", "A ten times zoom."),
        ("C# and F# differ.", "C sharp and F sharp differ."),
        ("Read pp. 12–15 and §3.", "Read pages twelve to fifteen and section three."),
        ("Speed is in km/h.", "Speed is in kilometers per hour."),
        ("It does 60 km/h.", "It does sixty kilometers per hour."),
        ("Take one and/or both.", "Take one and or both."),
        ("Ask him/her now.", "Ask him or her now."),
        ("x_1, x_2 and x_n", "x sub one, x sub two and x sub n"),
        ("It is 90 dB and 3.5 GHz.", "It is ninety decibels and three point five gigahertz."),
        ("Cats vs. Dogs", "Cats versus Dogs"),
        ("z\u0336a\u0336p", "zap"),
        (r"It is $R = 4\,\Omega$.", "It is R equals four ohms."),
        (r"$\text{LCM}(4, 6) = 12$", "the least common multiple of four, six equals twelve"),
        (r"$||v|| = 5$", "the norm of v equals five"),
        ("2H₂ + O₂ → 2H₂O", "two H two plus O two yields two H two O"),
        ("CH4 + 2O2 -> CO2 + 2H2O", "C H four plus two O two yields C O two plus two H two O"),
        ("HCl(aq) + NaOH(aq) → NaCl(aq) + H2O(l)",
         "H C l aqueous plus N a O H aqueous yields N a C l aqueous plus H two O liquid"),
        ("A -> B", "A to B"),
        ("→ Next step", "Next step"),
        ("It is 50Ω or 100µm.", "It is fifty ohms or one hundred micrometers."),
        ("CH4+2O2->CO2+2H2O", "C H four plus two O two yields C O two plus two H two O"),
        ("a/b = c", "a over b equals c"),
        (r"$\complement_U A$", "the complement of A in U"),
        ("The room is 12' x 15'.", "The room is twelve feet by fifteen feet."),
        ('A 3/4" pipe', "A three quarters inch pipe"),
        ("It's 5'6\" tall.", "It's five foot six tall."),
        ("return x**2 now", "return x squared now"),
        ("a != b && c == d", "a is not equal to b and c equals d"),
        ("Na⁺ + Cl⁻ → NaCl", "N a plus plus C l minus yields N a C l"),
        ("It is open 24/7/365.", "It is open twenty four seven, three sixty five."),
        ("So 5 - -3 and x - y", "So five minus minus three and x minus y"),
        ("|a - b|", "the absolute value of the quantity a minus b"),
        ("f'(x)", "f prime of x"),
        ("y''", "y double prime"),
        ("He said 'x' and 'y'.", "He said 'x' and 'y'."),
        ("the dogs' food", "the dogs' food"),
        ("Use sin x.", "Use sine x."),
        ("log2(8) = 3", "log base two of eight equals three"),
        ("ΔABC", "triangle A B C"),
        ("30° 15′", "thirty degrees fifteen minutes"),
        ("±0.5 mm", "plus or minus zero point five millimeters"),
        ("5 g/cm³", "five grams per cubic centimeter"),
        ("dy/dx", "d y over d x"),
        ("approx 3.5 hrs", "approximately three point five hours"),
        ("He got 85/100.", "He got eighty five out of one hundred."),
        (r"$\text{CaCO}_3 \rightarrow \text{CaO} + \text{CO}_2\uparrow$", "C a C O three yields C a O plus C O two"),
        ("-40 °C = -40 °F", "minus forty degrees Celsius equals minus forty degrees Fahrenheit"),
        ("It is 9.8 m/s².", "It is nine point eight meters per second squared."),
        ("Use 50 Ω and 5 kΩ.", "Use fifty ohms and five kilohms."),
        ("It is 100 µm or 3 μg.", "It is one hundred micrometers or three micrograms."),
        ("1/0 is undefined", "one over zero is undefined"),
        ("5x", "five x"),
        ("There are 1.000.000 or 2.500.000 people.",
         "There are one million or two million five hundred thousand people."),
        ("e=mc2", "e equals m c squared"),
        ("Go w/ or w/o it.", "Go with or without it."),
        ("WWII and WW2", "World War two and World War two"),
        (r"$5\,\text{N·m}^2/\text{kg}^2$", "five newton square meters per kilogram squared"),
        ("The 19th-century novel.", "The nineteenth century novel."),
        ("1,000s of people", "thousands of people"),
        ("1 in = 2.54 cm", "one inch equals two point five four centimeters"),
        ("He is 6 ft 2 in tall.", "He is six feet two inches tall."),
        ("I saw 5 in there.", "I saw five in there."),
        ("It costs 50¢.", "It costs fifty cents."),
        ('Send {"a": 1} now.', 'Send {"a": one} now.'),
        ("It has 420 ppm.", "It has four hundred and twenty parts per million."),
        ("On Mon. at 10:30.", "On Monday at ten thirty."),
        ("Born c. 1850 there.", "Born circa eighteen fifty there."),
        ("min. 5 and max. 10", "minimum five and maximum ten"),
        ("Well done :smile: and :+1:", "Well done and"),
        (r"$\$5 + \$3 = \$8$", "five dollars plus three dollars equals eight dollars"),
        ("The slope is (y2 - y1)/(x2 - x1).",
         "The slope is the quantity y two minus y one, over the quantity x two minus x one."),
        ("10 / 2 = 5", "ten divided by two equals five"),
        (r"$\frac{10}{2}$", "ten over two"),
        ("△ABC ~ △DEF", "triangle A B C is similar to triangle D E F"),
        (r"$45^\circ 30'$", "forty five degrees thirty minutes"),
        (r"$\exists y (x < y)$", "there exists y such that the quantity x is less than y"),
        ("2 ** 3 = 8", "two cubed equals eight"),
        ("10 % 3 = 1", "ten mod three equals one"),
        ("7 – 3 = 4", "seven minus three equals four"),
        ("2x – 3y = 7", "two x minus three y equals seven"),
        ("In 2001 – 2005, on pages 3 – 5.", "In two thousand one to two thousand five, on pages three to five."),
        ("1:2:3", "one to two to three"),
        ("3 1/4 + 2 1/4", "three and one quarter plus two and one quarter"),
        ("³√27 = 3", "the cube root of twenty seven equals three"),
        ("so x²√3 = 9", "so x squared times the square root of three equals nine"),
        ("5!=120", "five factorial equals one hundred and twenty"),
        ("x!=5", "x is not equal to five"),
    ],
)  # fmt: skip
def test_english(shown: str, spoken: str) -> None:
    assert speakable(shown, "en") == spoken


@pytest.mark.parametrize(
    ("shown", "spoken"),
    [
        ("1/2杯水", "二分之一杯水"),
        ("第二次世界大战（1939-1945）", "第二次世界大战（一九三九到一九四五）"),
        ("价格是￥1,299.50元。", "价格是一千二百九十九点五元。"),
        ("重量5kg，长10cm", "重量五千克，长十厘米"),
        ("COVID-19", "COVID十九"),
        ("(x+1)(x-1)=x²-1", "括号x加一括号乘括号x减一括号等于x的平方减一"),
        ("1,000,000", "一百万"),
        ("３．５", "三点五"),
        ("3∶2", "三比二"),
        ("³√27=3", "二十七的立方根等于三"),
        ("5!=120", "五的阶乘等于一百二十"),
        ("那么n!是什么", "那么n的阶乘是什么"),
        ("①②③", "一、二、三"),
        ("第Ⅲ章", "第三章"),
        ("50Ω和100μm", "五十欧和一百微米"),
        ("2H₂+O₂→2H₂O", "二H二加O二生成二H二O"),
        (r"$\complement_U A$", "U中A的补集"),
        ("全天24/7开放", "全天二十四小时七天开放"),
        ("身高1米75", "身高一米七五"),
    ],
)
def test_chinese(shown: str, spoken: str) -> None:
    assert speakable(shown, "zh") == spoken


def test_a_letter_of_mathematics_is_no_greek() -> None:
    assert detect_language("π ≈ 3.14", "en") == "en"
    assert detect_language("3 μg or 5 kΩ", "en") == "en"
    assert detect_language("καλημέρα σε όλους", "en") == "el"


@pytest.mark.parametrize("text", ["速度是 60 km/h。", "重量5kg，长10cm", "A、B、C三点", "用 DNA 和 RNA"])
def test_units_and_letters_leave_a_chinese_text_chinese(text: str) -> None:
    assert detect_language(text, "zh") == "zh"


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("The temperature is minus five or 23 °F today.", "The temperature is minus five or 23 °F"),
        ("She won against him with 1 000 points.", "She won against him with 1 000 points"),
        ("So 5! = 120, and more.", "So 5! = 120,"),
        ("Now look at Smith vs. Jones here.", "Now look at Smith vs. Jones"),
    ],
)
def test_no_clause_ends_between_what_belongs_together(text: str, cut: str) -> None:
    splitter = ClauseSplitter("en")
    first = [piece for word in text.split(" ") for piece in splitter.push(f"{word} ")][:1]
    assert (first or [text])[0].strip().startswith(cut)


@pytest.mark.parametrize(
    "piece",
    ["1 000 ", "a.b@", "555-", "+49 30 ", "12:34 ", "he/", "x_1", "Henry V", "3x4 ", "§", "pp. ", "m/s ", "1/2 "],
)
def test_time_grows_with_the_length(piece: str) -> None:
    def spell_out(size: int) -> None:
        for language in ("en", "zh"):
            written_forms_in_words(piece * (size // len(piece)), language)

    assert_linear(spell_out, 5_000, slack_s=0.01)
