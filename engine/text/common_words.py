"""Words by which a line of text shows its language: articles, prepositions, greetings. Data only."""

from __future__ import annotations


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


COMMON: dict[str, frozenset[str]] = {
    "en": _words(
        "the of and to is are was were be been it that this these"
        " those in on at for with from by as an or but not if"
        " then so what which who how why when where can could will"
        " would shall should may might must do does did has"
        " have had you your we our they their he she his her its my"
        " me us there here let now about into over than because also"
    ),
    "es": _words(
        "el la los las un una unos unas de del y o en es son que no"
        " se por para con como más pero su sus muy este esta"
        " estoy está estás están hay al lo le me te mi tu si sí yo"
        " nosotros también porque cuando qué cómo dónde bien"
        " vamos ser tiene hola gracias"
    ),
    "fr": _words(
        "le la les un une des de du et ou est sont que qui ne pas se"
        " pour par avec dans sur au aux ce cette ces il elle"
        " nous vous je tu mon ton son mais plus très bien où quand comment pourquoi parce aussi suis êtes ça voici"
    ),
    "de": _words(
        "der die das den dem des ein eine einen einem einer und oder"
        " ist sind war nicht mit von zu im am auf für aus"
        " bei nach wie was wer wo warum wenn dass ich du er sie es"
        " wir ihr mein dein sein auch sehr aber doch man noch hier"
        " heiße bin hat haben"
    ),
    "it": _words(
        "il lo la gli le un una di del della e o è sono che non si"
        " per con come più ma suo sua molto questo questa al"
        " nel mi ti ci io tu lui lei noi anche perché quando cosa dove stai bene"
    ),
    "pt": _words(
        "o a os as um uma de do da e ou é são que não se por para"
        " com como mais mas seu sua muito este esta ao no na me"
        " eu tu ele ela nós também porque quando onde pela pelo bem"
    ),
    "nl": _words(
        "de het een en of is zijn was niet met van te in op voor aan"
        " bij naar als wat wie waar hoe waarom dat dit ik"
        " jij hij zij wij ook maar zeer nog"
    ),
}
"""What the other words of a sentence hang on; names and quotations have few."""

GREETINGS: dict[str, frozenset[str]] = {
    "en": _words("hello hi thanks thank goodbye welcome sorry please yes okay great sure good right"),
    "es": _words("hola gracias adiós buenos buenas días tardes noches sí claro perfecto muy bien bienvenido amigo"),
    "fr": _words("bonjour bonsoir merci salut oui revoir bienvenue très bien"),
    "de": _words("hallo guten tag morgen danke bitte tschüss ja willkommen sehr gut genau"),
    "it": _words("ciao buongiorno buonasera grazie prego arrivederci sì benvenuto molto bene"),
    "pt": _words("olá obrigado obrigada bom boa dia tarde noite sim tchau muito bem"),
    "nl": _words("hallo dank goedemorgen goedendag ja tot ziens welkom heel goed"),
}
"""A reply of a word or two in another language is one of these."""
