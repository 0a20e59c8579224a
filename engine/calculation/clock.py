"""Clock times: ``45 minutes after 10:30``, ``from 9:45 to 11:20``, ``15:45 in 12-hour time``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.calculation.durations import CHINESE_DURATION, DURATION, chinese_spelled, seconds_of, spelled

_DAY = 24 * 60

_TIME = (
    r"(?:(?P<hour_{0}>[01]?\d|2[0-4])(?::(?P<minute_{0}>[0-5]\d))?(?: ?(?P<half_{0}>am|pm|a\.m\.|p\.m\.|o'clock))?"
    r"|(?P<part_{0}>half|(?:1 |a )?quarter|[1-5]?\d(?: minutes?)?) (?P<side_{0}>past|to) (?P<next_{0}>1[0-2]|\d)"
    r"(?: (?P<half2_{0}>am|pm))?"
    r"|(?P<named_{0}>noon|midday|midnight))"
)
_ZH_TIME = (
    r"(?P<when_{0}>早上|上午|中午|下午|晚上)?(?P<hour_{0}>[01]?\d|2[0-4])"
    r"(?:[点时:](?:整|(?P<minute_{0}>[0-5]?\d)分?|(?P<part_{0}>半|0\.5|1刻|3刻))?)"
)

_ASKED = (
    r"(?:what time (?:is it|will it be|was it|is|was)|what's the time|what is the time|what time|what is|what's|"
    r"whats|the time) ?"
)
_SHIFT = re.compile(
    rf"(?:{_ASKED})?(?P<duration>{DURATION}) (?P<way>after|later than|past|from|before|earlier than) "
    rf"{_TIME.format('a')}"
)
_SUM = re.compile(rf"(?:{_ASKED})?{_TIME.format('a')} (?P<way>plus|\+|minus|-) (?P<duration>{DURATION})")
_IT_IS = re.compile(
    rf"(?:if )?(?:it is|it's|its|the time is) (?:now )?{_TIME.format('a')}(?: now)?[,.]? (?:and )?{_ASKED}"
    rf"(?:in (?P<duration>{DURATION})|(?P<later>{DURATION}) (?P<way>later|from now|ago|earlier))"
)
_LASTS = re.compile(
    rf"(?:if )?(?:an? |the |my |our )?[a-z]+(?: [a-z]+)? (?:starts|begins|leaves|departs) at {_TIME.format('a')}"
    rf"(?:,| and)? ?(?:it )?(?:lasts|takes|goes on|runs)(?: for)? (?P<duration>{DURATION})[,.]? "
    r"(?:and )?(?:when|(?:at )?what time) (?:does|will) (?:it|the [a-z]+) (?:end|finish|arrive|stop|be over)"
)
_SPAN = re.compile(
    r"(?:how (?:long|much time|many (?P<unit>hours|minutes))|what is the time|the time)(?: is it| is there| are there"
    rf"| passes)? ?(?:from|between) {_TIME.format('a')} (?:to|and|until|till) {_TIME.format('b')}"
)
_FORM = re.compile(
    rf"(?:convert |write |change |what is |what's )?{_TIME.format('a')} (?:in|to|into|as|on) (?:the |an? "
    rf")?(?P<form>12|24) "
    r"?hours?(?: clock| time| format)?"
)
_ZH_SHIFT = re.compile(
    rf"(?:现在(?:是)?)?{_ZH_TIME.format('a')},?(?:再)?(?:过了?|加)?(?P<duration>{CHINESE_DURATION})(?P<way>之?后|以后|之?前|以前)?(?:是)?(?:几点|什么时候|什么时间).*"
)
_ZH_SPAN = re.compile(
    rf"从?{_ZH_TIME.format('a')}(?:到|至){_ZH_TIME.format('b')}(?:一共|共|有|经过了?|过了|是)*"
    r"(?:多久|多长时间|多少时间|(?:多少|几)个?(?P<unit>小时|分钟))"
)  # fmt: skip


class NoClockTime(ValueError):
    """The text is no question about clock times."""


@dataclass(frozen=True, slots=True)
class _Clock:
    minutes: int
    """Since midnight; since twelve o'clock where ``style`` is ``plain``."""
    style: str
    """``plain`` (10:30, morning or evening), ``half`` (10:30 pm) or ``full`` (22:30)."""

    def shown(self) -> str:
        hour, minute = divmod(self.minutes % _DAY, 60)
        if self.style == "full":
            return f"{hour:02}:{minute:02}"
        twelve = (hour - 1) % 12 + 1
        half = f" {'am' if hour < 12 else 'pm'}" if self.style == "half" else ""
        return f"{twelve}:{minute:02}{half}"


def clock_answer(text: str, *, chinese: bool = False) -> str:
    """The answer as a sentence.

    Args:
        text: as ``words`` prepares it, with the question's frame.
        chinese: the language of text and sentence.

    Raises:
        NoClockTime: it is no such question, or no such time exists.
    """
    return _chinese(text) if chinese else _english(text)


def _english(text: str) -> str:
    for pattern in (_SHIFT, _SUM, _LASTS, _IT_IS):
        if match := pattern.fullmatch(text):
            groups = match.groupdict()
            back = groups.get("way") in ("before", "earlier than", "minus", "-", "ago", "earlier")
            return _shifted(_time(match, "a"), groups["duration"] or groups["later"], back)
    if match := _SPAN.fullmatch(text):
        start, end = _time(match, "a"), _time(match, "b")
        return f"From {start.shown()} to {end.shown()} it is {spelled(_span(start, end) * 60, match['unit'])}."
    if (match := _FORM.fullmatch(text)) and (match["minute_a"] or match["half_a"]):
        time = _time(match, "a")
        return f"{time.shown()} is {_Clock(time.minutes, 'full' if match['form'] == '24' else 'half').shown()}."
    raise NoClockTime(text)


def _shifted(start: _Clock, duration: str, back: bool) -> str:
    seconds = seconds_of(duration)
    if seconds % 60:
        raise NoClockTime("whole minutes only")
    end = _Clock(start.minutes + (-1 if back else 1) * int(seconds // 60), start.style)
    return f"{spelled(seconds)} {'before' if back else 'after'} {start.shown()} it is {end.shown()}."


def _chinese(text: str) -> str:
    if match := _ZH_SHIFT.fullmatch(text):
        start, seconds = _zh_time(match, "a"), seconds_of(match["duration"])
        if seconds % 60:
            raise NoClockTime("whole minutes only")
        back = (match["way"] or "").endswith("前")
        end = _Clock(start.minutes + (-1 if back else 1) * int(seconds // 60), start.style)
        return f"{start.shown()}{'之前' if back else '再过'}{chinese_spelled(seconds)}是{end.shown()}。"
    if match := _ZH_SPAN.fullmatch(text):
        start, end = _zh_time(match, "a"), _zh_time(match, "b")
        return f"从{start.shown()}到{end.shown()}是{chinese_spelled(_span(start, end) * 60, match['unit'])}。"
    raise NoClockTime(text)


def _span(start: _Clock, end: _Clock) -> int:
    """Minutes from ``start`` to the next ``end``; a time without am and pm is the nearer of the two."""
    around = 12 * 60 if start.style == end.style == "plain" else _DAY
    return (end.minutes - start.minutes) % around


def _time(match: re.Match[str], group: str) -> _Clock:
    def part(name: str) -> str:
        return match[f"{name}_{group}"] or ""

    if named := part("named"):
        return _Clock(0 if named == "midnight" else 720, "half")
    half = (part("half") or part("half2")).replace(".", "")
    if beside := part("part"):
        minutes = 30 if beside == "half" else 15 if "quarter" in beside else int(beside.split()[0])
        total = int(part("next")) * 60 + (minutes if part("side") == "past" else -minutes)
        return _clock(total % 720, half)
    hour, minute = int(part("hour")), int(part("minute") or 0)
    if not part("minute") and not half:
        raise NoClockTime("a number alone is no time")
    if hour > 12 or hour == 0 or (part("hour").startswith("0") and not half):
        if half in ("am", "pm"):
            raise NoClockTime("no such hour")
        return _Clock(hour * 60 + minute, "full")
    return _clock(hour % 12 * 60 + minute, half)


def _clock(minutes: int, half: str) -> _Clock:
    if half in ("am", "pm"):
        return _Clock(minutes + (720 if half == "pm" else 0), "half")
    return _Clock(minutes, "plain")


def _zh_time(match: re.Match[str], group: str) -> _Clock:
    hour = int(match[f"hour_{group}"])
    part = match[f"part_{group}"]
    minute = {"半": 30, "0.5": 30, "1刻": 15, "3刻": 45}[part] if part else int(match[f"minute_{group}"] or 0)
    when = match[f"when_{group}"]
    if when in ("下午", "晚上") and hour < 12:
        hour += 12
    full = hour > 12 or when is not None
    return _Clock((hour if full else hour % 12) * 60 + minute, "full" if full else "plain")
