"""Formulas in words, as a teacher reads them out, in English and Chinese. Pure.

In: LaTeX without its dollars. Out: words that mean this formula and no other: what is under a root, over a line
or inside brackets is marked by "the quantity … ," wherever plain words would also fit another formula.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from engine.text.formula_parts import chemistry_in_words, prepared
from engine.text.latex_tree import EMPTY, Node, children, parse
from engine.text.math_words import (
    ACCENTS,
    ADDITIVE,
    CHINESE_TEXT,
    FUNCTIONS,
    GREEK,
    OPERATORS,
    PREFIXES,
    PRODUCTS,
    RELATIONS,
    SIGNS,
    UNREADABLE,
)
from engine.text.number_words import fraction_in_words, number_in_words, ordinal_in_words

__all__ = ["chemistry_in_words", "formula_in_words"]

_OPERATORS_BETWEEN = RELATIONS.keys() | ADDITIVE.keys() | PRODUCTS.keys() | {"|", ",", ":", "→", ";"}
_FUNCTION_LETTERS = frozenset("fghFGHPpφψΦΨ")
_ARGUMENTS = frozenset("txnθkz")
_FEW = {"2": ("square", "平方"), "3": ("cube", "立方")}
_PRIMES = {
    "′": ("prime", "撇"),
    "″": ("double prime", "两撇"),
    "‴": ("triple prime", "三撇"),
    "⁗": ("quadruple prime", "四撇"),
}
_LIST_FUNCTIONS = frozenset(
    {"gcd", "lcm", "max", "min", "ln", "lg", "exp", "det", "dim", "ker", "arg", "deg", "sgn", "Pr"}
)


def formula_in_words(formula: str, language: str) -> str:
    """LaTeX (without its dollars) as one would read it.

    Args:
        formula: LaTeX, or plain signs such as ``x² ≤ 4`` written as LaTeX.
        language: ``zh`` gives Chinese words, anything else English.
    """
    chinese = language == "zh"
    tree = parse(prepared(formula, chinese))
    if tree is None:
        return UNREADABLE[chinese]
    words = _joined(_Reader(chinese).row(children(tree)), chinese)
    return words if words or not any(map(str.isalnum, formula)) else UNREADABLE[chinese]


def _joined(words: Sequence[str], chinese: bool) -> str:
    text = " ".join(word for word in words if word)
    if chinese:
        text = re.sub(r"(?<=[^\x00-\x7f]) +| +(?=[^\x00-\x7f])", "", text)
        text = re.sub("，[，\\s]*", "，", re.sub(r"\s*,\s*", "，", text))
    text = re.sub(r"\s+,", ",", text)
    text = re.sub(r",[\s,]*,", ",", text)
    return text.strip(" ,，")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads nodes aloud; ``_`` picks the language of a pair of words."""

    chinese: bool

    def _(self, words: tuple[str, str]) -> str:
        return words[self.chinese]

    def row(self, nodes: Sequence[Node]) -> list[str]:
        """The words of nodes that stand side by side."""
        nodes = _folded(nodes)
        said: list[str] = []
        at = 0
        while at < len(nodes):
            words, taken = self._piece(nodes, at)
            said += self._between(nodes, at) + words
            at += taken
        return said

    def _between(self, nodes: Sequence[Node], at: int) -> list[str]:
        """What is said between two operands that stand side by side: nothing, "times", or "and" in 2⅓."""
        if at == 0 or not _is_operand(nodes[at]):
            return []
        before, node = nodes[at - 1], nodes[at]
        if before.kind == "op" and before.text == "!":
            return [self._(("times", "乘"))]
        if not _is_operand(before):
            return []
        if _is_modulus(node):
            return [","]
        if _function_of(before) or _is_operator(before):
            return []
        if node.kind == "frac":
            if before.kind == "num" and self._common(node):
                return [self._(("and", "又"))]
            if _is_derivative(before):
                return []
            return [self._(("times", "乘"))]
        if before.kind == "fence" and before.text[0] == "(" and _has(before, "∘"):
            return [self._(("of", ""))]
        if _is_derivative(before):
            return [self._(("of", ""))]
        loose = before.kind == "root" or (before.kind == "frac" and not self._common(before)) or _is_power(before)
        brackets = _round(node) or _round(before) or node.kind == "fence"
        brackets |= node.kind == "root" and (not self.chinese or len(node.children) > 1)
        if _is_differential(nodes, at):
            return [","] if loose else []
        return [self._(("times", "乘"))] if loose or brackets else []

    def _piece(self, nodes: Sequence[Node], at: int) -> tuple[list[str], int]:
        """The words of the node at ``at`` with those it takes as arguments, and how many nodes that were."""
        node = nodes[at]
        following = nodes[at + 1] if at + 1 < len(nodes) else None
        if node.kind == "op":
            return self._op(nodes, at)
        if node.kind == "fence" and node.text == "()" and _is_interval(nodes, at):
            first, second = _halves(children(node.children[0]))
            if self.chinese:
                return ["开区间", *self.row(first), "到", *self.row(second), ","], 1
            return ["the open interval from", *self.row(first), "to", *self.row(second)], 1
        function = _function_of(node)
        if function:
            return self._function(nodes, at, function)
        if following is not None and _round(following) and self._applies(node, _unpowered(following)):
            return self._call(node, following), 2
        if following is not None and following.kind == "op" and following.text == "!":
            said = self._operand(node)
            return (said + ["的阶乘"] if self.chinese else said + ["factorial"]), 2
        if following is not None and following.kind == "op" and following.text in ("%", "‰"):
            if self.chinese:
                return ["百分之" if following.text == "%" else "千分之", *self.node(node)], 2
            return [*self.node(node), SIGNS[following.text][0]], 2
        if node.kind == "id" and following is not None and following.kind == "op" and following.text == ":":
            arrow = nodes[at + 3] if at + 3 < len(nodes) else None
            if arrow is not None and arrow.kind == "op" and arrow.text == "→":
                return [*self.node(node), self._(("from", "从"))], 2
        return self.node(node), 1

    def _op(self, nodes: Sequence[Node], at: int) -> tuple[list[str], int]:
        char = nodes[at].text
        before = nodes[at - 1] if at else None
        after = nodes[at + 1] if at + 1 < len(nodes) else None
        unary = before is None or (before.kind == "op" and before.text in _OPERATORS_BETWEEN | PREFIXES.keys() | {"("})
        if char == "−" and unary:
            return [self._(("minus", "负"))], 1
        if char == "+" and unary:
            return [self._(("plus", "正"))], 1
        if char in ("±", "∓") and unary:
            return [self._(ADDITIVE[char])], 1
        if char in ("·", "⋅", "×") and _is_vector(before) and _is_vector(after):
            return [self._(("cross", "叉乘") if char == "×" else ("dot", "点乘"))], 1
        if char == "→":
            limit = after is not None and (after.kind == "num" or after.text in ("∞", "−", "+") or _is_one_sided(after))
            return [self._(("approaches", "趋于") if limit else ("to", "到"))], 1
        if char == ":":
            return [self._(("to", "比"))] if _is_operand(before) and _is_operand(after) else [","], 1
        if char == "≡" and any(_is_modulus(node) for node in nodes):
            return [self._(("is congruent to", "同余于"))], 1
        if char in "∼~" and at + 2 < len(nodes) and _is_capital(after) and _round(nodes[at + 2]):
            return [self._(("is distributed as", "服从"))], 1
        if char == "|":
            return [self._(("divides", "整除"))], 1
        if char in ",;，；、":
            return [","], 1
        if char in OPERATORS:
            return self._operator(char, EMPTY, EMPTY), 1
        if char in ("△", "▵") and not unary and _is_operand(after) and not _is_capital(after):
            return [self._(ADDITIVE["△"])], 1
        for table in (PREFIXES, RELATIONS, ADDITIVE, PRODUCTS, GREEK, SIGNS):
            if char in table:
                return [self._(table[char])], 1
        return self._unnamed(char), 1

    def _unnamed(self, char: str) -> list[str]:
        """A sign without words of ours, by its Unicode name."""
        if char in ".。!'\"`()[]{}":
            return [","] if char in ".。" else []
        return [unicodedata.name(char[0], "sign").lower().replace("-", " ")]

    # ---- functions

    def _applies(self, node: Node, argument: Node) -> bool:
        """Whether ``node(argument)`` is a function of it rather than a product."""
        inside = children(argument.children[0])
        base = node.children[0] if node.kind == "script" else node
        if argument.text[0] != "(" or base.kind != "id" or len(base.text) != 1:
            return base.kind == "id" and len(base.text) > 1 and base.text not in OPERATORS
        if base.text in _FUNCTION_LETTERS or (node.kind == "script" and _primes(node.children[2])):
            return True
        if base.text.isupper():
            return len(inside) > 0 and not _is_compound(inside)
        return (
            len(inside) == 1 and inside[0].kind == "id" and inside[0].text in _ARGUMENTS and base.text != inside[0].text
        )

    def _call(self, node: Node, following: Node) -> list[str]:
        """``f(x)`` and ``f(x)²``."""
        name = self._function_name(node)
        inside = children(_unpowered(following).children[0])
        bar = next((at for at, each in enumerate(inside) if each.kind == "op" and each.text == "|"), None)
        if bar is not None:
            argument = [*self.row(inside[:bar]), self._(("given", "给定")), *self.row(inside[bar + 1 :])]
        elif any(each.kind == "op" and each.text == "," for each in inside):
            if _is_capital(node) and not any(each.kind == "id" for each in inside):
                return [*name, self._(("at", "点坐标")), *self.row(inside), ","]
            argument = [*self.row(inside), ","]
        else:
            argument = self._argument(inside)
        if self.chinese:
            said = [*name, *argument]
            return ["括号", *said, "括号", *self._power(following.children[2])] if following.kind == "script" else said
        return [*name, "of", *argument, *self._power_of_call(following)]

    def _power_of_call(self, following: Node) -> list[str]:
        if following.kind != "script":
            return []
        return [",", *self._power(following.children[2])]

    def _argument(self, inside: Sequence[Node]) -> list[str]:
        """What is in the brackets of a function, marked where it is more than one term."""
        if _is_compound(inside, sets=False) or (
            len(inside) == 1 and inside[0].kind == "frac" and not self._common(inside[0])
        ):
            return self._quantity(inside)
        return self.row(inside)

    def _function_name(self, node: Node) -> list[str]:
        if node.kind != "script":
            return self.node(node)
        base, below, above = node.children
        if _is_inverse(above):
            return [*self._sub(base, below), self._(("inverse", "的反函数"))]
        return self.node(node)

    def _function(self, nodes: Sequence[Node], at: int, name: str) -> tuple[list[str], int]:
        """sin, log, max and their like, with what they are of."""
        node = nodes[at]
        below, above = (node.children[1], node.children[2]) if node.kind == "script" else (EMPTY, EMPTY)
        if name in OPERATORS:
            if (
                name in ("max", "min", "sup", "inf")
                and below is EMPTY
                and at + 1 < len(nodes)
                and _round(nodes[at + 1])
            ):
                inside = self.row(children(_unpowered(nodes[at + 1]).children[0]))
                return [self._(OPERATORS[name]), *([] if self.chinese else ["of"]), *inside, ","], 2
            return self._operator(name, below, above), 1
        argument, taken = self._function_argument(nodes, at + 1)
        head = self._(FUNCTIONS[name])
        if name == "log" and below is not EMPTY:
            return self._log(below, above, argument, nodes, at, taken), 1 + taken
        bracketed = taken == 1 and _round(nodes[at + 1])
        if name in ("ln", "log") and self.chinese and taken and name == "ln":
            return [*argument, "的自然对数"], 1 + taken
        if _is_inverse(above):
            head = {0: f"inverse {head}", 1: f"反{head}"}[self.chinese]
        elif above is not EMPTY:
            head = " ".join([head.removesuffix(" of"), *self._function_power(above)]) + (
                " of" if head.endswith(" of") else ""
            )
        if below is not EMPTY:
            head += " " + " ".join(["sub", *self.row(children(below))])
        of = ["of"] if not self.chinese and (bracketed or (taken and nodes[at + 1].kind == "frac")) else []
        if head.endswith(" of"):
            of = []
        return [head, *of, *argument], 1 + taken

    def _function_power(self, above: Node) -> list[str]:
        if self.chinese:
            return [_FEW[above.text][1] if above.text in _FEW else "".join([*self.row(children(above)), "次方"])]
        return self._power(above)

    def _function_argument(self, nodes: Sequence[Node], at: int) -> tuple[list[str], int]:
        """The bracket, fraction or product a function stands before; how many nodes that are."""
        if at >= len(nodes):
            return [], 0
        first = nodes[at]
        if _round(first):
            inside = children(_unpowered(first).children[0])
            said = self._argument(inside) if not _has(_unpowered(first), ",") else self.row(inside)
            return said + self._power_of_call(first), 1
        if first.kind == "frac" and not self._common(first):
            return self._quantity([first]), 1
        end = at
        while end < len(nodes) and _is_operand(nodes[end]) and not _function_of(nodes[end]):
            if end > at and (nodes[end].kind in ("frac", "fence", "table") or _round(nodes[end])):
                break
            end += 1
        return self.row(nodes[at:end]), end - at

    def _log(
        self, below: Node, above: Node, argument: list[str], nodes: Sequence[Node], at: int, taken: int
    ) -> list[str]:
        base = self.row(children(below))
        power = self._function_power(above) if above is not EMPTY else []
        if self.chinese:
            return ["以", *base, "为底", *argument, "的对数", *power]
        return ["log", *power, "base", *base, "of", *argument]

    def _operator(self, name: str, below: Node, above: Node) -> list[str]:
        """Sums, integrals and limits with their bounds."""
        head = self._(OPERATORS[name])
        low, high = self.row(children(below)), self.row(children(above))
        bounded = below is not EMPTY and above is not EMPTY
        if self.chinese:
            if name == "lim":
                return [*low, "时的极限", ","] if low else [head, ","]
            if name in "∫∬∭∮":
                return (
                    ["从", *low, "到", *high, head, ","]
                    if bounded
                    else (["在", *low, "上"] if low else []) + [head, ","]
                )
            if bounded:
                return [*low, "到", *high, head, ","]
            return [*(["对", *low] if low else []), head, ","]
        if name == "lim":
            return [head, *(["as", *low] if low else []), "of"]
        if bounded:
            return [head, "from", *low, "to", *high, "of"]
        return [head, *(["over", *low] if low else []), "of"]

    # ---- single nodes

    def node(self, node: Node) -> list[str]:
        """The words of one node without arguments."""
        kind = node.kind
        if kind == "num":
            return [self._number(node.text)]
        if kind == "id":
            return self._name(node.text)
        if kind == "op":
            return self._op([node], 0)[0]
        if kind == "text":
            return self._text(node.text)
        if kind == "unknown":
            return self._unknown(node.text)
        if kind == "row":
            return self.row(node.children)
        if kind == "frac":
            return self._fraction(*node.children)
        if kind == "binom":
            top, bottom = (self._operand(child) for child in node.children)
            return [*top, self._(("choose", "选")), *bottom]
        if kind == "struck":
            body = self.node(node.children[0])
            return ["划掉", *body] if self.chinese else [*body, "crossed out"]
        if kind in ("accent", "under"):
            return self._accent(node)
        return self._built(node)

    def _built(self, node: Node) -> list[str]:
        if node.kind == "root":
            return self._root(*node.children)
        if node.kind == "script":
            return self._script(node)
        if node.kind == "fence":
            return self._fence(node)
        return self._table(node, "")

    def _number(self, text: str) -> str:
        if not re.fullmatch(r"[0-9]*\.?[0-9]*", text) or text == ".":
            return text
        words = number_in_words(text.rstrip("."), self.chinese)
        return words

    def _name(self, text: str) -> list[str]:
        if text in FUNCTIONS:
            return [self._(FUNCTIONS[text])]
        for table in (GREEK, SIGNS, PREFIXES, RELATIONS, ADDITIVE, PRODUCTS, OPERATORS):
            if text in table:
                return [self._(table[text])]
        if len(text) == 1 and not text.isalnum():
            return self._unnamed(text)
        return [text]

    def _text(self, text: str) -> list[str]:
        if self.chinese:
            return [CHINESE_TEXT.get(text.lower(), text)]
        return [text]

    def _unknown(self, name: str) -> list[str]:
        """A command that nobody knows: its name, so that nothing vanishes."""
        name = name.removesuffix("*")
        return [name] if name.isalpha() else []

    def _common(self, node: Node) -> bool:
        """Whether a fraction is read as one number."""
        top, bottom = node.children if node.kind == "frac" else (EMPTY, EMPTY)
        if top.kind != "num" or bottom.kind != "num":
            return False
        return self.chinese or fraction_in_words(top.text, bottom.text) is not None

    def _fraction(self, top: Node, bottom: Node) -> list[str]:
        if top.kind == "num" and bottom.kind == "num":
            words = fraction_in_words(top.text, bottom.text)
            if words is not None and not self.chinese:
                return [words]
        involved = self._needs_brackets(top) or self._needs_brackets(bottom, below=True)
        if self.chinese:
            if involved:
                return ["分子为", *self.node(top), ",", "分母为", *self.node(bottom), "的分数"]
            return [*self.node(bottom), "分之", *self.node(top)]
        above = self._quantity(children(top)) if self._needs_brackets(top) else self.node(top)
        below = self.node(bottom)
        if self._needs_brackets(bottom, below=True):
            below = self._quantity(children(bottom))
        return [*above, "over", *below]

    def _needs_brackets(self, node: Node, *, below: bool = False) -> bool:
        """Whether ``node`` is more than one operand of a line; ``below`` it, products of brackets are too."""
        inside = children(node)
        if below and len(inside) > 1 and any(_round(each) or each.text in PRODUCTS for each in inside[1:]):
            if not (len(inside) == 2 and self._applies(inside[0], _unpowered(inside[1]))):
                return True
        if node.kind == "frac":
            return not self._common(node)
        return _is_compound(inside) or any(each.kind == "frac" and not self._common(each) for each in inside)

    def _quantity(self, nodes: Sequence[Node]) -> list[str]:
        """Terms that belong together."""
        if self.chinese:
            return ["括号", *self.row(nodes), "括号"]
        return ["the quantity", *self.row(nodes), ","]

    def _operand(self, node: Node) -> list[str]:
        """``node`` as one operand, bracketed where it is more."""
        inside = children(node.children[0] if node.kind == "fence" and node.text[0] == "(" else node)
        simple = len(inside) == 1 and inside[0].kind in ("num", "id", "script", "accent", "fence", "text")
        if simple and inside[0].kind != "script":
            return self.node(inside[0])
        if node.kind == "fence" and node.text[0] != "(":
            return self.node(node)
        if node.kind == "script" or (node.kind == "frac" and self._common(node)):
            return self.node(node)
        return self._quantity(inside)

    def _exponent(self, node: Node) -> list[str]:
        inside = children(node)
        if _is_compound(inside) or self._needs_brackets(node):
            return self._quantity(inside)
        return self.row(inside)

    def _root(self, body: Node, degree: Node = EMPTY) -> list[str]:
        involved = self._needs_brackets(body)
        if self.chinese:
            if degree is EMPTY or degree.text == "2":
                return ["根号下", *self.node(body), ","] if involved else ["根号", *self.node(body)]
            name = "立方根" if degree.text == "3" else "".join([*self._exponent(degree), "次方根"])
            return [*(self._quantity(children(body)) if involved else self.node(body)), "的" + name]
        said = self._quantity(children(body)) if involved else self.node(body)
        if degree is EMPTY or degree.text in _FEW:
            return [f"the {_FEW[degree.text or '2'][0]} root of", *said]
        if degree.kind == "num" and degree.text.isdecimal() and len(degree.text) < 3:
            return [f"the {ordinal_in_words(int(degree.text))} root of", *said]
        if degree.kind == "id":
            return [f"the {degree.text}-th root of", *said]
        return ["the root of degree", *self._exponent(degree), "of", *said]

    # ---- scripts, accents, brackets, tables

    def _script(self, node: Node) -> list[str]:
        base, below, above = node.children
        special = self._special_script(base, below, above)
        if special is not None:
            return special
        if base.kind in ("op", "unknown") and base.text and base.text not in SIGNS:
            arrow = self.node(base)
            return [*arrow, *self.row(children(above)), *self.row(children(below))]
        if above is EMPTY:
            return self._sub(base, below)
        if below is not EMPTY:
            return [*self._sub(base, below), *self._power(above)]
        if above.kind == "op" and above.text in ("∘", "°"):
            return [*self.node(base), self._(("degrees", "度"))]
        if _is_inverse(above) and base.kind == "fence" and _matrix(base):
            return [*self.node(base), self._(("inverse", "的逆"))]
        return [*self._base(base), *self._power(above)]

    def _special_script(self, base: Node, below: Node, above: Node) -> list[str] | None:
        """Scripts that are no index and no power."""
        if base.kind == "op" and base.text in OPERATORS:
            return self._operator(base.text, below, above)
        if base.kind == "op" and base.text == "∂" and below is EMPTY:
            return [*self.node(base), *self._power(above)]
        if base.kind == "op" and base.text == "|" and below is not EMPTY:
            return [",", self._(("at", "在")), *self.row(children(below)), *(["处"] if self.chinese else []), ","]
        if base.kind in ("accent", "under") and base.text in ("⏞", "⏟"):
            label = below if below is not EMPTY else above
            return [*self.node(base), ",", self._(("marked", "标为")), *self.row(children(label)), ","]
        if base.kind == "num" and above.kind == "op" and above.text in ("+", "−") and below is EMPTY:
            side = ("from the right", "的右侧") if above.text == "+" else ("from the left", "的左侧")
            return [*self.node(base), self._(side)]
        if base.kind in ("row", "id") and not base.text and not base.children:
            said = [self._(("mass number", "质量数")), *self.row(children(above)), ","] if above is not EMPTY else []
            return said + ([self._(("number", "序数")), *self.row(children(below)), ","] if below is not EMPTY else [])
        if _is_capital(base) and above.kind == "id" and above.text in ("c", "∁") and below is EMPTY:
            return [*self.node(base), self._(("complement", "的补集"))]
        if self.chinese and base.kind == "id" and base.text in ("C", "A") and EMPTY not in (below, above):
            name = "组合数" if base.text == "C" else "排列数"
            return ["从", *self.row(children(below)), "中选", *self.row(children(above)), "的" + name]
        return None

    def _base(self, base: Node) -> list[str]:
        """What is raised: "the quantity … ," unless it is one number or letter."""
        if base.kind == "fence":
            inside = children(base.children[0])
            if base.text == "()" and len(inside) == 1 and inside[0].kind in ("num", "id", "accent"):
                return self.node(inside[0])
            if base.text in ("()", "[]") and not _matrix(base):
                return self._quantity(inside)
            return [*self._fence(base), *([] if self.chinese else [","])]
        if base.kind == "frac" or base.kind == "root":
            return self._quantity([base])
        return self.node(base)

    def _sub(self, base: Node, below: Node) -> list[str]:
        said = self.node(base)
        if below is EMPTY:
            return said
        inside = children(below)
        number = len(inside) == 1 and inside[0].kind == "num"
        if self.chinese:
            if number or (len(inside) == 1 and inside[0].kind == "id"):
                return [*said, *self.row(inside)]
            return [*said, "下标", *self.row(inside), ","]
        if _is_compound(inside):
            return [*said, "sub", *self._quantity(inside)]
        return [*said, "sub", *self.row(inside)]

    def _power(self, above: Node) -> list[str]:
        primes = _primes(above)
        if primes:
            return [self._(primes)]
        if above.kind == "num" and above.text in _FEW:
            return (
                [self._((_FEW[above.text][0] + "d", "的" + _FEW[above.text][1]))]
                if above.text == "3"
                else [self._(("squared", "的平方"))]
            )
        if above.kind == "op":
            named = {
                "*": ("star", "星"),
                "∗": ("star", "星"),
                "+": ("plus", "正"),
                "−": ("minus", "负"),
                "†": SIGNS["†"],
            }
            named |= {"∘": ("degrees", "度"), "⊤": ("transpose", "的转置"), "⊥": ("perp", "的正交补")}
            if above.text in named:
                return [self._(named[above.text])]
        if above.kind == "id" and above.text in ("T", "⊤"):
            return [self._(("transpose", "的转置"))]
        if above.kind == "text":
            return self._text(above.text)
        exponent = self._exponent(above)
        return ["的", *exponent, "次方"] if self.chinese else ["to the power of", *exponent]

    def _accent(self, node: Node) -> list[str]:
        body = node.children[0]
        said = self.node(body)
        text = " ".join(said)
        if node.text in "―‾_¯" and node.kind == "accent":
            if len(children(body)) == 2 and all(_is_capital(each) for each in children(body)):
                return [self._(("segment", "线段")), *said]
            return [*said, self._(("bar", "拔"))]
        if node.kind == "under" or node.text not in ACCENTS:
            return said
        return [self._(ACCENTS[node.text]).format(text)]

    def _fence(self, node: Node) -> list[str]:
        opened, body = node.text[0], node.children[0]
        inside = children(body)
        if _matrix(node):
            return self._table(inside[0], opened)
        if opened == "|":
            simple = not _is_compound(inside)
            if self.chinese:
                return [*(self.row(inside) if simple else self._quantity(inside)), "的绝对值"]
            return ["the absolute value of", *(self.row(inside) if simple else self._quantity(inside))]
        if opened == "{":
            return self._set(inside)
        if opened in "⌊⌈‖":
            names = {
                "⌊": ("the floor of", "向下取整"),
                "⌈": ("the ceiling of", "向上取整"),
                "‖": ("the norm of", "的范数"),
            }
            said = self._quantity(inside) if _is_compound(inside) else self.row(inside)
            return [*said, names[opened][1]] if self.chinese else [names[opened][0], *said]
        commas = sum(each.kind == "op" and each.text == "," for each in inside)
        if commas:
            return self._listed(node.text, inside, commas)
        if _is_compound(inside) and not _is_signed(inside):
            return self._quantity(inside)
        return self.row(inside)

    def _set(self, inside: Sequence[Node]) -> list[str]:
        bar = next((at for at, each in enumerate(inside) if each.kind == "op" and each.text in ("|", ":")), None)
        if bar is None:
            return [self._(("the set of", "集合")), *self.row(inside), ","]
        condition = self.row(inside[bar + 1 :])
        return [self._(("the set of", "集合")), *self.row(inside[:bar]), self._(("such that", "满足")), *condition, ","]

    def _listed(self, brackets: str, inside: Sequence[Node], commas: int) -> list[str]:
        """Intervals, pairs and lists."""
        first, second = map(self.row, _halves(inside))
        if commas == 1 and brackets == "[]":
            if self.chinese:
                return ["闭区间", *first, "到", *second, ","]
            return ["the closed interval from", *first, "to", *second]
        if commas == 1 and brackets in ("[)", "(]"):
            if self.chinese:
                return ["区间", *first, "到", *second, ",", "左闭右开" if brackets == "[)" else "左开右闭", ","]
            ends = ("including", "excluding") if brackets == "[)" else ("excluding", "including")
            return ["the interval from", *first, "to", *second, ",", ends[0], *first, "and", ends[1], *second, ","]
        names = {1: ("the pair", "数对"), 2: ("the triple", "三元组")}
        return [self._(names.get(commas, ("the list", "列表"))), *self.row(inside), ","]

    def _table(self, table: Node, opened: str) -> list[str]:
        lines = [children(line) if line.kind == "row" else (line,) for line in table.children]
        if opened == "{":
            return self._cases(lines)
        relations = any(_has(cell, *RELATIONS) for line in lines for cell in line)
        if not opened and (table.text == "align" or relations):
            said: list[str] = []
            for line in lines:
                said += [*self.row([node for cell in line for node in children(cell)]), ","]
            return said
        rows, columns = len(lines), max((len(line) for line in lines), default=0)
        size = [self._number(str(rows)), self._(("by", "乘")), self._number(str(columns))]
        said = [*size, "行列式" if opened == "|" else "矩阵", ","]
        if not self.chinese:
            said = ["the determinant of the" if opened == "|" else "the", *size, "matrix with"]
        for number, line in enumerate(lines, 1):
            head = ["第" + self._number(str(number)) + "行"] if self.chinese else [ordinal_in_words(number), "row"]
            said += head
            for cell in line:
                said += [*self.node(cell), ","]
        return said

    def _cases(self, lines: Sequence[Sequence[Node]]) -> list[str]:
        said: list[str] = []
        for line in lines:
            said += self.node(line[0])
            for cell in line[1:]:
                words = self.node(cell)
                first = children(cell)[0] if children(cell) else EMPTY
                if first.kind != "text" and words:
                    said += ([","] if self.chinese else []) + [self._(("if", "当"))]
                elif self.chinese:
                    said.append(",")
                said += words
            said.append(",")
        return said


def _folded(nodes: Sequence[Node]) -> list[Node]:
    """``a / b`` as the fraction it is, where both sides are single operands."""
    folded: list[Node] = []
    at = 0
    while at < len(nodes):
        node = nodes[at]
        following = nodes[at + 1] if at + 1 < len(nodes) else None
        if node.kind == "op" and node.text == "/" and folded and following is not None:
            before = folded[-1]
            lone = len(folded) < 2 or not _is_operand(folded[-2]) or folded[-2].kind == "num"
            called = at + 2 < len(nodes) and _round(nodes[at + 2])
            if lone and not called and _is_operand(before) and _is_operand(following) and not _function_of(following):
                folded[-1] = Node("frac", "", (_bare(before), _bare(following)))
                at += 2
                continue
        folded.append(node)
        at += 1
    return folded


def _bare(node: Node) -> Node:
    return node.children[0] if node.kind == "fence" and node.text == "()" else node


def _halves(inside: Sequence[Node]) -> tuple[Sequence[Node], Sequence[Node]]:
    comma = next(at for at, each in enumerate(inside) if each.kind == "op" and each.text == ",")
    return inside[:comma], inside[comma + 1 :]


def _is_interval(nodes: Sequence[Node], at: int) -> bool:
    """Whether the pair in brackets at ``at`` is an open interval: x is in it, or it is endless."""
    inside = children(nodes[at].children[0])
    if sum(each.kind == "op" and each.text == "," for each in inside) != 1:
        return False
    endless = any(each.text == "∞" for each in inside)
    return endless or any(each.kind == "op" and each.text in "∈∉" for each in nodes[:at])


def _is_modulus(node: Node) -> bool:
    """``(mod n)``."""
    inside = children(node.children[0]) if node.kind == "fence" else ()
    return len(inside) > 1 and inside[0].text == "mod"


def _is_operand(node: Node | None) -> bool:
    if node is not None and node.kind == "script" and node.children[0].kind == "op":
        return node.children[0].text in OPERATORS
    return node is not None and (node.kind not in ("op", "text") or node.text in ("∞", "∅", "…"))


def _is_compound(nodes: Sequence[Node], *, sets: bool = True) -> bool:
    """Whether the nodes are several terms, or a signed one: what needs brackets when it is one operand."""
    for at, node in enumerate(nodes):
        if node.kind == "table":
            return True
        if node.kind != "op":
            continue
        if at == 0 and node.text in ("−", "+", "±"):
            continue
        if node.text in RELATIONS or node.text == "→":
            return True
        if node.text in ADDITIVE and (sets or node.text in "+−±∓"):
            return True
    return False


def _is_signed(nodes: Sequence[Node]) -> bool:
    return len(nodes) == 2 and nodes[0].kind == "op" and nodes[0].text in ("−", "+")


def _round(node: Node) -> bool:
    node = _unpowered(node)
    return node.kind == "fence" and node.text in ("()", "[]") and not _matrix(node)


def _unpowered(node: Node) -> Node:
    return node.children[0] if node.kind == "script" and node.children[0].kind == "fence" else node


def _matrix(node: Node) -> bool:
    inside = children(node.children[0])
    return len(inside) == 1 and inside[0].kind == "table"


def _has(node: Node, *signs: str) -> bool:
    inside = children(node.children[0]) if node.kind == "fence" else children(node)
    return any(each.kind == "op" and each.text in signs for each in inside)


def _is_power(node: Node) -> bool:
    if node.kind != "script" or node.children[2] is EMPTY:
        return False
    above = node.children[2]
    return not (above.text in _FEW or above.text in ("∘", "°") or _primes(above))


def _is_inverse(above: Node) -> bool:
    inside = children(above)
    return len(inside) == 2 and inside[0].text == "−" and inside[1].text == "1"


def _primes(above: Node) -> tuple[str, str] | None:
    inside = children(above)
    count = "".join(node.text for node in inside if node.kind in ("op", "id"))
    if count and set(count) <= {"′"}:
        return _PRIMES.get({1: "′", 2: "″", 3: "‴"}.get(len(count), "⁗"))
    return _PRIMES.get(count) if len(inside) == 1 else None


def _function_of(node: Node) -> str:
    """The name of the function or limit operator ``node`` is, with or without scripts."""
    base = node.children[0] if node.kind == "script" else node
    return base.text if base.kind == "id" and (base.text in FUNCTIONS or base.text in OPERATORS) else ""


def _is_operator(node: Node) -> bool:
    """A sum, product or integral with or without bounds."""
    base = node.children[0] if node.kind == "script" else node
    return base.kind == "op" and base.text in OPERATORS


def _is_differential(nodes: Sequence[Node], at: int) -> bool:
    """``dx``, as at the end of an integral."""
    after = nodes[at + 1] if at + 1 < len(nodes) else None
    return nodes[at].kind == "id" and nodes[at].text == "d" and after is not None and after.kind == "id"


def _is_vector(node: Node | None) -> bool:
    if node is not None and node.kind == "id" and node.children:
        return True
    return node is not None and node.kind == "accent" and node.text in ("→", "⃗")


def _is_capital(node: Node | None) -> bool:
    return node is not None and node.kind == "id" and len(node.text) == 1 and node.text.isupper()


def _is_one_sided(node: Node) -> bool:
    return node.kind == "script" and node.children[2].text in ("+", "−")


def _is_derivative(node: Node) -> bool:
    """``d/dx`` alone."""
    if node.kind != "frac":
        return False
    top, bottom = node.children
    lower = children(bottom)
    sign = top.children[0].text if top.kind == "script" else top.text
    return sign in ("d", "∂") and len(lower) >= 2 and lower[0].text in ("d", "∂")
