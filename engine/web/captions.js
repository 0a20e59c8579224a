/** The tutor's words with their times; reports each one when it is played. */
export class Captions {
  #words = [];
  #onWord;

  /** @param {(word: {text: string, turn: number}) => void} onWord */
  constructor(onWord) {
    this.#onWord = onWord;
  }

  /** @param {import("./protocol.d.ts").CaptionsEvent} message */
  add({ turn, words }) {
    this.#words.push(...words.map((word) => ({ ...word, turn })));
  }

  /** Discard the words that have not been played. */
  clear() {
    this.#words = [];
  }

  /** The reply was played up to here: report the words that have begun, and discard those of earlier replies. */
  heard(turn, positionMs) {
    const words = this.#words;
    while (words.length && (words[0].turn < turn || (words[0].turn === turn && words[0].start_ms <= positionMs))) {
      const word = words.shift();
      if (word.turn === turn) this.#onWord(word);
    }
  }
}
