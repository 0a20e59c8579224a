"""What a question is, and its answer: the kinds of calculation tried one after another."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from engine.calculation.clock import NoClockTime, clock_answer
from engine.calculation.dates import NoDate, answer_date
from engine.calculation.equations import NoEquation, solve
from engine.calculation.expression import read_expression
from engine.calculation.facts import chinese_fact, english_fact
from engine.calculation.homophones import as_it_sounds
from engine.calculation.lexicon import NoExpression
from engine.calculation.measures import NoMeasure, measure_answer
from engine.calculation.number import NotComputable
from engine.calculation.proportions import chinese_proportion, english_proportion
from engine.calculation.quantities import NoQuantity, convert
from engine.calculation.shapes import chinese_shape, english_shape
from engine.calculation.words import MAX_CHARS, bare_chinese, bare_english, plain_chinese, plain_english
from engine.text.scripts import is_unspaced

_NO_CALCULATION = re.compile(
    r"24/7|9/11|7/11|\d{4}[-/]\d{4}|\d{3}-\d{3,4}(?:-\d{4})?|\d{1,2}[/-]\d{1,2}[/-]\d{2,4}|\d{4}[/-]\d{1,2}[/-]\d{1,2}"
    r"|\d{1,2}:\d\d"
)
"""Names, years and dates that are written like sums."""

_CHINESE_LISTS = {"平均数": "mean", "中位数": "median", "最小公倍数": "lcm", "最大公约数": "gcd", "最大公因数": "gcd"}
_CHINESE_LIST = re.compile(rf"([\d.、,和与]{{3,120}})的({'|'.join(_CHINESE_LISTS)})")

_ADDRESSING = re.compile(r"^(?:(?:hey|ok|okay|so|please|can you tell me|do you know|tell me|i need to know)\b[\s,]*)++")

_SOLVE = re.compile(
    r"^(?:solve|find|what is|what's) (?:the equation |for [a-z] (?:in|if|when)? ?|[a-z] (?:if|when|in) )?"
)

_LAST_CLAUSE = re.compile(
    r"[,，。.;；!！?？]\s*(?P<asked>(?:(?:so|and|but|please) )?"
    r"(?:what|how|calculate|work out|can you|could you)\b[^,，。;；]*|[^,，。;；!?！？a-z]{4,})$",
    re.IGNORECASE,
)
"""The question after what leads to it: "I am stuck, what is 12 times 7"."""

_WORTH_IT = re.compile(
    r"[\d¼-¾⅐-⅞²³√π]|等于?(?:多少|几)|(?:平|立)方根?是|半个?小时|[一二两三四五六七八九十百千]|"
    r"how many (?:\w+ ){1,2}(?:are |are there )?in\b|"
    r"\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|"
    r"thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|half|third|quarter|an? "
    r"(?:dozen|second|minute|hour|day|week|year|decade|century|mile|foot|yard|pound|gallon|kilometer|kilometre|kilo|ton|meter|metre|liter|litre)|"
    r"today|tomorrow|christmas|leap|february|january|march|april|may|june|july|august|september|october|november|december)",
    re.IGNORECASE,
)


def worth_computing(question: str) -> bool:
    """Whether ``question`` may be a calculation at all: a number or the like is in it. Some microseconds."""
    return len(question) <= MAX_CHARS and _WORTH_IT.search(question) is not None


def calculated(question: str, language: str, today: date) -> str | None:
    """The finished answer to a question that can be computed; None for any other.

    Takes 0.1–1 ms; the first question about units 0.4 s (``quantities.warm_up``).

    Args:
        question: the student's words, typed or recognised.
        language: of the tutor, ISO 639-1: English or Chinese. A Chinese question is recognised by its script.
        today: the date questions such as "how many days until Christmas" count from.
    """
    if not worth_computing(question):
        return None
    chinese = any(map(is_unspaced, question))
    if not chinese and language not in ("en", "zh"):
        return None
    kinds = _chinese_kinds if chinese else _english_kinds
    answer = _answer(kinds(question, today))
    if answer is None and (last := _LAST_CLAUSE.search(question)):
        answer = _answer(kinds(last["asked"], today))
    if answer is None and chinese and (sounds := as_it_sounds(question.replace(" ", ""))) is not None:
        answer = _answer(_chinese_kinds(sounds, today))
    return answer


def _answer(kinds: list[Callable[[], str | None]]) -> str | None:
    for kind in kinds:
        try:
            answer = kind()
        except (NoExpression, NoEquation, NoQuantity, NoDate, NoMeasure, NoClockTime, NotComputable, ZeroDivisionError):
            continue
        if answer is not None:
            return answer
    return None


def _english_kinds(question: str, today: date) -> list[Callable[[], str | None]]:
    plain = plain_english(question)
    framed = re.sub(r"[?.!,;:\s]+$", "", plain.replace(" ? ", " ")).strip()
    bare = re.sub(r"\?", "", bare_english(plain)).strip()
    asked = re.sub(
        r"^(?:(?:hey|ok|okay|so|please|can you tell me|do you know|tell me|i need to know)\b[\s,]*)+", "", framed
    )
    if _NO_CALCULATION.fullmatch(bare):
        return []
    return [
        lambda: _expression(bare, chinese=False),
        lambda: english_fact(asked) or english_fact(bare),
        lambda: english_proportion(asked) or english_proportion(bare),
        lambda: english_shape(bare),
        lambda: convert(asked),
        lambda: convert(bare),
        lambda: solve(_equation(asked)),
        lambda: answer_date(asked, today),
        lambda: answer_date(bare, today),
        lambda: clock_answer(asked),
        lambda: measure_answer(asked),
        lambda: measure_answer(bare),
    ]


def _equation(text: str) -> str:
    text = re.sub(
        r"^(?:(?:solve|find|what is|what's) (?:the equation |for [a-z] (?:in|if|when)? ?|[a-z] (?:if|when|"
        r"in) )?|(?:if|when|given) )",
        "",
        text,
    )
    return re.sub(
        r",? ?(?:then )?(?:what is|what's|what does|find|solve for|what|calculate) [a-z](?: equal| is| be)?$", "", text
    )


def _chinese_kinds(question: str, today: date) -> list[Callable[[], str | None]]:
    plain = plain_chinese(question)
    bare = bare_chinese(plain)
    if _NO_CALCULATION.fullmatch(bare):
        return []
    if match := _CHINESE_LIST.fullmatch(bare):
        bare = f"{_CHINESE_LISTS[match[2]]} of {re.sub('[、和与]', ',', match[1])}"
    asked = re.sub(r"[吗呢?？。！!]+$", "", re.sub(r"^(?:请问|请|你知道|告诉我)", "", plain))
    equation = re.sub(
        r"^(?:解方程|解|如果|已知|若)[:：]?|,?(?:那么|则|求|问)?[a-z](?:等于|=|是)?(?:多少|几)?$", "", asked
    )
    return [
        lambda: _expression(bare, chinese=True),
        lambda: chinese_fact(bare) or chinese_fact(asked),
        lambda: chinese_proportion(bare) or chinese_proportion(asked),
        lambda: chinese_shape(bare) or chinese_shape(re.sub(r"(?:是|有|等于)?(?:多少|几|多大).*$", "", asked)),
        lambda: answer_date(asked, today, chinese=True),
        lambda: convert(asked, chinese=True),
        lambda: solve(equation, chinese=True),
        lambda: clock_answer(asked, chinese=True),
        lambda: measure_answer(bare, chinese=True),
    ]


def _expression(text: str, *, chinese: bool) -> str | None:
    try:
        expression = read_expression(text, chinese=chinese)
    except ZeroDivisionError:
        return "零不能做除数，所以没有结果。" if chinese else "Nothing can be divided by zero, so that has no result."
    except NotComputable as error:
        return "这个我算不出来：数太大，或者结果不是实数。" if chinese else f"I cannot work that out: {error.message}."
    return expression.sentence(chinese=chinese) if expression.operations else None
