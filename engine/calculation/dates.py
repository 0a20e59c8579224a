"""Questions about the calendar: weekdays, days between dates, leap years, ages."""

from __future__ import annotations

import calendar
import re
from datetime import date

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name} | {"sept": 9}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))

_DATE = (
    rf"(?:(?:the )?(?P<day_{{0}}>\d{{{{1,2}}}})(?:st|nd|rd|th)? (?:of )?(?P<month_{{0}}>{_MONTH}),? ?"
    rf"(?P<year_{{0}}>\d{{{{4}}}})?"
    rf"|(?P<month2_{{0}}>{_MONTH}) (?:the )?(?P<day2_{{0}}>\d{{{{1,2}}}})(?:st|nd|rd|th)?,? ?"
    rf"(?P<year2_{{0}}>\d{{{{4}}}})?"
    r"|(?P<iso_{0}>\d{{4}}-\d{{2}}-\d{{2}})|(?P<named_{0}>today|tomorrow|yesterday|christmas(?: day)?|new "
    r"year(?:'s day)?)"
    r"|(?P<zh_year_{0}>\d{{4}})年(?P<zh_month_{0}>\d{{1,2}})月(?P<zh_day_{0}>\d{{1,2}})[日号])"
)

_WEEKDAY = re.compile(
    rf"(?:what |which )?(?:day(?: of the week)?|weekday) (?:is|was|will|does|did)?(?: it)?(?: be)?(?: on)? "
    rf"?{_DATE.format('a')}"
    r"(?: on| fall on| be)?"
)
_BETWEEN = re.compile(
    rf"(?:how many )?(?P<unit>days|weeks)(?: are| is| were)?(?: there)? (?:between|from) "
    rf"{_DATE.format('a')} (?:and|to|until) "
    rf"{_DATE.format('b')}"
)
_UNTIL = re.compile(
    rf"(?:how many )?(?P<unit>days|weeks)(?: are| is)?(?: there)?(?: left)? (?:until|till|to|before) "
    rf"{_DATE.format('b')}"
)
_LEAP = re.compile(r"(?:is |was |will )?(?:the year )?(?P<year>\d{4})(?: be)? a leap year")
_MONTH_LENGTH = re.compile(
    rf"(?:how many )?days (?:are |does )?(?:there )?(?:in )?(?P<month>{_MONTH})(?: have)?(?: in| of)?(?:,? "
    rf"?(?P<year>\d{{4}}))?(?: have)?"
)
_YEAR_LENGTH = re.compile(
    r"(?:how many )?(?P<unit>days|weeks) (?:are |does |did )?(?:there )?(?:in )?(?:the year )?(?P<year>[12]\d{3})"
    r"(?: have)?"
)
_SHIFTED = re.compile(
    r"(?:what (?:date|day)(?: of the week)?(?: is it| will it be| was it| is)? )?(?:in )?(?P<count>\d{1,5})"
    r" (?P<unit>days?|weeks?) "
    rf"(?:(?P<way>after|before|from|since) {_DATE.format('a')}|(?P<now>from now|ago|later))"
    r"|what (?:date|day)(?: of the week)? (?:is it|will it be) in (?P<count2>\d{1,5}) (?P<unit2>days?|weeks?)"
)
_AGE = re.compile(
    r"(?:if )?(?:i was|i am|i'm|she was|he was|somebody was|someone was) born in (?P<born>\d{4}),? ?how "
    r"old (?:will|would|am|is|was)?"
    r" ?(?:i|she|he|they)(?: be)? in (?P<then>\d{4})|how old (?:will|would|am|is|was) (?:i|she|he|they"
    r"|someone|somebody)(?: be)? "
    r"in (?P<then2>\d{4})(?:,? if (?:i|she|he|they|someone|somebody) (?:was|were|am|is) born in (?P<born2>\d{4}))"
)
_YEARS = re.compile(
    r"(?:how many )?years(?: are| is| were)?(?: there)? (?:between|from) (?P<a>\d{4}) (?:and|to) (?P<b>\d{4})"
)
_TODAY = re.compile(r"(?:what )?(?:is )?(?:the |today's )?(?:date|day)(?: is it| of the week is it| is)?(?: today)?")
_ZH_WEEKDAY = re.compile(rf"{_DATE.format('a')}(?:是)?(?:星期几|周几|礼拜几)")
_ZH_LEAP = re.compile(r"(?P<year>\d{4})年?是(?:不是)?闰年")
_ZH_MONTH = re.compile(r"(?:(?P<year>\d{4})年的?)?(?P<month>\d{1,2})月(?:份)?有(?:多少|几)天")
_ZH_YEAR = re.compile(r"(?P<year>[12]\d{3})年(?:一共|全年|共)?有?(?:多少|几)天")
_ZH_BETWEEN = re.compile(rf"从?{_DATE.format('a')}(?:到|至){_DATE.format('b')}(?:一共|共|有|是|相差|隔)*(?:多少|几)天")
_ZH_DAYS = ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日")


class NoDate(ValueError):
    """The text is no question about the calendar."""


def answer_date(text: str, today: date, *, chinese: bool = False) -> str:
    """The answer as a sentence.

    Args:
        text: as ``words`` prepares it, with the question's frame.
        today: for "until Christmas".
        chinese: the language of text and sentence.

    Raises:
        NoDate: it is no such question, or no such day exists.
    """
    try:
        return _chinese(text) if chinese else _english(text, today)
    except (ValueError, OverflowError) as error:
        raise NoDate(str(error)) from error


def _english(text: str, today: date) -> str:
    if match := _WEEKDAY.fullmatch(text):
        day = _date(match, "a", today)
        verb = "is" if day == today else "was" if day < today else "will be"
        return f"{_spelled(day)} {verb} a {day:%A}."
    if match := _BETWEEN.fullmatch(text):
        return _span(*_in_order(_date(match, "a", today), _date(match, "b", today), match), match["unit"])
    if match := _UNTIL.fullmatch(text):
        return _span(today, _date(match, "b", today), match["unit"])
    if match := _LEAP.fullmatch(text):
        year = int(match["year"])
        return f"Yes, {year} is a leap year." if calendar.isleap(year) else f"No, {year} is not a leap year."
    if match := _MONTH_LENGTH.fullmatch(text):
        return _month_length(_MONTHS[match["month"]], match["year"])
    if match := _YEAR_LENGTH.fullmatch(text):
        days = 366 if calendar.isleap(int(match["year"])) else 365
        return (
            f"{match['year']} has {days} days."
            if match["unit"] == "days"
            else f"{match['year']} has 52 weeks and {days - 364} day{'s' * (days > 365)}."
        )
    if match := _SHIFTED.fullmatch(text):
        return _shifted(match, today)
    if match := _AGE.fullmatch(text):
        born, then = int(match["born"] or match["born2"]), int(match["then"] or match["then2"])
        if then >= born:
            return f"{then} − {born} = {then - born}, so {then - born} years old after the birthday that year."
    if match := _YEARS.fullmatch(text):
        a, b = int(match["a"]), int(match["b"])
        return f"From {a} to {b} it is {abs(b - a)} years."
    if text and _TODAY.fullmatch(text) and ("today" in text or "it" in text):
        return f"Today is {today:%A}, {_spelled(today)}."
    raise NoDate(text)


def _chinese(text: str) -> str:
    if match := _ZH_WEEKDAY.fullmatch(text):
        day = _date(match, "a", date.min)
        return f"{day.year}年{day.month}月{day.day}日是{_ZH_DAYS[day.weekday()]}。"
    if match := _ZH_LEAP.fullmatch(text):
        year = int(match["year"])
        return f"{year}年{'是' if calendar.isleap(year) else '不是'}闰年。"
    if match := _ZH_YEAR.fullmatch(text):
        return f"{match['year']}年有{366 if calendar.isleap(int(match['year'])) else 365}天。"
    if match := _ZH_BETWEEN.fullmatch(text):
        a, b = _date(match, "a", date.min), _date(match, "b", date.min)
        return f"从{a.year}年{a.month}月{a.day}日到{b.year}年{b.month}月{b.day}日是{abs((b - a).days)}天。"
    if match := _ZH_MONTH.fullmatch(text):
        month, of_year = int(match["month"]), match["year"]
        if month == 2 and not of_year:
            return "2月平年有28天，闰年有29天。"
        days = calendar.monthrange(int(of_year or 2023), month)[1]
        return f"{of_year}年{month}月有{days}天。" if of_year else f"{month}月有{days}天。"
    raise NoDate(text)


def _in_order(a: date, b: date, match: re.Match[str]) -> tuple[date, date]:
    """Days without a year are those after one another, not those next to today."""
    if a > b and not any(
        match[name] for name in ("year_a", "year2_a", "year_b", "year2_b", "iso_a", "iso_b", "named_a")
    ):
        return a, date(b.year + 1, b.month, b.day) if date(a.year, b.month, b.day) < a else date(a.year, b.month, b.day)
    return a, b


def _shifted(match: re.Match[str], today: date) -> str:
    count = int(match["count"] or match["count2"]) * (7 if (match["unit"] or match["unit2"]).startswith("week") else 1)
    start = _date(match, "a", today) if match["way"] else today
    back = match["way"] == "before" or match["now"] == "ago"
    day = date.fromordinal(start.toordinal() + (-count if back else count))
    return f"It is {day:%A}, {_spelled(day)}." if not back else f"It was {day:%A}, {_spelled(day)}."


def _month_length(month: int, year: str | None) -> str:
    name = calendar.month_name[month]
    if month == 2 and not year:
        return "February has 28 days, and 29 in a leap year."
    days = calendar.monthrange(int(year or 2023), month)[1]
    return f"{name} {year} has {days} days." if year else f"{name} has {days} days."


def _date(match: re.Match[str], group: str, today: date) -> date:
    def part(name: str) -> str | None:
        return match[f"{name}_{group}"]

    if iso := part("iso"):
        return date.fromisoformat(iso)
    if named := part("named"):
        return _named(named, today)
    if year := part("zh_year"):
        return date(int(year), int(part("zh_month") or 0), int(part("zh_day") or 0))
    month = _MONTHS[part("month") or part("month2") or ""]
    day = int(part("day") or part("day2") or 0)
    if year := part("year") or part("year2"):
        return date(int(year), month, day)
    this_year = date(today.year, month, day)
    return this_year if this_year >= today else date(today.year + 1, month, day)


def _named(name: str, today: date) -> date:
    if name in ("today", "tomorrow", "yesterday"):
        return date.fromordinal(today.toordinal() + {"today": 0, "tomorrow": 1, "yesterday": -1}[name])
    month, day = (12, 25) if name.startswith("christmas") else (1, 1)
    this_year = date(today.year, month, day)
    return this_year if this_year >= today else date(today.year + 1, month, day)


def _span(a: date, b: date, unit: str) -> str:
    days = abs((b - a).days)
    count = "1 day" if days == 1 else f"{days:,} days" if days > 9999 else f"{days} days"
    if unit == "weeks":
        weeks, rest = divmod(days, 7)
        count = f"{weeks} week{'s' * (weeks != 1)}" + (f" and {rest} day{'s' * (rest != 1)}" if rest else "")
    return f"From {_spelled(min(a, b))} to {_spelled(max(a, b))} it is {count}."


def _spelled(day: date) -> str:
    return f"{calendar.month_name[day.month]} {day.day}, {day.year}"
