/** Plays the fragmented MP4 of one reply after another through one MediaSource. Used by websocket-link.js. */

const TICK_MS = 40;
const KEEP_PLAYED_S = 20;
const BEGINS_S = 0.03;
const ENDS_S = 0.06;
/** Seconds. Firefox stops before even the smallest gap in the buffer; gaps up to this size are skipped. */
const MAX_GAP_S = 0.5;
/** Seconds. Closer than this to a gap, nothing more is played. */
const GAP_EDGE_S = 0.005;
/** Seconds. Buffer and player round times differently, so a seek to the very start of a range may land before it. */
const SEEK_INTO_S = 0.001;

const MediaSourceClass = window.ManagedMediaSource ?? window.MediaSource;

/** Opus if the browser plays it in MP4: it arrives 80 ms earlier than AAC and needs fewer bits. */
export function audioCodec() {
  return MediaSourceClass?.isTypeSupported('video/mp4; codecs="avc1.42C01E,opus"') ? "opus" : "aac";
}

export class MsePlayer {
  turn = 0;
  speaking = false;
  #video;
  #captions;
  #on;
  #offset = 0;
  #finished = true;
  #queue = [];
  #source = null;
  #buffer = null;
  #url = null;
  #timer = 0;

  /**
   * @param {HTMLVideoElement} video
   * @param {import("./captions.js").Captions} captions
   * @param {{speaking: (on: boolean) => void, painted: (turn: number, now: number) => void}} on
   */
  constructor(video, captions, on) {
    this.#video = video;
    this.#captions = captions;
    this.#on = on;
  }

  /** Prepare for media of this MIME type. Rejects when the browser cannot play it. */
  async open(mime) {
    if (!MediaSourceClass?.isTypeSupported(mime)) throw new Error(`this browser cannot play ${mime}`);
    this.#source = new MediaSourceClass();
    this.#video.disableRemotePlayback = true;
    this.#url = URL.createObjectURL(this.#source);
    this.#video.src = this.#url;
    await new Promise((resolve) => this.#source.addEventListener("sourceopen", resolve, { once: true }));
    this.#buffer = this.#source.addSourceBuffer(mime);
    this.#buffer.mode = "segments";
    this.#buffer.addEventListener("updateend", () => this.#next());
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** @param {import("./protocol.d.ts").MediaEvent} message */
  append({ turn, data }) {
    if (turn !== this.turn) {
      this.turn = turn;
      this.#finished = false;
      this.#queue.push({ begin: turn });
    }
    this.#queue.push({ bytes: Uint8Array.from(atob(data), (c) => c.charCodeAt(0)) });
    this.#next();
  }

  /** All media of the reply has arrived. */
  finish(turn) {
    if (turn !== this.turn) return;
    this.#finished = true;
    this.#queue.push({ over: true });
    this.#next();
  }

  /** Stop at once and discard what has not been played. */
  drop() {
    this.#video.pause();
    this.#queue = [{ reset: this.#video.currentTime }];
    this.#captions.clear();
    this.#finished = true;
    this.turn = 0;
    this.#next();
    this.#setSpeaking(false);
  }

  /** Milliseconds of the current reply that have been played. */
  get positionMs() {
    return Math.max(0, (this.#video.currentTime - this.#offset) * 1000);
  }

  /** Milliseconds of the current reply that are there to be played. */
  get aheadMs() {
    return this.speaking && !this.#video.paused ? (this.#bufferedEnd() - this.#video.currentTime) * 1000 : 0;
  }

  close() {
    clearInterval(this.#timer);
    this.#buffer = null;
    this.#video.removeAttribute("src");
    this.#video.load();
    if (this.#url) URL.revokeObjectURL(this.#url);
  }

  #bufferedEnd() {
    const { buffered } = this.#buffer;
    return buffered.length ? buffered.end(buffered.length - 1) : 0;
  }

  /** Does the next queued operation; a SourceBuffer does one at a time. */
  #next() {
    if (!this.#buffer || this.#buffer.updating || !this.#queue.length) return;
    const { reset, begin, over, bytes } = this.#queue.shift();
    const end = this.#bufferedEnd();
    const now = this.#video.currentTime;
    if (bytes) this.#buffer.appendBuffer(bytes);
    else if (over) {
      // A browser whose buffer ran empty waits for more data than the reply has left, unless it is told that nothing
      // follows. The next append reopens the source.
      if (this.#source.readyState === "open") this.#source.endOfStream();
      this.#next();
    } else if (reset !== undefined) {
      if (this.#source.readyState === "open") this.#buffer.abort();
      if (end > reset) this.#buffer.remove(reset, Infinity);
      else this.#next();
    } else {
      this.#offset = Math.max(end, now) + (end ? 0.001 : 0);
      this.#buffer.timestampOffset = this.#offset;
      this.#watchFirstPicture(begin, this.#offset);
      if (now > KEEP_PLAYED_S) this.#buffer.remove(0, now - 1);
      else this.#next();
    }
  }

  #watchFirstPicture(turn, offset) {
    const seen = (now, picture) => {
      if (picture.mediaTime + 0.02 >= offset) this.#on.painted(turn, now);
      else this.#video.requestVideoFrameCallback(seen);
    };
    this.#video.requestVideoFrameCallback?.(seen);
  }

  #tick() {
    if (!this.turn || !this.#buffer.buffered.length) return;
    const end = this.#bufferedEnd();
    if (end <= this.#offset + 0.01) return;
    this.#stepOverGap();
    const ahead = end - this.#video.currentTime;
    if (!this.speaking && ahead > BEGINS_S && !(this.#finished && ahead < ENDS_S)) {
      if (this.#video.paused) this.#video.play().catch(() => {});
      this.#setSpeaking(true);
    }
    this.#captions.heard(this.turn, this.positionMs);
    if (this.#finished && this.#queue.length === 0 && (ahead < ENDS_S || this.#video.ended)) this.#setSpeaking(false);
  }

  /** If playback stands before a gap (at the start of a reply, between two, or within one), go on where media begins. */
  #stepOverGap() {
    const { buffered } = this.#buffer;
    const now = this.#video.currentTime;
    if (this.#video.seeking) return;
    for (let i = 0; i < buffered.length; i++) {
      const begins = buffered.start(i);
      // There is still media to play before the gap.
      if (begins <= now && buffered.end(i) > now + GAP_EDGE_S) return;
      if (begins <= now) continue;
      // A reply that was cut off may end long before the next one begins.
      if (begins - now <= MAX_GAP_S || begins >= this.#offset) this.#video.currentTime = begins + SEEK_INTO_S;
      return;
    }
  }

  #setSpeaking(on) {
    if (on !== this.speaking) {
      this.speaking = on;
      this.#on.speaking(on);
    }
  }
}
