/** The written conversation: who said what, kept when the page is reloaded. */

const KEPT = 200;
const STORE = "conversation";

export class Conversation {
  #list;
  #lines;
  #youLabel;
  #answer = null;
  #dots = null;
  #draft = null;

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

  /** Whether the student has said or asked something. */
  get begun() {
    return this.#lines.some(({ role }) => role === "user");
  }

  add(role, text) {
    const line = { role, text };
    this.#lines = [...this.#lines.slice(1 - KEPT), line];
    this.#answer = null;
    this.#show(line);
    this.#save();
    return line;
  }

  /** Dots where the tutor's answer will be, until it begins. */
  waiting(on) {
    const growing = this.#answer?.line.node.ariaBusy === "true";
    if ((on && !growing) === (this.#dots !== null)) return;
    this.#dots?.remove();
    this.#dots = null;
    if (!on || growing) return;
    this.#dots = document.createElement("li");
    this.#dots.className = "assistant dots";
    this.#dots.ariaHidden = "true";
    for (let count = 0; count < 3; count++) this.#dots.append(document.createElement("i"));
    this.#put(this.#dots);
  }

  /** The student's partial transcript; its first `stable` characters will not change. Empty removes it. */
  hearing(content = "", stable = 0) {
    if (!content) {
      this.#draft?.remove();
      this.#draft = null;
      return;
    }
    if (!this.#draft) {
      this.#draft = document.createElement("li");
      this.#draft.className = "user draft";
      this.#draft.ariaHidden = "true";
      this.#put(this.#draft);
    }
    const sure = document.createElement("b");
    sure.textContent = content.slice(0, stable);
    this.#draft.replaceChildren(sure, content.slice(stable));
    this.#draft.scrollIntoView({ block: "nearest" });
  }

  /** The next piece of the tutor's answer. A screen reader reads the answer once it is complete. */
  grow(turn, text) {
    if (this.#answer?.turn !== turn) {
      this.waiting(false);
      const line = this.add("assistant", "");
      this.#answer = { turn, line };
      line.node.ariaBusy = "true";
    }
    const { line } = this.#answer;
    this.#rewrite(line, (line.text + text).trimStart());
  }

  /** The answer is complete. */
  whole() {
    if (this.#answer) this.#answer.line.node.ariaBusy = "false";
  }

  /** Only `heard` of the answer was played before it was interrupted. */
  cut(turn, heard) {
    if (this.#answer?.turn !== turn) return;
    this.whole();
    const { line } = this.#answer;
    line.cut = true;
    if (heard) this.#rewrite(line, heard);
    else {
      line.node.remove();
      this.#lines = this.#lines.filter((other) => other !== line);
    }
    this.#save();
  }

  /** The student's last line was not complete: the next one contains all of it. */
  reopen() {
    const asked = this.#lines.findLastIndex(({ role }) => role === "user");
    if (asked < 0) return;
    for (const line of this.#lines.slice(asked)) line.node.remove();
    this.#lines = this.#lines.slice(0, asked);
    this.#answer = null;
    this.#save();
  }

  clear() {
    this.#lines = [];
    this.#answer = null;
    this.#dots = this.#draft = null;
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
    this.#put(node);
  }

  /** Adds a line at the end, above the dots. */
  #put(node) {
    this.#list.insertBefore(node, node === this.#dots ? null : this.#dots);
    this.#list.lastChild.scrollIntoView({ block: "nearest" });
  }

  #save() {
    sessionStorage.setItem(STORE, JSON.stringify(this.#lines));
  }
}
