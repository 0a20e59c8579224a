"""Words after which a dot or a line does not mean a pause, in the languages that have them."""

from __future__ import annotations


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


TITLES = _words("dr mr mrs ms prof st rev gen col sgt capt lt hon pres gov sen rep mme mlle sr sra dott fr mt vs")
"""Always followed by a name, or what it is compared with."""

BEFORE_NUMBERS = _words("no nos nr fig figs eq ch vol p pp sec núm pág")
"""Abbreviations when a number follows, else words."""

ABBREVIATIONS = _words(
    "e.g i.e eg ie etc cf al approx ca inc ltd co corp dept est jr min max sec hr hrs ft lb lbs oz am pm a.m p.m"
    " u.s u.k u.n e.u ph.d b.c a.d b.c.e c.e jan feb mar apr jun jul aug sep sept oct nov dec"
    " mon tue wed thu fri sat sun z.b d.h u.a bzw usw evtl ggf vgl p.ex ej p.ej vd ud uds"
)
"""May stand at the end of a sentence; the next word's capital letter tells."""

HELD_WORDS = _words(
    "a an the of to in on at by for from with without into onto about as and or but nor if that which who whose than"
    " then because so is are was were be been being am has have had do does did can could will would shall should may"
    " might must not no very more most some any each every this these those my your his her its our their"
    " we you he she it i they"
    " der die das ein eine einen dem den des und oder aber mit von zu im am ist sind war nicht sehr"
    " le la les un une des du de et ou mais dans sur avec est sont pour par que qui"
    " el los las una unos unas y o pero en con por para del al es son lo il gli e di che"
)
"""A speaker does not breathe after these."""
