"""Word lists for turn taking. Lower case; Latin entries are words, CJK entries characters or phrases."""

from __future__ import annotations


def _words(text: str, separator: str | None = None) -> frozenset[str]:
    return frozenset(text.split(separator))


FILLERS = _words("um umm uh uhh er erm ah eh hm hmm mm mmm 嗯 呃 额 唔")
"""Filled pauses. They mean nothing and are ignored in comparisons."""

BACKCHANNELS = _words(
    """mhm mmhm uhhuh huh yeah yep yup yes ok okay right sure alright oh ooh wow aha cool nice great
    good exactly indeed true gotcha really interesting perfect 对 是 好 哦 啊 噢 喔 行 的 嘛 네 응 예 어 음
    sí vale claro oui ouais ja genau"""
)
"""Words by which a listener says *go on*. An utterance of nothing else does not ask for the floor."""

BACKCHANNEL_PHRASES = _words(
    "i see|got it|uh huh|of course|that makes sense|makes sense|all right|i know|i understand"
    "|没错|知道了|明白|明白了|うん|うんうん|はい|ええ|そう|そうですね|なるほど",
    "|",
)
"""Backchannels only if nothing but backchannels goes with them: *oh, I see*, not *I see a bird*. CJK has no spaces."""

FLOOR_TAKERS = _words(
    """wait stop no sorry but excuse pardon please hang hold hey hello listen repeat again actually
    what why how who when where which can could would
    等 停 不 别 什 为 怎 请 但 可 谁 哪 待 何
    espera para perdón pero qué cómo attends arrête non pardon mais pourquoi comment
    warte stopp halt nein moment entschuldigung aber was warum wie"""
)
"""First words of people who interrupt. Whisper does not invent them on hums and coughs, so they count even at low
confidence. Of a CJK word, the first character."""

NEVER_LAST = {
    "en": _words(
        """a an the and or but because if unless although my your our their every very um uh er erm hmm
        i'm you're we're they're he's she's i've we've you've i'd i'll let's gonna wanna than
        i he we they between into during through while"""
    ),
    "es": _words("el la los las un una y o pero porque que de mi tu su muy si"),
    "fr": _words("le la les un une et ou mais parce que de mon ma mes ton ta son sa très si"),
    "de": _words("der die das den dem ein eine einen und oder aber weil dass mein dein sehr wenn"),
}
"""By language: a sentence that ends with one of these is unfinished, whatever its punctuation."""

SELDOM_LAST = {
    "en": _words(
        """in on at for with from by about to so when while where which who what how like his some any also then
        not its it's that's there's what's don't doesn't can't just"""
    ),
    "es": _words("por para con en del al es son está están cuando donde como quien"),
    "fr": _words("pour avec dans du des sur à est sont quand où comme qui ne pas"),
    "de": _words("von zu mit für auf in im ist sind war wie wo wer als ich er sie wir nicht"),
}
"""By language: a sentence that ends with one of these is usually unfinished, but not a question: *What is it for?*"""

ENGLISH_AUXILIARIES = _words("is are was were am do does did can could will would should has have had may might must")
"""Can be the last word only after their subject: *what it is*, *yes I do*."""

ENGLISH_HELPERS = _words("do does did can could will would should may might must")
"""The auxiliaries that need a main verb: *how does it* is unfinished, *how is it* may be whole."""

ENGLISH_SUBJECTS = _words("i you he she it we they that this there what who")

ENGLISH_POINTERS = _words("this that these those")
"""Can end a sentence after a verb or a preposition (*what is that*), but not after *said* or *true*."""

ENGLISH_BEFORE_POINTERS = ENGLISH_AUXILIARIES | _words(
    "about of for with like to in on from at by mean see want know understand explain why not understood all says"
)

ENGLISH_BEFORE_OF = _words("made consist consists composed think thinking heard afraid proud capable full kind sort")
"""Words after which *of* can end a question: *what is it made of?*"""

ENGLISH_ASKING = _words("what who whom whose where which when why how what's who's where's")

OPENERS = {
    "en": _words("if although unless whenever when while since"),
    "es": _words("si cuando aunque mientras"),
    "fr": _words("si quand lorsque bien"),
    "de": _words("wenn obwohl während falls"),
}
"""By language: a clause that begins with one of these needs another one after it (and a comma)."""

CJK_QUESTION = ("吗", "嘛", "呢", "么", "か", "까")
CJK_ASKING = tuple(_words("请问 什么 怎么 怎样 如何 多少 哪 谁 几个 何 なぜ どう 무엇 왜 어떻게"))
CJK_UNFINISHED = tuple(
    _words("""和 跟 与 或 把 被 给 从 在 是 的 就 还 也 但 而 因 请 及 为 像 到 向
    因为 所以 如果 但是 然后 而且 那个 这个 就是 比如 还有 关于 觉得
    は が を に で と の けど から ので て 은 는 을 를 고 에 의""")
)
"""Ends of a sentence that is a question or is unfinished; ``CJK_ASKING`` may stand anywhere in it."""
