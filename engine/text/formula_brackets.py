"""Brackets in words: quantities, absolute values, sets, intervals, matrices, cases. Pure."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from engine.text.formula_shapes import halves, has, is_compound, is_signed, is_vector, matrix
from engine.text.latex_tree import EMPTY, Node, children
from engine.text.math_words import RELATIONS
from engine.text.number_words import number_in_words, ordinal_in_words


@dataclass(frozen=True, slots=True)
class BracketReader(ABC):
    """Reads brackets aloud; what is between them is read by ``row`` and ``node``."""

    chinese: bool

    def _(self, words: tuple[str, str]) -> str:
        """English or Chinese."""
        return words[self.chinese]

    @abstractmethod
    def row(self, nodes: Sequence[Node]) -> list[str]:
        """The words of nodes that stand side by side."""

    @abstractmethod
    def node(self, node: Node) -> list[str]:
        """The words of one node without arguments."""

    def _fence(self, node: Node) -> list[str]:
        opened, body = node.text[0], node.children[0]
        inside = children(body)
        if matrix(node):
            return self._table(inside[0], opened)
        if opened == "|" and len(inside) == 1 and is_vector(inside[0]):
            return [*self.row(inside), "的模"] if self.chinese else ["the magnitude of", *self.row(inside)]
        if opened == "|":
            simple = not is_compound(inside)
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
            said = self._quantity(inside) if is_compound(inside) else self.row(inside)
            return [*said, names[opened][1]] if self.chinese else [names[opened][0], *said]
        commas = sum(each.kind == "op" and each.text == "," for each in inside)
        if commas:
            return self._listed(node.text, inside, commas)
        if is_compound(inside) and not is_signed(inside):
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
        first, second = map(self.row, halves(inside))
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
        relations = any(has(cell, *RELATIONS) for line in lines for cell in line)
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

    def _quantity(self, nodes: Sequence[Node]) -> list[str]:
        """Terms that belong together."""
        if self.chinese:
            return ["括号", *self.row(nodes), "括号"]
        return ["the quantity", *self.row(nodes), ","]

    def _number(self, text: str) -> str:
        if not re.fullmatch(r"[0-9]*\.?[0-9]*", text) or text == ".":
            return text
        words = number_in_words(text.rstrip("."), self.chinese)
        return words
