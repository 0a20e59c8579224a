"""One node of a formula in words: numbers, letters, fractions, roots, powers, indices, accents, bounds. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from engine.text.formula_brackets import BracketReader
from engine.text.formula_shapes import applies, is_capital, is_compound, is_inverse, is_round, matrix, primes, unpowered
from engine.text.latex_tree import EMPTY, Node, children
from engine.text.math_words import (
    ACCENTS,
    ADDITIVE,
    CHINESE_TEXT,
    FUNCTIONS,
    GREEK,
    OPERATORS,
    POWERS,
    PREFIXES,
    PRODUCTS,
    RELATIONS,
    SIGNS,
)
from engine.text.number_words import digits_in_words, fraction_in_words, ordinal_in_words


@dataclass(frozen=True, slots=True)
class NodeReader(BracketReader):
    """Reads one node of a formula aloud."""

    def node(self, node: Node) -> list[str]:
        """The words of one node without arguments."""
        kind = node.kind
        if kind == "num":
            return [self._number(node.text)]
        if kind == "id":
            return self._name(node.text)
        if kind == "op":
            return self.row([node])
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

    def _name(self, text: str) -> list[str]:
        if text in FUNCTIONS:
            return [self._(FUNCTIONS[text])]
        for table in (GREEK, SIGNS, PREFIXES, RELATIONS, ADDITIVE, PRODUCTS, OPERATORS):
            if text in table:
                return [self._(table[text])]
        if len(text) == 1 and not text.isalnum():
            return self._unnamed(text)
        return [text]

    def _unnamed(self, char: str) -> list[str]:
        """A symbol that our tables lack, by its Unicode name."""
        if char in ".。!'\"`()[]{}":
            return [","] if char in ".。" else []
        return [unicodedata.name(char[0], "sign").lower().replace("-", " ")]

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
        products = len(inside) > 1 and any(is_round(each) or each.text in PRODUCTS for each in inside[1:])
        if below and products and not (len(inside) == 2 and applies(inside[0], unpowered(inside[1]))):
            return True
        if node.kind == "frac":
            return not self._common(node)
        return is_compound(inside) or any(each.kind == "frac" and not self._common(each) for each in inside)

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
        if is_compound(inside) or self._needs_brackets(node):
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
        if degree is EMPTY or degree.text in POWERS:
            return [f"the {POWERS[degree.text or '2'][0]} root of", *said]
        if degree.kind == "num" and degree.text.isdecimal() and len(degree.text) < 3:
            return [f"the {ordinal_in_words(int(degree.text))} root of", *said]
        if degree.kind == "id":
            return [f"the {degree.text}-th root of", *said]
        return ["the root of degree", *self._exponent(degree), "of", *said]

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
        if is_inverse(above) and base.kind == "fence" and matrix(base):
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
        if is_capital(base) and above.kind == "id" and above.text in ("c", "∁") and below is EMPTY:
            return [*self.node(base), self._(("complement", "的补集"))]
        if base.kind == "fence" and base.text == "[]" and EMPTY not in (below, above):
            bounds = [
                self._(("from", "从")),
                *self.row(children(below)),
                self._(("to", "到")),
                *self.row(children(above)),
            ]
            return [*self._fence(base), ",", *bounds, ","]
        if base.kind == below.kind == "num" and above is EMPTY and base.text.isdecimal():
            digits = digits_in_words(base.text, self.chinese)
            if self.chinese:
                return [*self.row([below]), "进制数", digits]
            return [digits, "base", *self.row([below])]
        if base.kind == "id" and above.kind == "fence" and above.text == "()":
            return self._derivative(self._sub(base, below), above)
        if base.kind == "id" and base.text in ("C", "A") and EMPTY not in (below, above):
            return self._chosen(base, below, above)
        return None

    def _derivative(self, function: list[str], order: Node) -> list[str]:
        """``f^{(n)}``."""
        inside = children(order.children[0])
        if self.chinese:
            return [*function, "的", *self.row(inside), "阶导数"]
        one = inside[0]
        if len(inside) == 1 and one.kind == "num" and one.text.isdecimal() and len(one.text) < 3:
            return ["the", ordinal_in_words(int(one.text)), "derivative of", *function]
        if len(inside) == 1 and one.kind == "id":
            return [f"the {one.text}-th derivative of", *function]
        return ["the derivative of order", *self._exponent(order), "of", *function]

    def _chosen(self, base: Node, below: Node, above: Node) -> list[str] | None:
        """``C_n^r`` and ``A_n^r``; None where it is a power."""
        of, taken = self._operand(below), self._operand(above)
        if self.chinese:
            of, taken = self.row(children(below)), self.row(children(above))
            return ["从", *of, "中选", *taken, "的" + ("组合数" if base.text == "C" else "排列数")]
        numbers = below.kind == above.kind == "num" and below.text.isdecimal() and above.text.isdecimal()
        if numbers and int(below.text) < int(above.text):
            return None
        if base.text == "C":
            return [*of, "choose", *taken]
        return ["the permutations of", *of, "taken", *taken] if numbers or above.text in ("r", "k", "m") else None

    def _base(self, base: Node) -> list[str]:
        """What is raised: "the quantity … ," unless it is one number or letter."""
        if base.kind == "fence":
            inside = children(base.children[0])
            if base.text == "()" and len(inside) == 1 and inside[0].kind in ("num", "id", "accent"):
                return self.node(inside[0])
            if base.text in ("()", "[]") and not matrix(base):
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
        if is_compound(inside):
            return [*said, "sub", *self._quantity(inside)]
        return [*said, "sub", *self.row(inside)]

    def _power(self, above: Node) -> list[str]:
        prime = primes(above)
        if prime:
            return [self._(prime)]
        if above.kind == "num" and above.text in POWERS:
            return (
                [self._((POWERS[above.text][0] + "d", "的" + POWERS[above.text][1]))]
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
            if len(children(body)) == 2 and all(is_capital(each) for each in children(body)):
                return [self._(("segment", "线段")), *said]
            return [*said, self._(("bar", "拔"))]
        if node.kind == "under" or node.text not in ACCENTS:
            return said
        return [self._(ACCENTS[node.text]).format(text)]

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
