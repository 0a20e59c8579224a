"""What stands in formulas but is not mathematics: chemical species, units of measure, temperatures. Pure.

``prepared`` puts it into words before the formula is parsed.
"""

from __future__ import annotations

import re

from engine.text.number_words import digits_in_words, number_in_words
from engine.text.units import unit_in_words

_CE = re.compile(r"\\(?:ce|cee)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_UNIT_BOX = re.compile(
    r"(?P<one>(?<![\d.])1)?(?P<gap>(?:\\[,;: ]|~|\s){0,6})"
    r"\\(?:mathrm|text|textrm|mathsf|operatorname|unit|si|rm|textnormal)\s*\{(?P<unit>[^{}]{1,40}(?:\{[^{}]{1,5}\}[^{}]{0,20})*)\}"
    r"(?:\^\{?(?P<power>-?\d)\}?)?"
)
_QUANTITY = re.compile(r"\\(?:SI|qty)\s*\{([^{}]{1,20})\}\s*\{([^{}]{1,40})\}")
_TEMPERATURE = re.compile(
    r"(?:\^\s*\{?\s*\\circ\s*\}?|°)\s*(?:\\(?:mathrm|text)\s*\{\s*([CFK])\s*\}|([CF])(?![A-Za-z]))"
)
_DOTTED = re.compile(r"\\dot\s*\{?(\d)\}?(\d*)\\dot\s*\{?(\d)\}?")
_OUTWARD = re.compile(r"\\?\]\s*([^\[\](),]{1,20}),([^\[\](),]{1,20})\[")
_REPEATING = re.compile(r"(\d+)\.(\d*)\\(?:overline|bar|dot)\s*\{?(\d+)\}?")
_BOXED_SPECIES = re.compile(
    r"\\(?:mathrm|text)\s*\{((?:[A-Z][a-z]?(?:_\{?\d+\}?|\d+)?|\((?:[A-Z][a-z]?(?:_\{?\d\}?|\d)?)+\)(?:_?\{?\d\}?))+)\}"
)
_MONEY = re.compile(r"(?:\\\$|([€£]))\s*(\d[\d,.]*)")
_NOT_EQUAL = re.compile(r"\\not\s*=")
_BINOMIAL = re.compile(r"\\[dt]?binom\s*(\d)\s*(\d)|\{?\}?[_^]\s*\{?(\w)\}?\s*C\s*_\s*\{?(\w)\}?")
_CHARGED = re.compile(r"\^\s*\{?\s*(\d*)\s*([+-])\s*\}?")

_ELEMENTS = frozenset(
    str.split(
        "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br "
        "Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce W Re Os Ir Pt Au Hg Tl Pb Bi "
        "Po Rn Ra U Pu"
    )
)
_DIATOMIC = frozenset({"H", "N", "O", "F", "Cl", "Br", "I"})

_SPECIES = re.compile(r"[A-Z][a-z]?|\d+|[()\[\]]")
_SUBSCRIPT = re.compile(r"_\s*\{?\s*(\d+)\s*\}?")
_CHARGE = re.compile(r"\^\s*\{?\s*(\d*)\s*([+-])\s*\}?$|(?<=[A-Za-z0-9)\]])([+-])$")
_STATE = re.compile(r"\((aq|s|l|g)\)")
_ARROWS = {
    "->": ("yields", "生成"),
    "<=>": ("is in equilibrium with", "可逆生成"),
    "<->": ("is in resonance with", "共振为"),
}
_ARROW = re.compile(r"^(<=>>?|<<=>|<->|<-->|->)")
_LATEX_ARROW = re.compile(
    r"\\(?:long)?rightarrow(?![A-Za-z])|\\to(?![A-Za-z])|\\rightleftharpoons|\\xrightarrow(?:\{[^{}]*\})?|→|⟶|⇌"
)
_STATES = {"aq": ("aqueous", "水溶液"), "s": ("solid", "固体"), "l": ("liquid", "液体"), "g": ("gas", "气体")}

_OHMS = re.compile(r"(?<=\d)(?:\\[,;: ]|[~\s])*\\Omega(?![A-Za-z_^(])")
_NORM = re.compile(r"(?<!\|)\|\|([^|]{1,60})\|\|(?!\|)")
_JOINED_BOXES = re.compile(
    r"\\(?:text|mathrm)\s?\{([^{}]{1,12})\}(\^\{?-?\d\}?)?\s*/\s*\\(?:text|mathrm)\s?\{([^{}]{1,12})\}(\^\{?-?\d\}?)?"
)
_UNIT_PIECE = r"\\(?:text|mathrm)\s?\{\s?(?:[kcmMnμ]?[A-Za-zΩ]{1,3})\s?\}(?:\^\{?-?\d\}?)?"
_UNIT_PRODUCT = re.compile(
    rf"(?<=\d)(?:\\[,;: ]|~|\s)*{_UNIT_PIECE}(?:(?:\\cdot(?![A-Za-z])|\\[,;: ]|~|·|\s)+{_UNIT_PIECE}){{1,4}}"
)
_COMPLEMENT = re.compile(r"(?:\\complement|∁)\s?_\s?\{?([A-Za-z])\}?\s*([A-Za-z])(?![A-Za-z])")
_EXISTS = re.compile(r"((?:\\exists\s?|∃)!?\s*[A-Za-z])\s*(?=\()")
_PRIME = r"(?:'|′|\^\{?\\prime\}?)"
_ARC_MINUTES = re.compile(
    rf"\^\{{?\\circ\}}?\s*(\d{{1,2}})\s?{_PRIME}(?!['′])"
    r"(?:(?:\\[,;: ]|~|\s)*(\d{1,2})\s?(?:''|″|′′|\^\{\\prime\s?\\prime\}))?"
)
_PERMUTATIONS = re.compile(r"\{?\}?[_^]\s*\{?(\w)\}?\s*P\s*_\s*\{?(\w)\}?")
_SPLIT_UNIT = re.compile(
    r"(?<=\d)(?:\\[,;: ]|[~\s])*(?:\\(?:text|mathrm)\s?\{\s?([kMm])\s?\}\s*\\Omega"
    r"|\\mu\s*\\(?:text|mathrm)\s?\{\s?([A-Za-z])\s?\})"
    r"(?![A-Za-z_^(])"
)
_NAMED_MULTIPLE = re.compile(
    r"\\(?:text|mathrm|operatorname)\s?\{\s?(lcm|LCM|gcd|GCD|hcf|HCF|gcf|GCF)\s?\}(?=\s*(?:\\left)?\s?\()"
)


def prepared(formula: str, chinese: bool) -> str:
    """LaTeX with chemistry, units and repeating decimals replaced by ``\\text{words}``."""
    formula = _SPLIT_UNIT.sub(
        lambda m: rf"\,\mathrm{{{m.group(1)}Ω}}" if m.group(1) else rf"\,\mathrm{{μ{m.group(2)}}}", formula
    )
    formula = _OHMS.sub(r"\\,\\mathrm{Ω}", _NORM.sub(r"\\|\1\\|", _NAMED_MULTIPLE.sub(_multiple, formula)))
    formula = _COMPLEMENT.sub(lambda m: _text(_complement(m, chinese)), formula)
    formula = _UNIT_PRODUCT.sub(_joined_units, _DOTTED.sub(r"\\overline{\1\2\3}", formula))
    formula = _OUTWARD.sub(lambda m: _open_interval(m, chinese), formula)
    formula = _JOINED_BOXES.sub(r"\\mathrm{\1\2/\3\4}", formula)
    formula = _EXISTS.sub(lambda m: m.group(1) + _text("满足" if chinese else "such that"), formula)
    formula = _ARC_MINUTES.sub(lambda m: _minutes(m, chinese), formula)
    formula = _PERMUTATIONS.sub(lambda m: _text(permutations_in_words(*m.groups(), chinese=chinese)), formula)
    formula = _NOT_EQUAL.sub(r"\\neq ", formula)
    formula = _BINOMIAL.sub(lambda m: rf"\binom{{{m.group(1) or m.group(3)}}}{{{m.group(2) or m.group(4)}}}", formula)
    formula = _MONEY.sub(lambda m: m.group(2) + _text(_currency(m.group(1), chinese)), formula)
    formula = _CE.sub(lambda m: _text(chemistry_in_words(m.group(1), chinese)), formula)
    formula = _plain_chemistry(formula, chinese)
    formula = _REPEATING.sub(lambda m: _text(_repeating(m, chinese)), formula)
    formula = _TEMPERATURE.sub(lambda m: _text(_temperature(m.group(1) or m.group(2), chinese)), formula)
    formula = _QUANTITY.sub(r"\1\\,\\mathrm{\2}", formula)
    formula = _BOXED_SPECIES.sub(lambda m: _boxed_species(m, chinese), formula)
    return _UNIT_BOX.sub(lambda m: _boxed_unit(m, chinese), formula)


def _joined_units(match: re.Match[str]) -> str:
    """``m·s^{-2}`` written in several boxes as one."""
    pieces = re.findall(r"\{\s?([A-Za-zμΩ]+)\s?\}(\^\{?-?\d\}?)?", match.group())
    return r"\,\mathrm{" + " ".join(unit + power for unit, power in pieces) + "}"


def _open_interval(match: re.Match[str], chinese: bool) -> str:
    """``]0, 1[``, as French books write it."""
    low, high = match.groups()
    if chinese:
        return f"{_text('开区间')}{low}{_text('到')}{high}"
    return f"{_text('the open interval from')}{low}{_text('to')}{high}"


def _minutes(match: re.Match[str], chinese: bool) -> str:
    minutes, seconds = match.groups()
    said = rf"^\circ {minutes}" + _text("分" if chinese else "minutes")
    return said + (seconds + _text("秒" if chinese else "seconds") if seconds else "")


def permutations_in_words(of: str, taken: str, *, chinese: bool) -> str:
    """In how many orders ``taken`` of ``of`` things may stand."""
    return f"从 {of} 中选 {taken} 的排列数" if chinese else f"the permutations of {of} taken {taken} at a time"


def _complement(match: re.Match[str], chinese: bool) -> str:
    whole, part = match.groups()
    return f"{whole} 中 {part} 的补集" if chinese else f"the complement of {part} in {whole}"


def _multiple(match: re.Match[str]) -> str:
    return "\\operatorname{lcm}" if match.group(1).lower() == "lcm" else "\\gcd "


def _text(words: str) -> str:
    return f"\\text{{ {words} }}"


def chemistry_in_words(formula: str, chinese: bool) -> str:
    """mhchem's notation: ``2H2 + O2 -> 2H2O``."""
    formula = _LATEX_ARROW.sub(" -> ", formula.replace(r"\rightleftharpoons", " <=> ").replace("⇌", " <=> "))
    formula = re.sub(r"(<=>>?|<<=>|<->|<-->|->)\s*(?:\[[^\]]{0,60}\]){0,2}", r" \1 ", formula)
    words = []
    for part in formula.split():
        if part == "+":
            words.append("加" if chinese else "plus")
        elif _ARROW.match(part):
            words.append(_ARROWS["<=>" if "=" in part else "<->" if part.startswith("<") else "->"][chinese])
        elif part in ("^", "↑"):
            words.append("气体" if chinese else "gas")
        elif part in ("v", "↓"):
            words.append("沉淀" if chinese else "precipitate")
        else:
            words.append(_species(part, chinese))
    return ("" if chinese else " ").join(words)


def _species(part: str, chinese: bool) -> str:
    words: list[str] = []
    isotope = re.match(r"\^\{?(\d+)\}?(?:_\{?(\d+)\}?)?(?=[A-Z])", part)
    if isotope:
        part = part[isotope.end() :]
        words = [
            "质量数" if chinese else "mass number",
            number_in_words(isotope.group(1), chinese) + ("，" if chinese else ","),
        ]
    state = _STATE.search(part)
    part = _SUBSCRIPT.sub(r"\1", _STATE.sub("", part))
    charge = _CHARGE.search(part)
    part = part[: charge.start()] if charge else part
    for piece in _SPECIES.findall(part):
        if piece.isdecimal():
            words.append(number_in_words(piece, chinese))
        elif piece in "()[]":
            continue
        else:
            words += [" ".join(piece)]
    if charge:
        amount, sign = charge.group(1) or "", charge.group(2) or charge.group(3)
        if amount:
            words.append(number_in_words(amount, chinese))
        words.append({"+": ("plus", "正离子"), "-": ("minus", "负离子")}[sign][chinese])
    if state:
        words.append(_STATES[state.group(1)][chinese])
    if not chinese:
        return " ".join(words)
    return re.sub(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])", "", " ".join(words))


_SALT = re.compile(r"(?=[A-Z]*[a-z])(?:Na|Li|K|Ca|Mg|Ba|Fe|Cu|Zn|Ag|Pb|H)(?:Cl|Br|I|F|O|S|OH)|KOH")
"""The commonest compounds whose formula has no digits."""


def is_species(text: str) -> bool:
    """Whether ``text`` (digits as plain subscripts, charges as ``^2⁺``) is a chemical formula beyond doubt."""
    bare, charge = re.sub(r"\^\d*[⁺⁻]$", "", text), re.search(r"\^(\d*)[⁺⁻]$", text)
    if not is_elements(bare):
        return False
    if _SALT.fullmatch(bare):
        return True
    letters = re.findall(r"[A-Z][a-z]?", bare)
    if charge and (charge.group(1) or len(letters[0]) == 2 or len(letters) > 1):
        return True
    if not re.search(r"[A-Za-z)\]]\d", bare):
        return False
    return len(letters) > 1 or (letters[0] in _DIATOMIC and re.fullmatch(r"\d*[A-Z][a-z]?2|O3", bare) is not None)


def _plain_chemistry(formula: str, chinese: bool) -> str:
    """``2H_2 + O_2 \\rightarrow 2H_2O``: a formula of nothing but species."""
    bare = re.sub(r"\\(?:mathrm|text)\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}|\\[,;]", r"\1", formula)
    bare = bare.replace(r"\uparrow", " ↑ ").replace(r"\downarrow", " ↓ ")
    bare = _CHARGED.sub(lambda m: f"^{m.group(1)}{'⁺' if m.group(2) == '+' else '⁻'}", _SUBSCRIPT.sub(r"\1", bare))
    species = [re.sub(r"[\s{}↑↓]", "", side) for side in re.split(r"\+|" + _LATEX_ARROW.pattern, bare)]
    if not any(is_species(each) for each in species):
        return formula
    if not all(is_species(each) or is_elements(re.sub(r"\^\d*[⁺⁻]$", "", each)) for each in species):
        return formula
    return _text(chemistry_in_words(bare.replace("+", " + ").replace("⁺", "+").replace("⁻", "-"), chinese))


def is_elements(text: str) -> bool:
    """Whether ``text`` is made of nothing but symbols of elements, counts and brackets: ``NaCl``, but also ``I``."""
    letters = re.findall(r"[A-Z][a-z]?", text)
    shaped = re.fullmatch(r"\d*(?:[A-Z][a-z]?\d*|[()]\d*)+", text) is not None
    return shaped and bool(letters) and all(each in _ELEMENTS for each in letters)


def _currency(sign: str | None, chinese: bool) -> str:
    return {"€": ("euros", "欧元"), "£": ("pounds", "英镑")}.get(sign or "", ("dollars", "美元"))[chinese]


def _boxed_species(match: re.Match[str], chinese: bool) -> str:
    text = re.sub(r"[_{}]", "", match.group(1))
    return _text(_species(text, chinese)) if is_species(text) else match.group()


def _repeating(match: re.Match[str], chinese: bool) -> str:
    whole, start, again = match.groups()
    repeated = digits_in_words(again, chinese)
    before = number_in_words(whole, chinese) + ("点" if chinese else " point")
    begin = digits_in_words(start, chinese) if start else ""
    if chinese:
        return f"{before}{begin}{repeated}循环" if not begin else f"{before}{begin}，{repeated}循环"
    return f"{before} {begin + ', ' if begin else ''}{repeated} repeating"


def _temperature(scale: str, chinese: bool) -> str:
    return {"C": ("degrees Celsius", "摄氏度"), "F": ("degrees Fahrenheit", "华氏度"), "K": ("kelvins", "开")}[scale][
        chinese
    ]


def _boxed_unit(match: re.Match[str], chinese: bool) -> str:
    unit = match.group("unit") + (f"^{match.group('power')}" if match.group("power") else "")
    words = unit_in_words(unit, chinese, one=match.group("one") is not None)
    before = match.string[: match.start()].rstrip()[-1:]
    counted = match.group("one") or before.isdigit() or (before in (")", "}") and match.group("gap"))
    if words is None or not (counted or "/" in unit):
        # Upright letters without a number are a name or a word: "pH", "in".
        return match.group()
    return (match.group("one") or "") + _text(words)
