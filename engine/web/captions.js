/** Words of the tutor with their times, told one by one as they are heard. */
export class Captions {
  #words = [];
  #onWord;

  /** @param {(word: {text: string, turn: number}) => void} onWord */
  constructor(onWord) {
    this.#onWord = onWord;
  }

  /** One `captions` message. */
  add({ turn, words }) {
    this.#words.push(...words.map((word) => ({ ...word, turn })));
  }

  /** Forget what has not been said. */
  clear() {
    this.#words = [];
  }

  /** The turn is heard up to here: tell the words begun by now, and forget those of earlier turns. */
  heard(turn, positionMs) {
    const words = this.#words;
    while (words.length && (words[0].turn < turn || (words[0].turn === turn && words[0].start_ms <= positionMs))) {
      const word = words.shift();
      if (word.turn === turn) this.#onWord(word);
    }
  }
}
