/**
 * Notices within two seconds that nothing comes from the engine any more. A connection tells that only much later, when
 * the engine or the network vanished without a word.
 */
const LOOK_MS = 400;
/** ms without a sign of life after which the connection counts as stalled; with the wait for the next look below 2 s. */
const STALLED_MS = 1300;
/** ms without a sign of life after which it is given up. A change of cell or network, or a machine with too much to do, takes
 * some seconds. */
const LOST_MS = 10_000;
/** The same where another engine can go on with the session, and coming back to a living one costs little. */
export const RESUME_MS = 4000;

export class Heartbeat {
  #look;
  #on;
  #timer = 0;
  #seenAt = 0;
  #lookedAt = 0;
  #stalled = false;
  #lostMs;

  /**
   * @param {() => Promise<boolean>} look  asks the engine for a sign of life; whether one has come since the last time,
   *   apart from those told with `seen`
   * @param {{stalled: (on: boolean) => void, lost: () => void}} on
   * @param {number} [lostMs]  without a sign of life after which the connection is given up
   */
  constructor(look, on, lostMs = LOST_MS) {
    this.#lostMs = lostMs;
    this.#look = look;
    this.#on = on;
  }

  start() {
    this.#seenAt = this.#lookedAt = performance.now();
    this.#timer = setInterval(() => this.#tick(), LOOK_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  /** A message came. */
  seen() {
    this.#seenAt = performance.now();
    this.#become(false);
  }

  async #tick() {
    const now = performance.now();
    // The page itself stood still, or its timers are slowed down because it is not seen: what came meanwhile waits.
    if (now - this.#lookedAt > 3 * LOOK_MS) this.#seenAt = now;
    this.#lookedAt = now;
    if (await this.#look()) this.seen();
    if (!this.#timer) return;
    const silent = performance.now() - this.#seenAt;
    if (silent > this.#lostMs) this.#on.lost();
    else if (silent > STALLED_MS) this.#become(true);
  }

  #become(stalled) {
    if (stalled === this.#stalled || !this.#timer) return;
    this.#stalled = stalled;
    this.#on.stalled(stalled);
  }
}
