/**
 * Formulas, set by KaTeX, which is loaded when the first one is shown. Until then, and where KaTeX cannot read a formula, its
 * LaTeX is shown. A formula is a model's text: it may not link, load anything, or grow without bound.
 */
const OPTIONS = { throwOnError: true, strict: "ignore", trust: false, maxExpand: 200, maxSize: 10 };
const LONGEST = 2000;
const KEPT = 200;
const made = new Map();
let loading = null;

/**
 * @param {string} latex  without its delimiters
 * @param {boolean} display  on a line of its own
 * @returns {HTMLElement}  the formula, or its place if KaTeX has not loaded yet
 */
export function formula(latex, display) {
  const node = document.createElement("span");
  node.className = display ? "formula display" : "formula";
  if (window.katex) node.append(set(latex, display));
  else {
    node.textContent = latex;
    load().then(() => node.replaceChildren(set(latex, display)), () => {});
  }
  return node;
}

function load() {
  if (!loading) {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = new URL("./katex/katex.min.css", import.meta.url);
    document.head.append(style);
    loading = import("./katex/katex.min.js");
    loading.catch(() => { loading = null; });
  }
  return loading;
}

/** A copy of the formula, which is made only once: a line is drawn again for each word that is spoken. */
function set(latex, display) {
  const name = `${display} ${latex}`;
  if (!made.has(name)) {
    if (made.size > KEPT) made.clear();
    made.set(name, make(latex, display));
  }
  return made.get(name).cloneNode(true);
}

function make(latex, display) {
  const node = document.createElement("span");
  try {
    if (latex.length > LONGEST) throw new RangeError("too long");
    window.katex.render(latex, node, { ...OPTIONS, displayMode: display });
  } catch {
    const source = document.createElement("code");
    source.textContent = latex;
    node.replaceChildren(source);
  }
  return node;
}
