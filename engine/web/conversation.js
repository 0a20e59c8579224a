/**
 * The written conversation: who said what, kept when the page is reloaded. A reply appears in step with its voice. What
 * was not heard of it, because it was interrupted, is greyed; nothing that was shown disappears.
 */
import { endOf, endOfFormula, render } from "./markdown.js";

const KEPT = 200;
const STORE = "conversation";
/** Characters that may be passed over to find a word that is being said; more after words that were not found. */
const NEAR = 40;
const NEAR_PER_MISS = 20;

/**
 * @typedef {object} Line
 * @property {"user" | "assistant"} role
 * @property {string} text  of a reply: Markdown, as far as it has arrived
 * @property {number} [heard]  so many characters of the text were heard; missing: all
 */

export class Conversation {
  #list;
  /** @type {Line[]} */
  #lines;
  #labels;
  /** Replies of this connection by number: {line, shown, over, whole, spoken, missed, after}. */
  #replies = new Map();
  #dots = null;
  #draft = null;

  /**
   * @param {HTMLOListElement} list
   * @param {() => {you: string, unheard: string}} labels  what a screen reader says before the student's lines, and before
   *   what was not heard
   */
  constructor(list, labels) {
    this.#list = list;
    this.#labels = labels;
    try {
      this.#lines = JSON.parse(sessionStorage.getItem(STORE)) ?? [];
    } catch {
      this.#lines = [];
    }
    for (const line of this.#lines) this.#insert(line);
    // A window that gets smaller hides no words that are being said.
    new ResizeObserver(() => this.#list.lastChild?.scrollIntoView({ block: "end" })).observe(list);
  }

  get empty() {
    return this.#lines.length === 0;
  }

  /** Whether the student has said or asked something. */
  get begun() {
    return this.#lines.some(({ role }) => role === "user");
  }

  /** Whether the latest reply has not been shown yet. */
  get unsaid() {
    const reply = [...this.#replies.values()].at(-1);
    return reply !== undefined && !reply.over && !reply.line.node;
  }

  /** The student's words. */
  ask(text) {
    const line = { role: "user", text };
    this.#add(line);
    return line;
  }

  /** What the student said last goes on: `text` is all of it. */
  askOn(text) {
    const line = this.#lines.findLast(({ role }) => role === "user");
    if (!line) return this.ask(text);
    line.text = text;
    this.#draw(line);
    this.#save();
    return line;
  }

  /** Dots where the tutor's answer will be, until it begins. */
  waiting(on) {
    const latest = [...this.#replies.values()].at(-1);
    if (on === (this.#dots !== null) || (on && latest?.atOnce && !latest.over && latest.line.node)) return;
    this.#dots?.remove();
    this.#dots = null;
    if (!on) return;
    this.#dots = document.createElement("li");
    this.#dots.className = "assistant dots";
    this.#dots.ariaHidden = "true";
    for (let count = 0; count < 3; count++) this.#dots.append(document.createElement("i"));
    this.#put(this.#dots);
  }

  /** What the student is saying, as far as it is certain. Empty removes it. */
  hearing(words = "") {
    if (!words) {
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
    this.#draft.textContent = words;
    this.#draft.scrollIntoView({ block: "nearest" });
  }

  // --- a reply, found by its number

  /**
   * The next piece of a reply's text. It is shown when it is said, or at once with `atOnce`.
   * A screen reader reads the reply once it is complete.
   */
  grow(number, text, atOnce = false) {
    const reply = this.#reply(number);
    reply.line.text = (reply.line.text + text).trimStart();
    reply.atOnce ||= atOnce;
    if (reply.atOnce) this.#show(reply, reply.line.text.length);
  }

  /** All of a reply's text. */
  whole(number, text) {
    const reply = this.#reply(number);
    reply.line.text = text;
    reply.whole = true;
    reply.shown = Math.min(reply.shown, text.length);
    if (reply.atOnce) this.#show(reply, text.length);
  }

  /** A reply has captions: it is spoken. */
  spoken(number) {
    this.#reply(number).spoken = true;
  }

  /** A word of a reply is being said. */
  say(number, word) {
    const reply = this.#replies.get(number);
    if (!reply || reply.over) return;
    const end = endOf(word, reply.line.text, reply.shown, NEAR + NEAR_PER_MISS * reply.missed);
    reply.missed = end < 0 ? reply.missed + 1 : 0;
    const shown = end < 0 ? endOfFormula(reply.line.text, reply.shown) : end;
    if (shown > reply.shown) this.#show(reply, shown);
  }

  /** All of a reply has been sent. It may still be playing. */
  sent(number) {
    const reply = this.#replies.get(number);
    if (!reply) return;
    reply.sent = true;
    if (!reply.spoken) this.#complete(reply);
  }

  /** The voice of a reply failed: its text goes on without. */
  mute(number) {
    if (this.#replies.has(number)) this.#replies.get(number).spoken = false;
  }

  /** The tutor has finished speaking. */
  silent() {
    for (const reply of this.#replies.values()) if (reply.sent) this.#complete(reply);
  }

  /** A reply was interrupted after `heard`. */
  cut(number, heard) {
    const reply = this.#replies.get(number);
    if (reply) this.#cutAt(reply, reply.line.text.startsWith(heard) ? heard.length : reply.shown);
  }

  /** The connection is gone, and the numbers of replies with it. */
  stop() {
    this.hearing();
    for (const reply of this.#replies.values()) if (!reply.over) this.#cutAt(reply, reply.shown);
    this.#replies.clear();
  }

  clear() {
    this.#lines = [];
    this.#replies.clear();
    this.#dots = this.#draft = null;
    this.#list.replaceChildren();
    this.#save();
  }

  #reply(number) {
    let reply = this.#replies.get(number);
    if (!reply) {
      // A reply that nothing interrupted was heard when the next one comes.
      for (const earlier of this.#replies.values()) this.#complete(earlier);
      const line = { role: "assistant", text: "" };
      reply = { line, shown: 0, over: false, whole: false, sent: false, spoken: false, missed: 0, after: this.#lines.at(-1) };
      this.#replies.set(number, reply);
    }
    return reply;
  }

  #show(reply, shown, scrolls = true) {
    const { line } = reply;
    reply.shown = shown;
    if (shown === 0) return;
    line.heard = shown;
    if (!line.node) {
      this.waiting(false);
      this.#add(line, reply.after);
      line.node.ariaBusy = "true";
    }
    this.#draw(line, shown);
    if (scrolls) line.node.scrollIntoView({ block: "nearest" });
    this.#save();
  }

  #complete(reply) {
    if (reply.over) return;
    this.#show(reply, reply.line.text.length);
    this.#finish(reply);
    delete reply.line.heard;
    this.#save();
  }

  #cutAt(reply, heard) {
    const { line } = reply;
    // Never begun: there is nothing to keep.
    if (line.node || heard) {
      if (!reply.whole) line.text = `${line.text.trimEnd()} …`;
      // The student goes on reading where they are.
      this.#show(reply, line.text.length, false);
      if (line.text.slice(heard).trim()) line.heard = heard;
      else delete line.heard;
      this.#draw(line);
    }
    this.#finish(reply);
    this.#save();
  }

  #finish(reply) {
    reply.over = true;
    if (reply.line.node) reply.line.node.ariaBusy = "false";
  }

  // --- lines

  #add(line, after = this.#lines.at(-1)) {
    const place = this.#lines.indexOf(after) + 1;
    this.#insert(line, this.#lines[place]?.node);
    this.#lines = this.#lines.toSpliced(place, 0, line).slice(-KEPT);
    this.#save();
  }

  /** Shows a line before the node of another one, or at the end, above the dots. */
  #insert(line, before) {
    const node = document.createElement("li");
    node.className = line.role;
    if (line.role === "user") node.append(this.#unseen(this.#labels().you));
    node.append(document.createElement("div"));
    Object.defineProperty(line, "node", { value: node, configurable: true });
    this.#draw(line);
    if (before) this.#list.insertBefore(node, before);
    else this.#put(node);
  }

  /** Writes a line as far as `shown`; what was not heard of all the rest is greyed. */
  #draw(line, shown = Infinity) {
    const body = line.node.lastChild;
    if (line.role === "user") {
      body.textContent = line.text;
      return;
    }
    let label = this.#labels().unheard;
    const unheard = () => {
      const node = document.createElement("span");
      node.className = "unheard";
      if (label) node.append(this.#unseen(label));
      label = "";
      return node;
    };
    const heard = shown === Infinity ? line.heard ?? Infinity : Infinity;
    body.replaceChildren(...render(line.text, shown, heard, unheard));
    line.node.classList.toggle("cut", heard < Infinity);
  }

  #unseen(text) {
    const label = document.createElement("span");
    label.className = "unseen";
    label.textContent = text;
    return label;
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
