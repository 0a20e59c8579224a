"""What mathematical symbols, functions and accents are called, as (English, Chinese). Data only."""

from __future__ import annotations

Words = tuple[str, str]

_GREEK_NAMES = str.split(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma "
    "tau upsilon phi chi psi omega"
)
_GREEK_CHINESE = str.split(
    "阿尔法 贝塔 伽马 德尔塔 艾普西隆 泽塔 伊塔 西塔 约塔 卡帕 兰姆达 缪 纽 克西"
    " 奥米克戎 派 柔 西格玛 陶 宇普西隆 斐 希 普西 欧米伽"
)

GREEK: dict[str, Words] = dict(
    zip("αβγδεζηθικλμνξοπρστυφχψω", zip(_GREEK_NAMES, _GREEK_CHINESE, strict=True), strict=True)
)
GREEK |= {letter.upper(): words for letter, words in GREEK.items()}
GREEK |= {
    "ϵ": GREEK["ε"],
    "ϑ": GREEK["θ"],
    "ϕ": GREEK["φ"],
    "ϱ": GREEK["ρ"],
    "ς": GREEK["σ"],
    "∆": GREEK["δ"],
    "µ": GREEK["μ"],
}

RELATIONS: dict[str, Words] = {
    "=": ("equals", "等于"),
    "≠": ("is not equal to", "不等于"),
    "<": ("is less than", "小于"),
    ">": ("is greater than", "大于"),
    "≤": ("is less than or equal to", "小于等于"),
    "⩽": ("is less than or equal to", "小于等于"),
    "≥": ("is greater than or equal to", "大于等于"),
    "⩾": ("is greater than or equal to", "大于等于"),
    "≦": ("is less than or equal to", "小于等于"),
    "≧": ("is greater than or equal to", "大于等于"),
    "≪": ("is much less than", "远小于"),
    "≫": ("is much greater than", "远大于"),
    "≮": ("is not less than", "不小于"),
    "≯": ("is not greater than", "不大于"),
    "≈": ("is approximately equal to", "约等于"),
    "≃": ("is approximately equal to", "约等于"),
    "≅": ("is congruent to", "全等于"),
    "≌": ("is congruent to", "全等于"),
    "∼": ("is similar to", "相似于"),
    "~": ("is similar to", "相似于"),
    "∽": ("is similar to", "相似于"),
    "≡": ("is equivalent to", "恒等于"),
    "≢": ("is not equivalent to", "不恒等于"),
    "≔": ("is defined as", "定义为"),
    "∝": ("is proportional to", "正比于"),
    "∈": ("is an element of", "属于"),
    "∋": ("contains", "包含元素"),
    "∉": ("is not an element of", "不属于"),
    "⊂": ("is a subset of", "包含于"),
    "⊆": ("is a subset of or equal to", "包含于或等于"),
    "⊊": ("is a proper subset of", "真包含于"),
    "⊄": ("is not a subset of", "不包含于"),
    "⊈": ("is not a subset of", "不包含于"),
    "⊃": ("is a superset of", "包含"),
    "⊇": ("is a superset of or equal to", "包含或等于"),
    "⊥": ("is perpendicular to", "垂直于"),
    "⟂": ("is perpendicular to", "垂直于"),
    "∥": ("is parallel to", "平行于"),
    "∦": ("is not parallel to", "不平行于"),
    "∤": ("does not divide", "不整除"),
    "⇒": ("implies", "推出"),
    "⟹": ("implies", "推出"),
    "⇐": ("is implied by", "由后者推出"),
    "⟸": ("is implied by", "由后者推出"),
    "⇔": ("if and only if", "当且仅当"),
    "⟺": ("if and only if", "当且仅当"),
    "↔": ("if and only if", "当且仅当"),
    "⊢": ("proves", "推出"),
    "⊨": ("models", "满足"),
    "≺": ("precedes", "先于"),
    "≻": ("succeeds", "后于"),
    "⇌": ("is in equilibrium with", "可逆生成"),
    "↦": ("maps to", "映射到"),
    "⟼": ("maps to", "映射到"),
}
"""Stand between two sides; loosest of all."""

ADDITIVE: dict[str, Words] = {
    "+": ("plus", "加"),
    "−": ("minus", "减"),
    "±": ("plus or minus", "正负"),
    "∓": ("minus or plus", "负正"),
    "∪": ("union", "并"),
    "∩": ("intersection", "交"),
    "∖": ("minus the set", "减去集合"),
    "△": ("triangle", "三角形"),
    "∧": ("and", "且"),
    "∨": ("or", "或"),
    "⊕": ("direct sum", "直和"),
    "⊻": ("exclusive or", "异或"),
}
"""Stand between terms: what they join needs brackets when it is multiplied or raised."""

PRODUCTS: dict[str, Words] = {
    "×": ("times", "乘"),
    "·": ("times", "乘"),
    "⋅": ("times", "乘"),
    "∙": ("times", "乘"),
    "*": ("times", "乘"),
    "∗": ("times", "乘"),
    "÷": ("divided by", "除以"),
    "/": ("over", "除以"),
    "mod": ("mod", "模"),
    "∘": ("composed with", "复合"),
    "⊗": ("tensor", "张量积"),
    "⋆": ("star", "星乘"),
}

PREFIXES: dict[str, Words] = {
    "∠": ("angle", "角"),
    "∡": ("angle", "角"),
    "△": ("triangle", "三角形"),
    "▵": ("triangle", "三角形"),
    "⊙": ("circle", "圆"),
    "□": ("square", "正方形"),
    "▱": ("parallelogram", "平行四边形"),
    "∀": ("for all", "对任意"),
    "∃": ("there exists", "存在"),
    "∄": ("there does not exist", "不存在"),
    "¬": ("not", "非"),
    "∴": ("therefore", "所以"),
    "∵": ("because", "因为"),
    "∂": ("partial", "偏"),
    "∇": ("del", "纳布拉"),
    "#": ("number", "号"),
}

SIGNS: dict[str, Words] = {
    "∞": ("infinity", "无穷大"),
    "∅": ("the empty set", "空集"),
    "ℝ": ("the real numbers", "实数集"),
    "ℕ": ("the natural numbers", "自然数集"),
    "ℤ": ("the integers", "整数集"),
    "ℚ": ("the rational numbers", "有理数集"),
    "ℂ": ("the complex numbers", "复数集"),
    "ℏ": ("h bar", "h拔"),
    "ℓ": ("l", "l"),
    "ℵ": ("aleph", "阿列夫"),
    "…": ("and so on", "等等"),
    "⋯": ("and so on", "等等"),
    "⋮": ("and so on", "等等"),
    "⋱": ("and so on", "等等"),
    "°": ("degrees", "度"),
    "′": ("prime", "撇"),
    "″": ("double prime", "两撇"),
    "‴": ("triple prime", "三撇"),
    "%": ("percent", "百分号"),
    "‰": ("per mille", "千分号"),
    "&": ("and", "和"),
    "$": ("dollars", "美元"),
    "€": ("euros", "欧元"),
    "£": ("pounds", "英镑"),
    "@": ("at", "at"),
    "→": ("to", "到"),
    "⟶": ("to", "到"),
    "←": ("from", "来自"),
    "↑": ("up", "向上"),
    "↓": ("down", "向下"),
    "∎": ("which was to be shown", "证毕"),
    "■": ("which was to be shown", "证毕"),
    "†": ("dagger", "剑标"),
    "★": ("star", "星"),
    "ℜ": ("the real part", "实部"),
    "ℑ": ("the imaginary part", "虚部"),
    "?": ("what", "多少"),
}

FUNCTIONS: dict[str, Words] = {
    "sin": ("sine", "正弦"),
    "cos": ("cosine", "余弦"),
    "tan": ("tangent", "正切"),
    "tg": ("tangent", "正切"),
    "cot": ("cotangent", "余切"),
    "ctg": ("cotangent", "余切"),
    "sec": ("secant", "正割"),
    "csc": ("cosecant", "余割"),
    "arcsin": ("inverse sine", "反正弦"),
    "arccos": ("inverse cosine", "反余弦"),
    "arctan": ("inverse tangent", "反正切"),
    "sinh": ("hyperbolic sine", "双曲正弦"),
    "cosh": ("hyperbolic cosine", "双曲余弦"),
    "tanh": ("hyperbolic tangent", "双曲正切"),
    "log": ("log", "对数"),
    "lg": ("log base ten of", "常用对数"),
    "ln": ("the natural log of", "自然对数"),
    "exp": ("the exponential of", "指数函数"),
    "det": ("the determinant of", "行列式"),
    "dim": ("the dimension of", "维数"),
    "ker": ("the kernel of", "核"),
    "arg": ("the argument of", "辐角"),
    "gcd": ("the greatest common divisor of", "最大公约数"),
    "lcm": ("the least common multiple of", "最小公倍数"),
    "deg": ("the degree of", "次数"),
    "sgn": ("the sign of", "符号函数"),
    "Pr": ("the probability of", "概率"),
}

OPERATORS: dict[str, Words] = {
    "∑": ("the sum", "求和"),
    "∏": ("the product", "求积"),
    "∫": ("the integral", "积分"),
    "∬": ("the double integral", "二重积分"),
    "∭": ("the triple integral", "三重积分"),
    "∮": ("the contour integral", "环路积分"),
    "⋃": ("the union", "求并"),
    "⋂": ("the intersection", "求交"),
    "lim": ("the limit", "极限"),
    "max": ("the maximum", "最大值"),
    "min": ("the minimum", "最小值"),
    "sup": ("the supremum", "上确界"),
    "inf": ("the infimum", "下确界"),
}
"""Take bounds below and above."""

POWERS: dict[str, Words] = {"2": ("square", "平方"), "3": ("cube", "立方")}
"""Exponents and degrees of roots that have a name."""

ACCENTS: dict[str, Words] = {
    "¯": ("{} bar", "{}拔"),
    "^": ("{} hat", "{}帽"),
    "ˆ": ("{} hat", "{}帽"),
    "˜": ("{} tilde", "{}波浪"),
    "~": ("{} tilde", "{}波浪"),
    "˙": ("{} dot", "{}点"),
    "¨": ("{} double dot", "{}两点"),
    "→": ("vector {}", "向量{}"),
    "⃗": ("vector {}", "向量{}"),
    "⏜": ("arc {}", "弧{}"),
    "⌢": ("arc {}", "弧{}"),
    "↔": ("line {}", "直线{}"),
    "⏞": ("{}", "{}"),
    "⏟": ("{}", "{}"),
}

CHINESE_TEXT = {
    "if": "当",
    "when": "当",
    "for": "当",
    "otherwise": "其他情况",
    "else": "其他情况",
    "and": "且",
    "or": "或",
    "where": "其中",
    "is": "是",
    "such that": "使得",
    "then": "则",
    "for all": "对任意",
    "therefore": "所以",
}
"""English words that models leave in formulas of a Chinese text."""

UNREADABLE: Words = ("the formula on the screen", "屏幕上的公式")
"""Said for a formula that cannot be parsed: better than words that may be false."""
