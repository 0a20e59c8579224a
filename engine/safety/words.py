"""A text as the rules read it: folded, cut into words, with disguises undone. Pure and linear in the text's length."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

MAX_CHARS = 4000
"""Of a longer text, the first and the last half of this many characters are read."""

BOUNDARY_GAP = 3
"""The end of a sentence counts as so many words, so that a rule seldom reaches over it. A judgement."""

_INVISIBLE = dict.fromkeys(
    [0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF,
     *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFE00, 0xFE10)]
)  # fmt: skip
_LOOKALIKES = str.maketrans("аеорсухіјѕԁһкмтвноαερτυικνοχ", "aeopcyxijsdhkmtbhoaeptuiknox")
_LEET = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "@": "a", "$": "s",
                       "!": "i", "|": "l"})  # fmt: skip
_SIMPLIFIED = str.maketrans(
    "殺藥彈槍毀爺媽們個麼這說話對問題師學國會時來從動過還無關開應讓給現實樣點種電腦網號碼賬帳戶銀證險樓橋燒繩斷結為與"
    "將歲長見頭爾維難發發後裡裏麗愛戀處體戲劇畫圖視頻錄極惡懼嚇驚傷亂擊戰爭壞壓縛鎖門閉啟運醫療聖聽騙偷竊盜駭監視測試"
    "導圍訊號稱變態婦姦親觸摸脫褲裙褻瀆誘懷環黃黨讚贊讓誰請課題練習幫廢腦癱賤種豬雞騷槓嗎嗚嘆噁噴妳她隱瞞滅屍體遺書輕"
    "邊絕對賣買質險氣氫氯溫濃熱劑製遊陰陽聲夠帶針吸麻煙燃異議強暴級資訊獲權鬱憂慮瘋癡",
    "杀药弹枪毁爷妈们个么这说话对问题师学国会时来从动过还无关开应让给现实样点种电脑网号码账帐户银证险楼桥烧绳断结为与"
    "将岁长见头尔维难发发后里里丽爱恋处体戏剧画图视频录极恶惧吓惊伤乱击战争坏压缚锁门闭启运医疗圣听骗偷窃盗骇监视测试"
    "导围讯号称变态妇奸亲触摸脱裤裙亵渎诱怀环黄党赞赞让谁请课题练习帮废脑瘫贱种猪鸡骚杠吗呜叹恶喷你她隐瞒灭尸体遗书轻"
    "边绝对卖买质险气氢氯温浓热剂制游阴阳声够带针吸麻烟燃异议强暴级资讯获权郁忧虑疯痴",
)
_TOKEN = re.compile(r"[a-z0-9@$!*|']+|[\u3400-\u9fff]|[.?!…;\n。？！；]")
_ENDS = frozenset(".?!…;\n。？！；")
_LONG_RUN = re.compile(r"(.)\1{2,}")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'"})
_VOWELS = "aeiou"
_APART = "\0"
"""Before a word whose letters were written apart."""


@dataclass(frozen=True, slots=True)
class ReadWord:
    """A word, or one Chinese character."""

    forms: tuple[str, ...]
    """As written, and as it may be meant: without leetspeak, masks and drawn-out letters."""

    at: int
    """Its place, counted in words; the end of a sentence takes ``BOUNDARY_GAP``."""


def fold(text: str) -> str:
    """``text`` in one spelling: NFKC, lower case, simplified characters, nothing invisible, at most ``MAX_CHARS``."""
    if len(text) > MAX_CHARS:
        text = f"{text[: MAX_CHARS // 2]}\n{text[-MAX_CHARS // 2 :]}"
    text = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).casefold()[: 2 * MAX_CHARS]
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
        text = text.translate(_APOSTROPHES).translate(_SIMPLIFIED)
        if any("a" <= c <= "z" for c in text):
            text = text.translate(_LOOKALIKES)
    return text


def tokens(folded: str) -> list[ReadWord]:
    """The words of a folded text, letters written apart ("b o m b") joined."""
    found: list[ReadWord] = []
    at = 0
    for word in _joined(_TOKEN.findall(folded)):
        if word in _ENDS:
            at += BOUNDARY_GAP
            continue
        forms = _forms(word.removeprefix(_APART))
        if word.startswith(_APART):  # "a b o m b": the first letter may be a word
            forms = (*forms, word[len(_APART) + 1 :])
        if forms:
            found.append(ReadWord(forms, at))
            at += 1
    return found


def _joined(words: list[str]) -> Iterator[str]:
    """``words`` with each run of three or more single letters as one word; dots within a run do not end it."""
    run: list[str] = []
    held: list[str] = []
    for word in words:
        if len(word) == 1 and (("a" <= word <= "z") or (run and word.isdigit())):
            run.append(word)
            held.append(word)
        elif run and word == ".":
            held.append(word)
        else:
            yield from _run(run, held)
            run, held = [], []
            yield word
    yield from _run(run, held)


def _run(run: list[str], held: list[str]) -> list[str]:
    return [_APART + "".join(run)] if len(run) >= 3 else held


def _forms(word: str) -> tuple[str, ...]:
    plain = word.strip("'!*|").replace("'", "")
    if not plain:
        return ()
    if plain.isalpha():
        return _shortened(plain)
    if plain.isdigit():
        return (plain,)
    inner = word.strip("'").rstrip("!").replace("'", "")
    meant = inner.translate(_LEET)
    forms = [plain]
    if meant.isalpha() and any(c.isalpha() for c in plain):
        forms += _shortened(meant)
    elif 1 <= meant.count("*") <= 2 and meant.replace("*", "").isalpha():
        forms += [meant.replace("*", vowel) for vowel in _VOWELS] + [meant.replace("*", "")]
    return tuple(dict.fromkeys(forms))


def _shortened(word: str) -> tuple[str, ...]:
    if _LONG_RUN.search(word) is None:
        return (word,)
    return (word, _LONG_RUN.sub(r"\1", word), _LONG_RUN.sub(r"\1\1", word))
