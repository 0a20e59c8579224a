"""What people write in a short form that must not be taken for arithmetic: times, telephone numbers, years,
addresses, Roman numerals, "3x4 grid". In words, English and Chinese. Pure, linear.

Runs before formulas are looked for: ``24/7`` is not a division, and the ``pm`` of ``3:45 pm`` not picometres.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.text.number_words import digits_in_words, number_in_words, ordinal_in_words

Rules = tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]

_NUMBERED = (
    "War|Part|Chapter|Act|Scene|Volume|Vol|Book|Article|Section|Phase|Type|Class|Level|Unit|Stage|Figure|Table"
    "|Appendix|Title|Grade|Lesson|Module|Apollo|Step|Group|Period|Amendment|Factor"
)
_RULERS = (
    "Henry|Louis|Elizabeth|George|Edward|James|Charles|William|Richard|Napoleon|Catherine|Peter|Nicholas|Alexander"
    "|Frederick|Philip|Philippe|Pius|Paul|Benedict|Francis|Ramesses|Ramses|Ptolemy|Thutmose|Amenhotep|Cleopatra|Mary"
    "|Ivan|Leopold|Wilhelm|Otto|Gregory|Innocent|Clement|Urban|Leo|Julius|Felipe|Juan|Christian|Gustav|Gustavus|Margaret"
    "|Mehmed|Suleiman|Selim|Murad|Darius|Xerxes|Cyrus|Robert|Malcolm|Constantine|Theodosius|Justinian"
)
_ROMAN = r"(?=[IVX])(X{0,3}(?:IX|IV|V?I{0,3}))(?![\w'’])"
_COUNTED = (
    "grid|matrix|matrices|board|table|array|square|inch|pixel|image|picture|block|cube|rectangle|sheet|photo|room"
    "|field|area|card|tile|box|frame|window|rug|garden|screen|layout|plane|determinant"
)
_WRITTEN_UNITS = {
    "km/h": "kilometers per hour",
    "mi/h": "miles per hour",
    "mph": "miles per hour",
    "m/s": "meters per second",
    "m/s²": "meters per second squared",
    "m/s^2": "meters per second squared",
    "g/cm³": "grams per cubic centimeter",
    "g/cm^3": "grams per cubic centimeter",
    "kg/m³": "kilograms per cubic meter",
    "kg/m^3": "kilograms per cubic meter",
    "g/mL": "grams per milliliter",
    "g/L": "grams per liter",
    "mol/L": "moles per liter",
    "J/kg": "joules per kilogram",
    "N/m": "newtons per meter",
    "rpm": "revolutions per minute",
}
_ROUND = {3: "tens", 4: "hundreds", 5: "thousands"}
"""``10s``, ``100s`` and ``1000s``, by their length."""

_RATES = {
    "ppm": " parts per million",
    "ppb": " parts per billion",
    "bpm": " beats per minute",
    "fps": " frames per second",
}
_LETTERS = {"w/o": "without", "w/": "with", "b/c": "because"}
_MARKS = {"'": "feet", "′": "feet", '"': "inches", "″": "inches"}
_FUNCTIONS = {"sin": "sine", "cos": "cosine", "tan": "tangent"}
_TIMES = {"hrs": " hours", "mins": " minutes", "secs": " seconds"}
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_DAYS = {"Mon": "Monday", "Tue": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Fri": "Friday"}
_MONTHS = {
    name[:3]: name
    for name in str.split("January February March April June July August September October November December")
}
_PAGES = {"p": "page", "pp": "pages", "ch": "chapter", "vol": "volume", "sec": "section", "eq": "equation"}


def written_forms_in_words(text: str, language: str) -> str:
    """``text`` with its short forms in words; unchanged in languages without rules."""
    for pattern, words in _RULES.get(language, ()):
        text = pattern.sub(words, text)
    return text


def _roman(numeral: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10}[letter] for letter in numeral]
    return sum(-value if value < max(values[at:]) else value for at, value in enumerate(values))


def _ruler(match: re.Match[str]) -> str:
    numeral = match.group(2)
    # "Peter I think" is not a king: after a numeral of one letter must come a stop or a verb.
    if numeral == "I" and not re.match(
        r"\s*(?:[.,;:!?)]|$|of\b|was\b|is\b|had\b|ruled\b)", match.string[match.end() :]
    ):
        return match.group()
    return f"{match.group(1)} the {ordinal_in_words(_roman(numeral))}"


def _numbered(match: re.Match[str]) -> str:
    return f"{match.group(1)} {number_in_words(str(_roman(match.group(2))), False)}"


def _digits(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match.group())
    return ", ".join(digits_in_words(group, False) for group in groups)


def _called(match: re.Match[str]) -> str:
    """The numbers of a help line, digit by digit; the words between them stay."""
    return re.sub(r"\d+(?: \d+)*", _digits, match.group())


def _half_day(match: re.Match[str]) -> str:
    """``3:45 pm``, ``5 p.m.``: the hour, the minutes and two letters."""
    hour, minutes, half = match.group(1), match.group(2), match.group(3).upper()
    said = number_in_words(str(int(hour)), False)
    if minutes and int(minutes):
        said += " " + ("oh " if minutes[0] == "0" else "") + number_in_words(str(int(minutes)), False)
    return f"{said} {half} M"


def _years(match: re.Match[str]) -> str:
    """``2024/25`` and ``1939/40``, if the second follows the first."""
    century, year, following = match.groups()
    if int(following) != (int(year) + 1) % 100:
        return match.group()
    return f"{century}{year} to {number_in_words(str(int(following)), False)}"


def _address(match: re.Match[str]) -> str:
    said = match.group().replace("@", " at ").replace(".", " dot ").replace("_", " underscore ")
    return re.sub(r"\s+", " ", said.replace("-", " dash ").replace("+", " plus "))


def _inches(match: re.Match[str]) -> str:
    return f"{match.group(1)} {'inch' if match.group(1) == '1' else 'inches'}"


def _arc(match: re.Match[str]) -> str:
    """The minutes and seconds of an angle."""
    seconds = f" {match.group(2)} seconds" if match.group(2) else ""
    return f" degrees {match.group(1)} minutes{seconds}"


def _page(match: re.Match[str]) -> str:
    return f"{_PAGES[match.group(1).lower()]} "


def _chinese_fraction(match: re.Match[str]) -> str:
    top, bottom = (number_in_words(str(int(each)), True) for each in match.groups())
    return f"{bottom}分之{top}"


def _chinese_years(match: re.Match[str]) -> str:
    return "到".join(digits_in_words(year, True) for year in match.groups())


_MAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}", re.ASCII)
_HALF_DAY = re.compile(
    r"(?<![\d.,:])(1[0-2]|0?[1-9])(?:[:.]([0-5]\d))?\s?([apAP])\.?\s?[mM]"
    r"(?:\.(?=\s+[a-z]|[,;:!?])|(?![\w.]|\s?\d)|(?=\.))"
)
_TELEPHONE = re.compile(
    r"(?<![\w.,/-])(?:(?:\+?\d{1,3}[ -])?\(?\d{3}\)?[ -.]\d{3}[-.]\d{4}|\+\d{1,3}(?:[ -]\d{2,4}){2,5})(?![\w,/-]|\.\d)"
)
_SHORT = r"(?:9(?:11|88|99)|000|1(?:0[01]|1\d|2[02])|116 ?\d{3}|13 11 \d\d|\d{6})"
_HELP_LINE = re.compile(
    # After a word that asks to call, unless something is counted; and numbers that begin with a zero.
    rf"(?<=\b[CcDdRrTt](?:all|ial|ing|ext) )(?:[A-Z]+ to )?{_SHORT}(?: or {_SHORT})?(?![\w-]|[.,]\d| \d)"
    r"(?! (?!(?:in|or|now|if|at|and|for|when|right)\b)[a-z])"
    r"|(?<![\w.,/:-])0[1-9]\d{1,3}(?: \d{3,4}){1,3}(?![\w/-]|[.,]\d| \d)"
)
_THOUSANDS = re.compile(
    # Ends in three zeros, or is in the millions: not a list of numbers.
    r"(?<![\d.,] )(?<![\d.,])(?:\d{1,3}(?= (?:\d{3} )*000(?!\d))(?: \d{3})+|\d{1,2}(?: \d{3}){2,4}(?! \d))(?![.,]?\d)"
)
_ARC = re.compile(r"(?<=\d)° ?(\d{1,2}) ?['′](?: ?(\d{1,2}) ?[\"″])?(?!\w)")
_SIZE = re.compile(r"(?<![\w.])(\d{1,4}(?:\.\d)?) ?(['\"′″]) ?[x×] ?(\d{1,4}(?:\.\d)?) ?(['\"′″])")
_POINTED_THOUSANDS = re.compile(r"(?<![\w.,])\d{1,3}(?:\.\d{3})*\.000(?![\w]|[.,]\d)(?<=\.\d{3}\.000)")
_UNITS_ALONE = re.compile(
    rf"(?<![\w./])(?<!\d )({'|'.join(map(re.escape, sorted(_WRITTEN_UNITS, key=len, reverse=True)))})(?![\w/²³^]|\.\w)"
)
_EITHER = re.compile(
    r"\b(he|she|his|her|him|yes|true|pass|on|male|left)/(she|he|her|hers|his|him|no|false|fail|off|female|right)\b",
    re.I,
)

_UNIT_JOINED = re.compile(r"(?<=\d)(?=(?:[kMm]?Ω|[μµ][A-Za-z])(?![A-Za-z0-9]))")
_QUOTIENT = re.compile(r"(?<![\w/])(a/b|b/a|x/y|y/x|p/q|m/n)(?![\w/])")

_VARIABLE = r"(?:\d{0,3}[xyzntkmabc]|\d{1,3}(?:\.\d{1,3})?)[²³]?"
_OF_BOTH: Rules = (
    # A factorial, and not "is not equal to".
    (
        re.compile(r"(?<![\w.])(\d{1,2})!=(?=\d)|(?<![\w.])(n)!=(?=n\s?[(×·*])"),
        lambda m: f"{m.group(1) or m.group(2)}! = ",
    ),
    (re.compile(r"(?<=\d) % (?=\d{1,4}\b)"), " mod "),
    # A dash for a minus: between variables, or beside another operator.
    (re.compile(rf"(?<![\w.]){_VARIABLE} [–—] (?=[(\d])(?<=[xyzntkm²³] [–—] )"), lambda m: m.group()[:-2] + "− "),
    (re.compile(r"(?<=[\d)]) [–—] (?=\d{0,3}[xyzntkmabc][²³]?(?![\w'’]))"), " − "),
    (re.compile(r"(?<=[\d)]) [–—] (?=[\d(][\d.]{0,8}\)? ?[=+×÷*<>≈≤≥])"), " − "),
)

_ENGLISH: Rules = (
    *_OF_BOTH,
    (re.compile(r"(?<![\w'])([nkmr])!(?= (?:is|means|equals|grows|counts|gives)\b)"), r"\1 factorial"),
    (re.compile(r"(?<![\d:.])(\d{1,3}):(\d{1,3}):(\d(?!\d)|\d{3})(?![\d:])"), r"\1 to \2 to \3"),
    (_UNIT_JOINED, " "),
    (_QUOTIENT, lambda m: m.group().replace("/", " over ")),
    (_MAIL, _address),
    (_HALF_DAY, _half_day),
    (_TELEPHONE, _digits),
    (_HELP_LINE, _called),
    (re.compile(r"(?<![\w.])\.(?=NET\b)"), "dot "),
    (re.compile(r"\b([A-Z][a-z]+) St(?:\.(?!\s[A-Z])|$)"), r"\1 Street"),
    (re.compile(r"(?<![\d.,/])24/7/365(?![\d/])"), "twenty four seven, three sixty five"),
    (re.compile(r"(?<![\d.,/])24/7(?![\d/])"), "twenty four seven"),
    (re.compile(r"(?<=\d)(st|nd|rd|th)-(?=[a-z])"), r"\1 "),
    (re.compile(r"(?<![\d.,])1(?:,?000|00|0)s(?= of\b)"), lambda m: _ROUND[len(m.group().replace(",", ""))]),
    (re.compile(r"(?<=\d)\s?¢"), " cents"),
    (re.compile(r"(?<=\d) (ppm|ppb|bpm|fps)\b"), lambda m: _RATES[m.group(1)]),
    (re.compile(r"(?<=\d) ft\.? (\d{1,2}) in\b(?! the\b)"), r" feet \1 inches"),
    (re.compile(r"(?<![\w.,])(\d[\d.,]{0,9}) in(?= =|$|[.,;](?:\s|$))"), _inches),
    (re.compile(r"(?<=\d) ft\.(?= [a-z])"), " feet"),
    (re.compile(r"\b(?:c|ca)\.\s?(?=1?\d{2,3}\b)"), "circa "),
    (re.compile(r"\b(min|max)\.(?= \d)"), r"\1imum"),
    (re.compile(r"\b(Mon|Tues?|Wed|Thur?s?|Fri)\.(?= (?:[a-z]|\d))"), lambda m: _DAYS[m.group(1)[:3]]),
    (re.compile(r"\b(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.(?= \d)"), lambda m: _MONTHS[m.group(1)[:3]]),
    (re.compile(r"(?<![\d.,/])50[/-]50(?![\d/])"), "fifty fifty"),
    (re.compile(r"(?<![\d.,/])(19|20)(\d\d)/(\d\d)(?![\d/])"), _years),
    (re.compile(r"(?<![\w|])\|([A-Za-z0-9]{1,3}) ([-+]) ([A-Za-z0-9]{1,3})\|(?![\w|])"), r"|\1\2\3|"),
    (_ARC, _arc),
    (_SIZE, lambda m: f"{m.group(1)} {_MARKS[m.group(2)]} by {m.group(3)} {_MARKS[m.group(4)]}"),
    (re.compile(r"(?<=\d)(?<!'\d)(?<!'\d\d)\"(?= [a-z])"), " inch"),
    (re.compile(r"(?<![\d.,/])(\d{2})/100(?![\d/])"), r"\1 out of 100"),
    (
        re.compile(r"(?<![\w\\])(sin|cos|tan) (?=[b-hj-z\u03b1-\u03c9](?!\w)|\d)"),
        lambda m: f"{_FUNCTIONS[m.group(1)]} ",
    ),
    (re.compile(r"(?<![\w\\])log_?(\d{1,2})\((?=[^()]{1,30}\))"), lambda m: f"log{m.group(1).translate(_LOWERED)}("),
    (re.compile(r"(?<![\w/])d([a-z])/d([a-z])(?![\w/])"), r"d \1 over d \2"),
    (
        re.compile(r"(?<![\w'-])([b-hj-z] - [a-z]|a - [b-z]|\d+ - -\d+)(?![\w'-])"),
        lambda m: m.group().replace(" - ", " minus ", 1),
    ),
    (re.compile(r"Δ(?=[A-Z]{3}\b)"), "△"),
    (re.compile(r"(?<=\w) && (?=\w)"), " and "),
    (re.compile(r"(?<=\w) \|\| (?=\w)"), " or "),
    (re.compile(r"\bMt\.(?= [A-Z])"), "Mount"),
    (re.compile(r"\bapprox(?= \d)"), "approximately"),
    (re.compile(r"(?<=\d) (hrs|mins|secs)\b\.?(?=[ ,;:!?]|$)"), lambda m: _TIMES[m.group(1)]),
    (re.compile(r"(?<![\d.,/])1 (tsp|tbsp)\b\.?"), lambda m: f"1 {'tea' if m.group(1) == 'tsp' else 'table'}spoon"),
    (_POINTED_THOUSANDS, lambda m: m.group().replace(".", "")),
    (re.compile(r"(?<=\d) ?° ?(?=[CF]\b)"), "°"),
    (re.compile(r"(?<![\d./])(\d{1,6})/0(?![\d./])"), r"\1 over 0"),
    (re.compile(r"\b([Ee])\s?=\s?mc2\b"), r"\1 = mc²"),
    (re.compile(r"(?<![\w/])(w/o|w/|b/c)(?![\w/])"), lambda m: _LETTERS[m.group(1)]),
    (re.compile(r"\bWW ?(II|2|I|1)\b"), lambda m: f"World War {'two' if m.group(1) in ('II', '2') else 'one'}"),
    (_THOUSANDS, lambda m: m.group().replace(" ", "")),
    (re.compile(rf"\b({_RULERS}) {_ROMAN}"), _ruler),
    (re.compile(rf"\b({_NUMBERED}) {_ROMAN}"), _numbered),
    (re.compile(rf"(?<![\w.])(\d{{1,4}})\s?[x×X]\s?(\d{{1,4}})(?=[ -](?:{_COUNTED}))"), r"\1 by \2"),
    (re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d)?)[x×](?= [a-z]{3})"), r"\1 times"),
    (re.compile(r"(?<![A-Za-z0-9])([CF])#(?!\w)"), r"\1 sharp"),
    (re.compile(r"(?<![\w.])(pp?|ch|vol|sec|eq)\.\s?(?=\d)", re.IGNORECASE), _page),
    (re.compile(r"§{1,2}\s?(?=\d)"), "section "),
    (_UNITS_ALONE, lambda m: _WRITTEN_UNITS[m.group(1)]),
    (re.compile(r"\band/or\b"), "and or"),
    (re.compile(r"\bs/he\b"), "she or he"),
    (_EITHER, r"\1 or \2"),
    (re.compile(r"(?<![\w/.:])([A-Za-z]{3,20})/([A-Za-z]{3,20})(?![\w/.])"), r"\1 \2"),
    (re.compile(r"(?<![\w\\^])([a-z])_(\d{1,2}|[ijkmn])(?![\w{^])"), r"\1 sub \2"),
    (re.compile(r"(?<=[A-Za-z]{2})_(?=[A-Za-z]{2})"), " "),
)

_CHINESE: Rules = (
    (_UNIT_JOINED, " "),
    (re.compile(r"(?<=拨打)\d{3,8}(?![\d.])"), lambda m: digits_in_words(m.group(), True).replace("一", "幺")),
    (_QUOTIENT, lambda m: f"{m.group()[2]}分之{m.group()[0]}"),
    (re.compile(r"第([IVX]{1,5})(?=[章节卷部编])"), lambda m: f"第{number_in_words(str(_roman(m.group(1))), True)}"),
    (re.compile(r"(?<=\d) ?° ?(?=[CF]\b)"), "°"),
    (re.compile(r"(?<![\d.,/])24/7(?![\d/])"), "二十四小时七天"),
    (_MAIL, lambda m: m.group().replace("@", " at ").replace(".", "点")),
    # "GPT-4", "MP-3": but x-1 and AB-1 may be differences.
    (re.compile(r"(?<=[A-Za-z]{3})-(?=\d)|(?<=[A-Z]{2})-(?=\d)|(?<![\w)])(?<=[A-Z])-(?=\d{2})"), " "),
    (re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])"), lambda m: m.group().replace(",", "")),
    *_OF_BOTH,
    (re.compile(r"(?<![A-Za-z])([nkmr])!(?![=A-Za-z])"), r"\1的阶乘"),
    (re.compile(r"(?<=\d)米(\d{1,2})(?![\d.年个米厘])"), lambda m: "米" + digits_in_words(m.group(1), True)),
    (re.compile(r"(?<![\d/.])(\d{1,4})/(\d{1,4})(?![\d/.])(?!年|月)"), _chinese_fraction),
    (re.compile(r"(?<![\d.-])(1\d{3}|20\d\d)\s?[-–—~～]\s?(1\d{3}|20\d\d)(?![\d.-])"), _chinese_years),
    (re.compile(r"([￥¥]\s?\d[\d,.]*)\s?元"), r"\1"),
)

_RULES: dict[str, Rules] = {"en": _ENGLISH, "zh": _CHINESE}
