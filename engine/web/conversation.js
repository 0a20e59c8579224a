/** The written conversation: what was said by whom, kept over a reload of the page. */

const KEPT = 200;
const STORE = "conversation";

export class Conversation {
  #list;
  #lines;
  #youLabel;
  #answer = null;

  /**
   * @param {HTMLOListElement} list
   * @param {() => string} youLabel  how a screen reader announces the student's lines
   */
  constructor(list, youLabel) {
    this.#list = list;
    this.#youLabel = youLabel;
    try {
      this.#lines = JSON.parse(sessionStorage.getItem(STORE)) ?? [];
    } catch {
      this.#lines = [];
    }
    for (const line of this.#lines) this.#show(line);
  }

  get empty() {
    return this.#lines.length === 0;
  }

  add(role, text) {
    const line = { role, text };
    this.#lines = [...this.#lines.slice(1 - KEPT), line];
    this.#answer = null;
    this.#show(line);
    this.#save();
    return line;
  }

  /** Some more of the tutor's answer. */
  grow(turn, text) {
    if (this.#answer?.turn !== turn) {
      const line = this.add("assistant", "");
      this.#answer = { turn, line };
    }
    const { line } = this.#answer;
    this.#rewrite(line, (line.text + text).trimStart());
  }

  /** Only `heard` of the answer was heard. */
  cut(turn, heard) {
    if (this.#answer?.turn !== turn) return;
    const { line } = this.#answer;
    line.cut = true;
    if (heard) this.#rewrite(line, heard);
    else {
      line.node.remove();
      this.#lines = this.#lines.filter((other) => other !== line);
    }
    this.#save();
  }

  clear() {
    this.#lines = [];
    this.#answer = null;
    this.#list.replaceChildren();
    this.#save();
  }

  #rewrite(line, text) {
    line.text = text;
    line.node.lastChild.textContent = text;
    line.node.classList.toggle("cut", Boolean(line.cut));
    this.#save();
    line.node.scrollIntoView({ block: "nearest" });
  }

  #show(line) {
    const node = document.createElement("li");
    node.className = line.cut ? `${line.role} cut` : line.role;
    if (line.role === "user") {
      const label = document.createElement("span");
      label.className = "unseen";
      label.textContent = this.#youLabel();
      node.append(label);
    }
    node.append(document.createTextNode(line.text));
    Object.defineProperty(line, "node", { value: node, configurable: true });
    this.#list.append(node);
    node.scrollIntoView({ block: "nearest" });
  }

  #save() {
    sessionStorage.setItem(STORE, JSON.stringify(this.#lines));
  }
}
