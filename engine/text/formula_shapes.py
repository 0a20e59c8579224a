"""What pieces of a formula are: operands, terms, powers, intervals, functions of something. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from engine.text.latex_tree import EMPTY, Node, children
from engine.text.math_words import ADDITIVE, FUNCTIONS, OPERATORS, POWERS, RELATIONS

_FUNCTION_LETTERS = frozenset("fghFGHPpφψΦΨ")
_ARGUMENTS = frozenset("txnθkz")
_PRIMES = {
    "′": ("prime", "撇"),
    "″": ("double prime", "两撇"),
    "‴": ("triple prime", "三撇"),
    "⁗": ("quadruple prime", "四撇"),
}


MAX_CHAIN = 6
"""Slashes in a row that are read as fractions of fractions."""


def depth(node: Node) -> int:
    """How many fractions stand in each other's numerators."""
    levels = 0
    while node.kind == "frac":
        node, levels = node.children[0], levels + 1
    return levels


def folded(nodes: Sequence[Node]) -> list[Node]:
    """``a / b`` as the fraction it is, where both sides are single operands."""
    folded: list[Node] = []
    at = 0
    while at < len(nodes):
        node = nodes[at]
        following = nodes[at + 1] if at + 1 < len(nodes) else None
        if node.kind == "op" and node.text == "/" and folded and following is not None:
            before = folded[-1]
            lone = len(folded) < 2 or not is_operand(folded[-2]) or folded[-2].kind == "num"
            called = at + 2 < len(nodes) and is_round(nodes[at + 2])
            # A long chain of slashes is not a fraction of fractions, and the words are made recursively.
            chained = depth(before) > MAX_CHAIN
            if (
                lone
                and not chained
                and not called
                and is_operand(before)
                and is_operand(following)
                and not function_of(following)
            ):
                folded[-1] = Node("frac", "", (bare(before), bare(following)))
                at += 2
                continue
        folded.append(node)
        at += 1
    return folded


def bare(node: Node) -> Node:
    return node.children[0] if node.kind == "fence" and node.text == "()" else node


def halves(inside: Sequence[Node]) -> tuple[Sequence[Node], Sequence[Node]]:
    comma = next(at for at, each in enumerate(inside) if each.kind == "op" and each.text == ",")
    return inside[:comma], inside[comma + 1 :]


def is_interval(nodes: Sequence[Node], at: int) -> bool:
    """Whether the pair in brackets at ``at`` is an open interval: x is in it, or it is endless."""
    inside = children(nodes[at].children[0])
    if sum(each.kind == "op" and each.text == "," for each in inside) != 1:
        return False
    endless = any(each.text == "∞" for each in inside)
    return endless or any(each.kind == "op" and each.text in "∈∉" for each in nodes[:at])


def is_modulus(node: Node) -> bool:
    """``(mod n)``."""
    inside = children(node.children[0]) if node.kind == "fence" else ()
    return len(inside) > 1 and inside[0].text == "mod"


def is_operand(node: Node | None) -> bool:
    if node is not None and node.kind == "script" and node.children[0].kind == "op":
        return node.children[0].text in OPERATORS
    return node is not None and (node.kind not in ("op", "text") or node.text in ("∞", "∅", "…"))


def is_compound(nodes: Sequence[Node], *, sets: bool = True) -> bool:
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


def is_signed(nodes: Sequence[Node]) -> bool:
    return len(nodes) == 2 and nodes[0].kind == "op" and nodes[0].text in ("−", "+")


def is_round(node: Node) -> bool:
    node = unpowered(node)
    return node.kind == "fence" and node.text in ("()", "[]") and not matrix(node)


def unpowered(node: Node) -> Node:
    return node.children[0] if node.kind == "script" and node.children[0].kind == "fence" else node


def matrix(node: Node) -> bool:
    inside = children(node.children[0])
    return len(inside) == 1 and inside[0].kind == "table"


def has(node: Node, *signs: str) -> bool:
    inside = children(node.children[0]) if node.kind == "fence" else children(node)
    return any(each.kind == "op" and each.text in signs for each in inside)


def is_power(node: Node) -> bool:
    if node.kind != "script" or node.children[2] is EMPTY:
        return False
    above = node.children[2]
    return not (above.text in POWERS or above.text in ("∘", "°") or primes(above))


def is_inverse(above: Node) -> bool:
    inside = children(above)
    return len(inside) == 2 and inside[0].text == "−" and inside[1].text == "1"


def primes(above: Node) -> tuple[str, str] | None:
    inside = children(above)
    count = "".join(node.text for node in inside if node.kind in ("op", "id"))
    if count and set(count) <= {"′"}:
        return _PRIMES.get({1: "′", 2: "″", 3: "‴"}.get(len(count), "⁗"))
    return _PRIMES.get(count) if len(inside) == 1 else None


def function_of(node: Node) -> str:
    """The name of the function or limit operator ``node`` is, with or without scripts."""
    base = node.children[0] if node.kind == "script" else node
    return base.text if base.kind == "id" and (base.text in FUNCTIONS or base.text in OPERATORS) else ""


def is_operator(node: Node) -> bool:
    """A sum, product or integral with or without bounds."""
    base = node.children[0] if node.kind == "script" else node
    return base.kind == "op" and base.text in OPERATORS


def is_differential(nodes: Sequence[Node], at: int) -> bool:
    """``dx``, as at the end of an integral."""
    after = nodes[at + 1] if at + 1 < len(nodes) else None
    return nodes[at].kind == "id" and nodes[at].text == "d" and after is not None and after.kind == "id"


def is_vector(node: Node | None) -> bool:
    if node is not None and node.kind == "id" and node.children:
        return True
    return node is not None and node.kind == "accent" and node.text in ("→", "⃗")


def is_capital(node: Node | None) -> bool:
    return node is not None and node.kind == "id" and len(node.text) == 1 and node.text.isupper()


def is_one_sided(node: Node) -> bool:
    return node.kind == "script" and node.children[2].text in ("+", "−")


def is_derivative(node: Node) -> bool:
    """``d/dx`` alone."""
    if node.kind != "frac":
        return False
    top, bottom = node.children
    lower = children(bottom)
    sign = top.children[0].text if top.kind == "script" else top.text
    return sign in ("d", "∂") and len(lower) >= 2 and lower[0].text in ("d", "∂")


def _is_of_sets(inside: Sequence[Node]) -> bool:
    """Whether this is a set by its name or its operators: A, A ∪ B."""
    joined = all(is_capital(each) or each.kind == "script" for each in inside[::2])
    return bool(inside) and joined and all(each.kind == "op" and each.text in "∪∩∖×" for each in inside[1::2])


def applies(node: Node, argument: Node) -> bool:
    """Whether ``node(argument)`` is a function of it rather than a product."""
    inside = children(argument.children[0])
    base = node.children[0] if node.kind == "script" else node
    if base.kind == "id" and base.text == "n" and _is_of_sets(inside):
        return True
    if argument.text[0] != "(" or base.kind != "id" or len(base.text) != 1:
        return base.kind == "id" and len(base.text) > 1 and base.text not in OPERATORS
    if base.text in _FUNCTION_LETTERS or (node.kind == "script" and primes(node.children[2])):
        return True
    if base.text.isupper():
        return len(inside) > 0 and not is_compound(inside)
    return len(inside) == 1 and inside[0].kind == "id" and inside[0].text in _ARGUMENTS and base.text != inside[0].text
