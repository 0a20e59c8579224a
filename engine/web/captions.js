/** Words of the tutor with their times, reported one by one as they are played. */
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

  /** The reply was played up to here: report the words begun by now, and discard those of earlier replies. */
  heard(turn, positionMs) {
    const words = this.#words;
    while (words.length && (words[0].turn < turn || (words[0].turn === turn && words[0].start_ms <= positionMs))) {
      const word = words.shift();
      if (word.turn === turn) this.#onWord(word);
    }
  }
}
