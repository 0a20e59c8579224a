"""Words as the full-text index knows them. Pure.

SQLite's tokenizer splits at spaces, which Chinese and Japanese do not have: runs of their signs
are turned into overlapping pairs. Function words are left out of questions, where they match
everything and cost the most.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from engine.text.scripts import is_unspaced

_RUN = re.compile(r"[^\W_]+")

_STOPPED = (
    "a about above after again all also am an and any are as at be because been before being but by can could did do"
    " does doing for from had has have having he her here him his how i if in into is it its just let like may me might"
    " more most my no not of on once only or other our out over please s she should so some such t tell than that the"
    " their them then there these they this those through to too under up us very was we were what when where which"
    " while who whom whose why will with would you your explain describe give show know mean means called"
    " der die das und ist in zu den von mit für auf ein eine wie was warum wer wo le la les un une des de du et"
    " est dans que qui pour quoi comment el los las una y en por para con qué cómo quién"
    " 什么 怎么 如何 为什 哪里 是什 的是 请问 么是 哪个 多少"
)
STOP_WORDS = frozenset(_STOPPED.split())


def terms_of(text: str) -> list[str]:
    """Index terms in their order: words in lower case without accents, pairs of unspaced signs.

    A sign that stands alone is a term by itself.
    """
    terms: list[str] = []
    for match in _RUN.finditer(fold(text)):
        run, start = match.group(), 0
        if run.isascii():
            terms.append(stem(run))
            continue
        while start < len(run):
            end = start + 1
            unspaced = is_unspaced(run[start])
            while end < len(run) and is_unspaced(run[end]) == unspaced:
                end += 1
            part = run[start:end]
            if not unspaced or len(part) == 1:
                terms.append(part)
            else:
                terms += (part[i : i + 2] for i in range(len(part) - 1))
            start = end
    return terms


def question_terms(question: str) -> list[str]:
    """The terms of a question that are worth looking for, each once; all of them if none is."""
    terms = list(dict.fromkeys(terms_of(question)))
    return [term for term in terms if term not in _STOP_STEMS] or terms


def topic_terms(text: str) -> list[str]:
    """The terms that tell what ``text`` is about; none in ``Hello, how are you?`` and ``And why is that?``."""
    return [term for term in dict.fromkeys(terms_of(text)) if term not in _STOP_STEMS and term not in _SMALL_TALK]


def asks_something(text: str) -> bool:
    """Whether there is anything to look up."""
    return bool(topic_terms(text))


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """An English word without its inflection (plural, -ed, -ing); other words mostly keep their form."""
    if len(word) < 4 or not word.isalpha():
        return word
    if word.endswith("ies"):
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        root = word.removesuffix(ending)
        if root != word and len(root) >= 3 and any(c in "aeiouy" for c in root):
            word = root[:-1] if root[-1] == root[-2] and root[-1] not in "lsz" else root
            break
    if len(word) > 3:
        word = word.removesuffix("e")
    return word[:-1] + "i" if len(word) > 3 and word.endswith("y") else word


def fold(text: str) -> str:
    """Lower case, compatibility forms made plain, accents removed."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.lower())
    return unicodedata.normalize("NFC", "".join(c for c in plain if not "\u0300" <= c <= "\u036f"))


_STOP_STEMS = frozenset(map(stem, STOP_WORDS)) | STOP_WORDS

_TALK = (
    "hello hi hey good morning afternoon evening night today thank thanks bye goodbye see nice great ok okay yes well"
    " fine cool welcome sorry name doing really wow hola gracias bonjour salut merci hallo danke"
    " 你好 好吗 您好 谢谢 再见 早上 上好 好的 好"
)
_SMALL_TALK = frozenset(map(stem, _TALK.split()))
