"""Words as the full-text index knows them. Pure.

SQLite's tokenizer splits at spaces, which Chinese and Japanese do not have: runs of their characters
become overlapping pairs. Other words lose their inflection by a Snowball stemmer, each document in its own
language. A question does not tell the language of the documents that answer it, so each of its words
stands for its stems in all languages. Function words are left out of questions, where they match
everything and cost the most.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import snowballstemmer

from engine.text.language import detect_language
from engine.text.scripts import is_unspaced

Term = tuple[str, ...]
"""One word of a question: every form the index may hold it in, English first."""

DEFAULT_LANGUAGE = "en"
"""Stems documents in languages without a stemmer here; it rarely takes more than a plural ``s`` from their words."""

_ALGORITHMS = {"en": "english", "es": "spanish", "fr": "french", "de": "german"}
_STEMMERS = {language: snowballstemmer.stemmer(algorithm) for language, algorithm in _ALGORITHMS.items()}
_stemming = threading.Lock()
"""A Snowball stemmer keeps the word it works on in itself."""

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


def index_language(text: str) -> str:
    """The language whose stemmer a document's words go through: ``en``, ``es``, ``fr`` or ``de``.

    Args:
        text: a typical part of the document; the first 1,000 characters count.
    """
    found = detect_language(text, DEFAULT_LANGUAGE)
    return found if found in _STEMMERS else DEFAULT_LANGUAGE


def terms_of(text: str, language: str = DEFAULT_LANGUAGE) -> list[str]:
    """Index terms in order: stems in lower case without accents, pairs of unspaced characters.

    An unspaced character that stands alone is a term by itself.

    Args:
        text: any text.
        language: as ``index_language`` gives it.
    """
    return [stem(part, language) for part in _parts(text)]


def question_terms(question: str) -> list[Term]:
    """The words of a question that are worth looking for, each once; all of them if none is."""
    terms = dict.fromkeys(tuple(dict.fromkeys(stem(part, each) for each in _STEMMERS)) for part in _parts(question))
    return [term for term in terms if term[0] not in _STOP_STEMS] or list(terms)


def topic_terms(text: str) -> list[str]:
    """The terms that tell what ``text`` is about; none in ``Hello, how are you?`` and ``And why is that?``."""
    return [term for term in dict.fromkeys(terms_of(text)) if term not in _STOP_STEMS and term not in _SMALL_TALK]


def asks_something(text: str) -> bool:
    """Whether there is anything to look up."""
    return bool(topic_terms(text))


@lru_cache(maxsize=50_000)
def stem(word: str, language: str = DEFAULT_LANGUAGE) -> str:
    """A lower-case word without its inflection and accents. Thread safe; about 25 µs, once a word."""
    if not word.isalpha() or is_unspaced(word[0]):
        return fold(word)
    with _stemming:
        return fold(str(_STEMMERS[language].stemWord(word)))


def fold(text: str) -> str:
    """Lower case, compatibility forms made plain, accents removed."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.lower())
    return unicodedata.normalize("NFC", "".join(c for c in plain if not "\u0300" <= c <= "\u036f"))


def _parts(text: str) -> Iterator[str]:
    """Words in lower case with their accents, which stemmers need, and pairs of unspaced characters."""
    text = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()
    for match in _RUN.finditer(text):
        run, start = match.group(), 0
        if run.isascii():
            yield run
            continue
        while start < len(run):
            end = start + 1
            unspaced = is_unspaced(run[start])
            while end < len(run) and is_unspaced(run[end]) == unspaced:
                end += 1
            part = run[start:end]
            if not unspaced or len(part) == 1:
                yield part
            else:
                yield from (part[i : i + 2] for i in range(len(part) - 1))
            start = end


_STOP_STEMS = frozenset(map(stem, STOP_WORDS)) | frozenset(map(fold, STOP_WORDS))

_TALK = (
    "hello hi hey good morning afternoon evening night today thank thanks bye goodbye see nice great ok okay yes well"
    " fine cool welcome sorry name doing really wow hola gracias bonjour salut merci hallo danke"
    " 你好 好吗 您好 谢谢 再见 早上 上好 好的 好"
)
_SMALL_TALK = frozenset(map(stem, _TALK.split()))
