/**
 * The Markdown that language models write: paragraphs, headings, lists, tables, bold, italics, code and formulas. Built from
 * text nodes only, so HTML in a text stays text; links show their text. All positions are indices in the source, which lets
 * a text appear word by word as it is spoken.
 *
 * @typedef {{text: string, at: number, tags: string[]}} Run  `text` stands unchanged at `at` in the source; `tags` wrap it.
 *   The tags `math` and `display` are formulas, which appear as a whole
 * @typedef {{kind: "p" | "h" | "ul" | "ol" | "pre" | "th" | "td", number: number, runs: Run[]}} Block  a list has a block for
 *   each item, a table one for each cell: `number` is its column
 */
import { formula } from "./formulas.js";

const FENCE = /^\s*```/;
const RULE = /^\s*(?:[-*_]\s*){3,}$/;
const HEADING = /^\s*#{1,6}\s+/;
const ITEM = /^\s*(?:[-*+•]|(\d{1,3})[.)])\s+/;
const QUOTE = /^\s*>\s?/;
/** The line under the head of a table, and a line of one. */
const DIVIDER = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)+\|?\s*$/;
const ROW = /^\s*\|.*\|/;
const CELL = /(?:[^|\\]|\\.)+/gs;
/** A formula on lines of its own. */
const DISPLAY = /[^\S\n]*(?:\$\$(?<dollars>[^$]+)\$\$|\\\[(?<brackets>(?:[^\\]|\\(?!\]))+)\\\])[^\S\n]*[.,]?[^\S\n]*(?=\n|$)/y;
const INLINE = new RegExp(
  [
    /(?<tick>`+)(?<code>[^`]+)\k<tick>/,
    /\$\$(?<display>[^$]+)\$\$/,
    /\\\[(?<bracketed>.+?)\\\]/,
    /\\\((?<math>.+?)\\\)/,
    // Not money: "$5 and $6".
    /(?<![\\$\w])\$(?=[^\s$])(?<dollars>[^$\n]*?[^\s$\\])\$(?![\w$])/,
    /\*{3}(?=\S)(?<bold>.+?)(?<=[^\s*])\*{3}/,
    /(?<two>\*\*|__)(?=\S)(?<strong>.+?)(?<=[^\s*])\k<two>/,
    /(?<![\w*])(?<one>[*_])(?=[^\s*_])(?<em>.+?)(?<=[^\s*_])\k<one>(?![\w*])/,
    /!?\[(?<link>[^[\]]+)\]\([^()\s]*\)/,
    // Left over from what has not arrived yet.
    /(?<stray>\*\*(?!\d)|`+)/,
  ].map(({ source }) => source).join("|"),
  "gs",
);
const TAGS = {
  code: "code", display: "display", bracketed: "display", math: "math", dollars: "math", bold: "strong", strong: "strong", em: "em", link: null,
};
/** What is not Markdown inside. */
const VERBATIM = ["code", "math", "display"];

/**
 * @param {string} source
 * @returns {Block[]}
 */
export function parse(source) {
  const blocks = [];
  let open = null;
  let fenced = false;
  const begin = (kind, number = 0) => blocks.push(open = { kind, number, runs: [] });
  for (let at = 0, line; at <= source.length; at += line.length + 1) {
    const end = source.indexOf("\n", at);
    line = source.slice(at, end < 0 ? undefined : end);
    DISPLAY.lastIndex = at;
    const display = fenced ? null : DISPLAY.exec(source);
    if (display) {
      [line] = display;
      const content = display.groups.dollars ?? display.groups.brackets;
      begin("p");
      open.runs.push({ text: content, at: at + line.indexOf(content), tags: ["display"] });
      open = null;
    } else if (FENCE.test(line)) {
      fenced = !fenced;
      open = null;
      if (fenced) begin("pre");
    } else if (fenced) {
      open.runs.push({ text: `${line}\n`, at, tags: ["code"] });
    } else if (open?.kind === "td" && DIVIDER.test(line)) {
      for (const block of blocks.slice(blocks.findLastIndex(({ kind, number }) => kind === "td" && number === 0))) block.kind = "th";
    } else if (ROW.test(line)) {
      [...line.matchAll(CELL)].filter(([cell], i) => cell.trim() || i).forEach(({ 0: cell, index }, column, cells) => {
        if (column === cells.length - 1 && !cell.trim()) return;
        begin("td", column);
        inline(cell.trim(), at + index + cell.search(/\S|$/), [], open.runs);
      });
    } else if (!line.trim() || RULE.test(line)) {
      open = null;
    } else {
      const [head, number] = ITEM.exec(line) ?? HEADING.exec(line) ?? QUOTE.exec(line) ?? [""];
      if (ITEM.test(line)) begin(number === undefined ? "ul" : "ol", Number(number ?? 0));
      else if (HEADING.test(line)) begin("h");
      else if (open && !["h", "td", "th"].includes(open.kind)) open.runs.push({ text: "\n", at: at - 1, tags: [] });
      else begin("p");
      inline(line.slice(head.length), at + head.length, [], open.runs);
      if (open.kind === "h") open = null;
    }
  }
  return blocks;
}

function inline(text, at, tags, runs) {
  const plain = (from, to) => to > from && runs.push({ text: text.slice(from, to), at: at + from, tags });
  let done = 0;
  for (const { 0: all, index, groups } of text.matchAll(INLINE)) {
    plain(done, index);
    done = index + all.length;
    const [name, content] = Object.entries(groups).find(([key, value]) => key in TAGS && value !== undefined) ?? [];
    if (!name) continue;
    const begins = at + index + all.indexOf(content);
    const within = TAGS[name] ? [...tags, TAGS[name]] : tags;
    if (VERBATIM.includes(TAGS[name])) runs.push({ text: content, at: begins, tags: within });
    else inline(content, begins, within, runs);
  }
  plain(done, text.length);
}

/**
 * Where `word` stands in the source, from `from` on and not far away. Gives the position after it, or -1.
 * @param {string} source
 * @param {string} word  without Markdown
 * @param {number} from
 * @param {number} within  how many characters that are shown may be passed over
 */
export function endOf(word, source, from, within) {
  const runs = parse(source).flatMap((block) => [...block.runs, { text: "\n", at: Infinity, tags: [] }]);
  let text = "";
  const positions = [];
  for (const run of runs) {
    for (let i = 0; i < run.text.length; i++) {
      if (run.at + i < from || (run.at === Infinity && !text)) continue;
      text += run.text[i];
      positions.push(run.at + i);
    }
  }
  const found = text.indexOf(word);
  return found < 0 || found > within ? -1 : positions[found + word.length - 1] + 1;
}

/**
 * If a formula comes next in the source, the position after it, else -1. What is said of it is not what stands there.
 * @param {string} source
 * @param {number} from
 */
export function endOfFormula(source, from) {
  const next = parse(source).flatMap(({ runs }) => runs).find(({ text, at }) => at + text.length > from && text.slice(Math.max(0, from - at)).trim());
  return next && (next.tags.includes("math") || next.tags.includes("display")) ? next.at + next.text.length : -1;
}

/**
 * The source up to `shown`, as nodes; what begins at `heard` stands in elements made by `unheard`.
 * @param {string} source
 * @param {number} shown
 * @param {number} heard
 * @param {() => HTMLElement} unheard
 */
export function render(source, shown, heard, unheard) {
  const nodes = [];
  let list = null;
  for (const { kind, number, runs } of parse(source)) {
    const parts = runs.flatMap((run) => nodesOf(run, shown, heard, unheard));
    if (!parts.length) continue;
    if (kind === "td" || kind === "th") {
      addCell(nodes, kind, number, parts);
      list = null;
      continue;
    }
    if (kind !== "ul" && kind !== "ol") {
      const block = document.createElement(kind === "h" ? "p" : kind);
      if (kind === "h") block.className = "heading";
      block.append(...parts);
      nodes.push(block);
      list = null;
      continue;
    }
    if (list?.localName !== kind) {
      list = document.createElement(kind);
      if (kind === "ol") list.start = number;
      nodes.push(list);
    }
    const item = document.createElement("li");
    // For the colour of its number or dot.
    if (runs[0].at >= heard) item.className = "unheard";
    item.append(...parts);
    list.append(item);
  }
  return nodes;
}

/** Adds a cell to the table at the end of the nodes, or to a new one. It scrolls sideways if it is too wide. */
function addCell(nodes, kind, column, parts) {
  let box = nodes.at(-1);
  if (box?.className !== "table") {
    box = document.createElement("div");
    box.className = "table";
    box.append(document.createElement("table"));
    nodes.push(box);
  }
  const table = box.firstChild;
  const row = column && table.rows.length ? table.rows[table.rows.length - 1] : table.insertRow();
  const cell = document.createElement(kind);
  cell.append(...parts);
  row.append(cell);
}

function nodesOf({ text, at, tags }, shown, heard, unheard) {
  const isFormula = tags.at(-1) === "math" || tags.at(-1) === "display";
  if (isFormula && shown <= at) return [];
  if (isFormula) {
    const node = formula(text, tags.at(-1) === "display");
    if (at + text.length <= heard) return [node];
    const outer = unheard();
    outer.append(node);
    return [outer];
  }
  const visible = text.slice(0, Math.max(0, shown - at));
  const split = Math.min(visible.length, Math.max(0, heard - at));
  const nodes = [];
  for (const [piece, outer] of [[visible.slice(0, split), null], [visible.slice(split), unheard]]) {
    if (!piece) continue;
    let node = document.createTextNode(piece);
    for (const tag of tags.toReversed()) {
      const element = document.createElement(tag);
      element.append(node);
      node = element;
    }
    if (outer && piece.trim()) {
      const element = outer();
      element.append(node);
      node = element;
    }
    nodes.push(node);
  }
  return nodes;
}
