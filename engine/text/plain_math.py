"""Mathematics outside LaTeX: ``x² + 1 ≤ 5``, ``a^2 + b^2 = c^2``, ``f(x) = 2x``, ``√2``, H₂O. Pure, linear.

Stretches of running text that can only be a formula are rewritten as LaTeX, which ``formulas`` reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.text.formula_parts import is_elements, is_species
from engine.text.math_words import GREEK, RELATIONS
from engine.text.units import unit_in_words

_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ"
_SUPERSCRIPT_VALUES = "0123456789+-=()ni"
_SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₒₓₙᵢⱼₖₘ"
_SUBSCRIPT_VALUES = "0123456789+-=()aeoxnijkm"
_FRACTIONS = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5),
    "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8), "⅐": (1, 7),
    "⅑": (1, 9), "⅒": (1, 10),
}  # fmt: skip

_UP = str.maketrans(_SUPERSCRIPTS, _SUPERSCRIPT_VALUES)
_DOWN = str.maketrans(_SUBSCRIPTS, _SUBSCRIPT_VALUES)
_GREEK = "".join(GREEK)
_SIGNS = "".join(sign for sign in RELATIONS if sign not in "<>=~") + "×÷±∓·⋅∪∩∖∞∅∑∏∫∠△∀∃∄¬∴∵∂∇√∛∜→⟶ℝℕℤℚℂ∘∧∨⊕−"
_UNITED = re.compile(f"[{_SUPERSCRIPTS}]+|[{_SUBSCRIPTS}]+|[{''.join(_FRACTIONS)}]")

_CHINESE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60\U00020000-\U0003134f"
_PIECE = re.compile(f"[{_CHINESE}]+|\\s+|[^\\s{_CHINESE}]+")
_NAMES = "sin|cos|tan|cot|sec|csc|log|ln|lg|lim|max|min|gcd|lcm|sqrt|pi|theta|alpha|beta|arcsin|arccos|arctan|mod"
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
# Atomic, so that a long row of digits is not split in every way there is.
_ATOMS = re.compile(
    rf"(?>{_NUMBER}%?|(?:{_NAMES})(?![A-Za-z])|(?<![A-Za-z])[A-Za-z]{{1,3}}(?![A-Za-z])"
    rf"|[{_GREEK}{_SIGNS}{_SUPERSCRIPTS}{_SUBSCRIPTS}{''.join(_FRACTIONS)}]"
    r"|[-+*/^=<>!()\[\]{}|.,'′″:°_…&])+"
)
_STRONG = re.compile(
    rf"[=^{_SUPERSCRIPTS}{_SUBSCRIPTS}{''.join(_FRACTIONS)}{_SIGNS}]"
    r"|(?<=[\w)])[*](?=[\w(])|^[<>+*/]$|^[<>]=$|^->$|^[<>]=?-?\d|^\d+[xyz]$|(?<=[\w)])[<>+](?=[\w(-])"
    rf"|(?<![A-Za-z])[A-Za-z]\([A-Za-z]\)|\|[A-Za-z0-9+-]+\||sqrt\(|\)[-+*/]\(|(?<![A-Za-z'])[A-Za-z]'{{1,3}}(?=\([A-Za-z0-9]|[;:.,]?$)|[{_GREEK}]|\b(?:sin|cos|tan|log|ln)\("
)
_WORDS = frozenset(
    str.split(
        "a i an is to of in at if or so as by no we he it on am be do go me my up us the for not but let "
        "get and are was has can our you she two six one ten its all any yes how why now see set ok oh "
        "hi per ie eg vs etc del per use say try big new old put did out way who her his him man day too "
        "via new few der die das le la et un el en de du au"
    )
)
_BINARY = re.compile(r"[-+*/=<>×÷±·⋅≤≥≠≈−∪∩→⇒]+|==|!=|<=|>=|->|=>")
_EDGE = ".,;:!?，。；：！？"
_ASCII_SIGNS = (
    ("<=>", r" \iff "), ("==", "="), ("!=", r" \neq "), ("<=", r" \le "), (">=", r" \ge "), ("=>", r" \implies "),
    ("->", r" \to "), ("**", "^"),
)  # fmt: skip
_POWER = re.compile(r"\^\s*(?:\(([^()]{0,80})\)|(-?(?:\d+(?:\.\d+)?|[A-Za-z])))")
_ROOT = re.compile(
    r"(√|∛|∜|sqrt|(?<![A-Za-z0-9)])[³⁴⁵⁶ⁿ]√)\s*(?:\(((?>[^()]{1,80}|\([^()]{0,80}\)){0,20})\)|(\d+(?:\.\d+)?|[A-Za-z]))"
)
_NAMED = re.compile(rf"(?<![A-Za-z\\])({_NAMES})(?![A-Za-z])")
_FORMULA_BRACES = re.compile(r"(?<![\\^_])\{|(?<!\\)\}")
_SPECIES = re.compile(
    rf"(?<![A-Za-z0-9_.$\\])(?=[A-Z])(?>[A-Z][a-z]?[{_SUBSCRIPTS}0-9]{{0,4}}"
    rf"|\((?:[A-Z][a-z]?[{_SUBSCRIPTS}0-9]{{0,4}}){{1,8}}\)[{_SUBSCRIPTS}0-9]{{0,4}}){{1,12}}"
    rf"(?:[{_SUPERSCRIPTS}]{{1,4}})?(?![A-Za-z0-9_]|\.[A-Za-z0-9_])"
)
_SIMILAR = re.compile(r"([△∆]\s?[A-Z]{3}\s?)~(?=\s?[△∆])(\s?)")
_TERM = rf"\d{{0,2}}\s?(?>[A-Z][A-Za-z()\[\]0-9{_SUBSCRIPTS}]{{0,24}})[{_SUPERSCRIPTS}]{{0,3}}"
_EQUATION = re.compile(
    rf"(?<![A-Za-z0-9_$\\]){_TERM}(?:\s?\+\s?{_TERM}){{0,5}}\s?(?:-{{1,2}}>|→|⟶|⇌|<=>|⇋)\s?{_TERM}(?:\s?\+\s?{_TERM}){{0,5}}"
)
_CHARGES = re.compile(f"[{_SUPERSCRIPTS}]{{1,3}}")
_PLUS = re.compile(r"\s?\+\s?")
_STATE = re.compile(r"\((?:s|l|g|aq)\)")

_LONGEST = 60
"""Pieces (words and spaces) looked at for one formula."""

_JOINED_QUANTITY = re.compile(rf"({_NUMBER})([kcmd]?m(?:[²³]|\^[23])|[kc]?m/s(?:²|\^2)?|km/h)(?=[{_EDGE}]*$)")

_UNIT_BEGINS, _UNIT_ENDS = "\ue000", "\ue001"
"""Around a unit until the braces of the text are escaped."""

_FRACTION = re.compile(rf"(\d{{1,2}})/(\d{{1,3}})([){_EDGE}]*)")
_FRACTION_BEGINS, _FRACTION_GOES_ON, _FRACTION_ENDS = "\ue002", "\ue003", "\ue004"

_NOT_UNITS = frozenset({"in", "min", "A", "a"})

Read = Callable[[str], str]


def with_formulas_read(text: str, read: Read) -> str:
    """``text`` with each formula in it replaced by what ``read`` makes of its LaTeX."""
    pieces, kinds = _pieces(_SIMILAR.sub(r"\1∼\2", text))
    said: list[str] = []
    at = 0
    while at < len(pieces):
        end, strong = _end_of_run(pieces, kinds, at)
        run = _trimmed(pieces, at, end) if strong else None
        if run is None:
            said += pieces[at : max(end, at + 1)]
            at = max(end, at + 1)
            continue
        begin, finish = run
        said += pieces[at:begin]
        body = "".join(
            _with_upright_unit(piece) if kind == "quantity" else _mixed(piece) if kind == "mixed" else piece
            for piece, kind in zip(pieces[begin:finish], kinds[begin:finish], strict=True)
        )
        core = body.strip(_EDGE) if not body.endswith("!") else body
        tail = body[body.rindex(core) + len(core) :]
        said.append(f" {read(to_latex(core))}{tail}" if core else body)
        at = finish
    return "".join(said)


def _pieces(text: str) -> tuple[list[str], list[str]]:
    """Words, spaces and quantities ("5 m²" is one) with their kinds."""
    pieces: list[str] = []
    kinds: list[str] = []
    for piece in _PIECE.findall(text):
        counted = (
            len(pieces) > 1 and kinds[-1] == "space" and re.fullmatch(rf"[-(±+≈]*{_NUMBER}", pieces[-2]) is not None
        )
        if counted and len(piece) < 12 and _unit(piece) is not None:
            pieces[-2:] = [f"{pieces[-2]} {piece}"]
            kinds[-2:] = ["quantity"]
        elif (
            len(pieces) > 1
            and kinds[-1] == "space"
            and re.fullmatch(r"[-(+−]*\d{1,3}", pieces[-2])
            and _FRACTION.fullmatch(piece)
        ):
            pieces[-2:] = [f"{pieces[-2]} {piece}"]
            kinds[-2:] = ["mixed"]
        elif (joined := _JOINED_QUANTITY.match(piece)) is not None:
            pieces.append(f"{joined.group(1)} {joined.group(2)}{piece[joined.end() :]}")
            kinds.append("quantity")
        else:
            pieces.append(piece)
            kinds.append(_kind(piece))
    return pieces, kinds


def _unit(piece: str) -> str | None:
    core = piece.rstrip(_EDGE + ")")
    return core if core not in _NOT_UNITS and unit_in_words(core, False) is not None else None


def _with_upright_unit(piece: str) -> str:
    number, _, unit = piece.partition(" ")
    core = _unit(unit) or ""
    return f"{number}{_UNIT_BEGINS}{core}{_UNIT_ENDS}{unit[len(core) :]}"


def _mixed(piece: str) -> str:
    """``3 1/4`` with marks in place of the fraction's braces."""
    whole, _, fraction = piece.partition(" ")
    return whole + _FRACTION.sub(rf"{_FRACTION_BEGINS}\1{_FRACTION_GOES_ON}\2{_FRACTION_ENDS}\3", fraction)


def to_latex(plain: str) -> str:
    """Plain symbols as LaTeX: ``x² ≤ √(y+1)`` becomes ``x^{2} ≤ \\sqrt{y+1}``."""
    plain = re.sub(r"(?<=\d)\s*[xX]\s*(?=\d)", r" \\times ", plain)
    plain = re.sub(r"(?<=[\d)]) / (?=[\d(])", " ÷ ", plain)
    for signs, latex in _ASCII_SIGNS:
        plain = plain.replace(signs, latex)
    plain = _FORMULA_BRACES.sub(lambda m: "\\" + m.group(), plain)
    plain = _ROOT.sub(_root, plain)
    plain = _POWER.sub(lambda m: f"^{{{m.group(1) or m.group(2) or ''}}}", plain)
    plain = _UNITED.sub(_united, plain)
    plain = plain.replace("%", r"\%").replace("&", r"\&").replace("°", r"^\circ ")
    return (
        _NAMED.sub(r"\\\1 ", plain)
        .replace(r"\mod ", r"\bmod ")
        .replace(_UNIT_BEGINS, r"\,\mathrm{")
        .replace(_UNIT_ENDS, "}")
        .replace(_FRACTION_BEGINS, r"\frac{")
        .replace(_FRACTION_GOES_ON, "}{")
        .replace(_FRACTION_ENDS, "}")
    )


def chemistry(text: str, read: Read) -> str:
    """Species such as H₂O, CO2 or SO₄²⁻ put through ``read`` in mhchem's notation."""

    def species(match: re.Match[str]) -> str:
        plain = match.group().translate(_DOWN)
        charge = "".join(char for char in plain if char in _SUPERSCRIPTS).translate(_UP)
        plain = "".join(char for char in plain if char not in _SUPERSCRIPTS)
        marked = plain + (f"^{charge.replace('+', '⁺').replace('-', '⁻')}" if charge else "")
        return read(plain + (f"^{charge}" if charge else "")) if is_species(marked) else match.group()

    def equation(match: re.Match[str]) -> str:
        terms = re.findall(r"[A-Z][^\s+→⟶⇌⇋<>=-]*", _STATE.sub("", match.group()).translate(_DOWN))
        bare = [term.rstrip(_SUPERSCRIPTS).removesuffix("->") for term in terms]
        charged = any(char in match.group() for char in "⁺⁻")
        if not (charged or any(map(is_species, bare))) or not all(map(is_elements, bare)):
            return match.group()
        plain = _CHARGES.sub(lambda m: f"^{m.group().translate(_UP)}", _PLUS.sub(" + ", match.group()).translate(_DOWN))
        return read(plain.replace("→", "->").replace("⟶", "->").replace("⇋", "⇌"))

    return _SPECIES.sub(species, _EQUATION.sub(equation, text))


def _root(match: re.Match[str]) -> str:
    sign = match.group(1)
    degree = f"[{sign[0].translate(_UP)}]" if len(sign) == 2 else {"∛": "[3]", "∜": "[4]"}.get(sign, "")
    return rf"\sqrt{degree}{{{match.group(2) or match.group(3) or ''}}}"


def _united(match: re.Match[str]) -> str:
    signs = match.group()
    if signs in _FRACTIONS:
        top, bottom = _FRACTIONS[signs]
        return rf"\frac{{{top}}}{{{bottom}}}"
    if signs[0] in _SUPERSCRIPTS:
        return f"^{{{signs.translate(_UP)}}}"
    return f"_{{{signs.translate(_DOWN)}}}"


def _kind(piece: str) -> str:
    """``strong``: surely mathematics; ``weak``: may be; ``space``; or ``word``."""
    if piece.isspace():
        return "space" if "\n" not in piece else "word"
    core = piece.rstrip(_EDGE) or piece
    if len(core) > 80 or "://" in core or not _ATOMS.fullmatch(core):
        return "word"
    if any(letters.lower() in _WORDS for letters in re.findall(r"[A-Za-z]+", core) if len(letters) > 1):
        return "word"
    if _STRONG.search(core):
        return "strong"
    if re.fullmatch(rf"[-+]?{_NUMBER}%?|[A-Za-z]|[-+*/<>|:]|(?:{_NAMES})", core) or re.search(r"[A-Za-z0-9)]", core):
        return "weak"
    return "word"


def _end_of_run(pieces: list[str], kinds: list[str], at: int) -> tuple[int, bool]:
    """End of the run of mathematics from ``at``, and whether it is certainly mathematics."""
    end, strong, depth = at, False, 0
    for cursor in range(at, min(at + _LONGEST, len(pieces))):
        kind, piece = kinds[cursor], pieces[cursor]
        if kind == "space":
            continue
        if kind == "word":
            break
        strong |= kind == "strong"
        end = cursor + 1
        depth += sum(piece.count(char) for char in "([{") - sum(piece.count(char) for char in ")]}")
        if piece[-1] in ".;?。；？" or (piece[-1] in ",，" and depth <= 0 and not _continues(pieces, kinds, cursor)):
            break
    return end, strong


def _continues(pieces: list[str], kinds: list[str], at: int) -> bool:
    return at + 2 < len(pieces) and kinds[at + 2] == "strong" and len(pieces[at]) <= 3


def _trimmed(pieces: list[str], begin: int, end: int) -> tuple[int, int] | None:
    """The run without words at its edges: neighbours that no operator ties to it."""
    at = [index for index in range(begin, end) if not pieces[index].isspace()]
    keep = [True] * len(at)
    for order in (range(len(at)), range(len(at) - 1, -1, -1)):
        step = 1 if order.step == 1 else -1
        for index in order:
            piece = pieces[at[index]].rstrip(_EDGE)
            beside = index + step
            neighbour = pieces[at[beside]].rstrip(_EDGE) if 0 <= beside < len(at) else ""
            tied = bool(neighbour) and (
                _is_binary(neighbour) or neighbour[0 if step == 1 else -1] in "=+*/^<>≤≥≠≈×÷−∈∉"
            )
            if sum(piece.count(char) for char in "([{") != sum(piece.count(char) for char in ")]}"):
                break
            if (
                piece in ("-", "–", "|", ":", "*", "/")
                or (_is_binary(piece) and not (step == 1 and piece in ("+", "-", "−", "±")))
                or (not _STRONG.search(piece) and not tied and len(at) > 1 and piece not in _NAMES.split("|"))
            ):
                keep[index] = False
            else:
                break
    kept = [index for index, wanted in zip(at, keep, strict=True) if wanted]
    if not kept or not any(_STRONG.search(pieces[index].rstrip(_EDGE)) for index in range(kept[0], kept[-1] + 1)):
        return None
    return kept[0], kept[-1] + 1


def _is_binary(piece: str) -> bool:
    return _BINARY.fullmatch(piece) is not None
