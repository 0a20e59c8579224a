"""Formulas in words, as a teacher reads them out, in English and Chinese. Pure.

In: LaTeX without its dollars. Out: words that mean this formula and no other: what is under a root, over a line
or inside brackets is marked by "the quantity … ," wherever plain words would also fit another formula.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.text.formula_nodes import NodeReader
from engine.text.formula_parts import prepared
from engine.text.formula_shapes import (
    applies,
    folded,
    function_of,
    halves,
    has,
    is_capital,
    is_compound,
    is_derivative,
    is_differential,
    is_interval,
    is_inverse,
    is_modulus,
    is_one_sided,
    is_operand,
    is_operator,
    is_power,
    is_round,
    is_vector,
    unpowered,
)
from engine.text.latex_tree import EMPTY, MAX_CHARS, Node, children, parse
from engine.text.math_words import (
    ADDITIVE,
    FUNCTIONS,
    GREEK,
    OPERATORS,
    POWERS,
    PREFIXES,
    PRODUCTS,
    RELATIONS,
    SIGNS,
    UNREADABLE,
)

_OPERATORS_BETWEEN = RELATIONS.keys() | ADDITIVE.keys() | PRODUCTS.keys() | {"|", ",", ":", "→", ";"}


def formula_in_words(formula: str, language: str) -> str:
    """LaTeX (without its dollars) as one would read it.

    Args:
        formula: LaTeX, or plain symbols such as ``x² ≤ 4`` written as LaTeX.
        language: ``zh`` gives Chinese words, anything else English.
    """
    chinese = language == "zh"
    tree = parse(prepared(formula[: MAX_CHARS + 1], chinese))
    if tree is None:
        return UNREADABLE[chinese]
    try:
        words = _joined(_Reader(chinese).row(children(tree)), chinese)
    except RecursionError:
        return UNREADABLE[chinese]
    return words if words or not any(map(str.isalnum, formula)) else UNREADABLE[chinese]


def _joined(words: Sequence[str], chinese: bool) -> str:
    text = " ".join(word for word in words if word)
    if chinese:
        text = re.sub(r"(?<=[^\x00-\x7f]) +| +(?=[^\x00-\x7f])", "", text)
        text = re.sub("，[，\\s]*", "，", re.sub(r"\s*,\s*", "，", text))
    text = re.sub(r"\s+,", ",", text)
    text = re.sub(r",[\s,]*,", ",", text)
    return text.strip(" ,，")


def _last_quantifier(nodes: Sequence[Node]) -> str:
    return next((node.text for node in reversed(nodes) if node.kind == "op" and node.text in "∀∃∄"), "")


def _names_what_follows(nodes: Sequence[Node], at: int) -> bool:
    """Whether the colon at ``at`` comes after the name of a hypothesis, a line or a function, and is no ratio."""
    name = nodes[at - 1] if at == 1 else None
    if name is None or sum(node.kind == "op" and node.text == ":" for node in nodes) > 1:
        return False
    letter = name.children[0] if name.kind == "script" else name
    named = letter.text in ("l", "ℓ", "L", "H", "C", "E", "f", "g", "h", "p", "q", "P", "Γ")
    stated = any(node.kind == "op" and (node.text in RELATIONS or node.text in "↦⟼") for node in nodes[at:])
    return letter.kind == "id" and named and stated


def _multiplies_vectors(nodes: Sequence[Node], at: int) -> bool:
    """Whether the product at ``at`` is one of vectors, ∇ and dr among them."""
    before, after = nodes[at - 1] if at else None, list(nodes[at + 1 : at + 3])
    if after and after[0].kind == "id" and after[0].text == "d":
        after = after[1:]
    nabla = before is not None and before.kind == "op" and before.text == "∇"
    return bool(after) and (nabla or (is_vector(before) and is_vector(after[0])))


@dataclass(frozen=True, slots=True)
class _Reader(NodeReader):
    """Reads rows of nodes: what is said between them, and what functions are of."""

    def row(self, nodes: Sequence[Node]) -> list[str]:
        """The words of nodes that stand side by side."""
        nodes = folded(nodes)
        said: list[str] = []
        at = 0
        while at < len(nodes):
            words, taken = self._piece(nodes, at)
            said += self._between(nodes, at) + words
            at += taken
        return said

    def _between(self, nodes: Sequence[Node], at: int) -> list[str]:
        """What is said between two operands that stand side by side: nothing, "times", or "and" in 2⅓."""
        if at == 0 or not is_operand(nodes[at]):
            return []
        before, node = nodes[at - 1], nodes[at]
        if before.kind == "op" and before.text == "!":
            return [self._(("times", "乘"))]
        if not is_operand(before):
            return []
        if is_modulus(node):
            return [","]
        prescripts = before.kind == "script" and before.children[0].text == "" and not before.children[0].children
        if prescripts or function_of(before) or is_operator(before):
            return []
        if node.kind == "frac":
            if before.kind == "num" and self._common(node):
                return [self._(("and", "又"))]
            if is_derivative(before):
                return []
            return [self._(("times", "乘"))]
        if before.kind == "fence" and before.text[0] == "(" and has(before, "∘"):
            return [self._(("of", ""))]
        if is_derivative(before):
            return [self._(("of", ""))]
        loose = before.kind == "root" or (before.kind == "frac" and not self._common(before)) or is_power(before)
        brackets = is_round(node) or is_round(before) or node.kind == "fence"
        brackets |= node.kind == "root" and (not self.chinese or len(node.children) > 1)
        if is_differential(nodes, at):
            return [","] if loose else []
        return [self._(("times", "乘"))] if loose or brackets else []

    def _piece(self, nodes: Sequence[Node], at: int) -> tuple[list[str], int]:
        """The words of the node at ``at`` with those it takes as arguments, and how many nodes that were."""
        node = nodes[at]
        following = nodes[at + 1] if at + 1 < len(nodes) else None
        if node.kind == "op":
            return self._op(nodes, at)
        if node.kind == "fence" and node.text == "()" and is_interval(nodes, at):
            first, second = halves(children(node.children[0]))
            if self.chinese:
                return ["开区间", *self.row(first), "到", *self.row(second), ","], 1
            return ["the open interval from", *self.row(first), "to", *self.row(second)], 1
        function = function_of(node)
        if function:
            return self._function(nodes, at, function)
        if following is not None and is_round(following) and applies(node, unpowered(following)):
            return self._call(node, following), 2
        if following is not None and following.kind == "op" and following.text == "!":
            said = self._operand(node)
            return [*said, self._(("factorial", "的阶乘"))], 2
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
        if char in ("·", "⋅", "×") and _multiplies_vectors(nodes, at):
            return [self._(("cross", "叉乘") if char == "×" else ("dot", "点乘"))], 1
        if char == "→":
            limit = after is not None and (after.kind == "num" or after.text in ("∞", "−", "+") or is_one_sided(after))
            return [self._(("approaches", "趋于") if limit else ("to", "到"))], 1
        if char == "¬" and after is not None and after.kind == "op" and after.text in RELATIONS:
            english, chinese = RELATIONS[after.text]
            return [self._((english.replace("is ", "is not ", 1), f"不{chinese}"))], 2
        if char == ":" and _names_what_follows(nodes, at):
            return [","], 1
        if char == ":" and (quantifier := _last_quantifier(nodes[:at])):
            return [self._(("such that", "满足")) if quantifier == "∃" else ","], 1
        if char == "∖" and after is not None and after.kind == "fence" and after.text == "{}":
            return [self._(("minus", "减去"))], 1
        if char == ":":
            return [self._(("to", "比"))] if is_operand(before) and is_operand(after) else [","], 1
        if char == "≡" and any(is_modulus(node) for node in nodes):
            return [self._(("is congruent to", "同余于"))], 1
        if char in "∼~" and at + 2 < len(nodes) and is_capital(after) and is_round(nodes[at + 2]):
            return [self._(("is distributed as", "服从"))], 1
        if char == "|":
            return [self._(("divides", "整除"))], 1
        if char in ",;，；、":
            return [","], 1
        if char in OPERATORS:
            return self._operator(char, EMPTY, EMPTY), 1
        if char in ("△", "▵") and not unary and is_operand(after) and not is_capital(after):
            return [self._(ADDITIVE["△"])], 1
        for table in (PREFIXES, RELATIONS, ADDITIVE, PRODUCTS, GREEK, SIGNS):
            if char in table:
                return [self._(table[char])], 1
        return self._unnamed(char), 1

    def _call(self, node: Node, following: Node) -> list[str]:
        """``f(x)`` and ``f(x)²``."""
        name = self._function_name(node)
        inside = children(unpowered(following).children[0])
        bar = next((at for at, each in enumerate(inside) if each.kind == "op" and each.text == "|"), None)
        if bar is not None:
            argument = [*self.row(inside[:bar]), self._(("given", "给定")), *self.row(inside[bar + 1 :])]
        elif any(each.kind == "op" and each.text == "," for each in inside):
            if is_capital(node) and not any(each.kind == "id" for each in inside):
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
        if is_compound(inside, sets=False) or (
            len(inside) == 1 and inside[0].kind == "frac" and not self._common(inside[0])
        ):
            return self._quantity(inside)
        return self.row(inside)

    def _function_name(self, node: Node) -> list[str]:
        if node.kind != "script":
            return self.node(node)
        base, below, above = node.children
        if is_inverse(above):
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
                and is_round(nodes[at + 1])
            ):
                inside = self.row(children(unpowered(nodes[at + 1]).children[0]))
                return [self._(OPERATORS[name]), *([] if self.chinese else ["of"]), *inside, ","], 2
            return self._operator(name, below, above), 1
        argument, taken = self._function_argument(nodes, at + 1)
        head = self._(FUNCTIONS[name])
        if name == "log" and below is not EMPTY:
            return self._log(below, above, argument, nodes, at, taken), 1 + taken
        bracketed = taken == 1 and is_round(nodes[at + 1])
        if name in ("ln", "log") and self.chinese and taken and name == "ln":
            return [*argument, "的自然对数"], 1 + taken
        if is_inverse(above):
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
            return [POWERS[above.text][1] if above.text in POWERS else "".join([*self.row(children(above)), "次方"])]
        return self._power(above)

    def _function_argument(self, nodes: Sequence[Node], at: int) -> tuple[list[str], int]:
        """The bracket, fraction or product a function stands before; how many nodes that are."""
        if at >= len(nodes):
            return [], 0
        first = nodes[at]
        if is_round(first):
            inside = children(unpowered(first).children[0])
            said = self._argument(inside) if not has(unpowered(first), ",") else self.row(inside)
            return said + self._power_of_call(first), 1
        if first.kind == "frac" and not self._common(first):
            return self._quantity([first]), 1
        end = at
        while end < len(nodes) and is_operand(nodes[end]) and not function_of(nodes[end]):
            if end > at and (nodes[end].kind in ("frac", "fence", "table") or is_round(nodes[end])):
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
