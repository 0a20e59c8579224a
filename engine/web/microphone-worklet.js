/** Gathers microphone samples into 512-sample chunks of 16-bit PCM and tells their level. */
class PcmChunks extends AudioWorkletProcessor {
  #chunk = new Int16Array(512);
  #filled = 0;
  #squares = 0;

  process([[samples]]) {
    if (!samples) return true;
    for (const sample of samples) {
      const clipped = Math.max(-1, Math.min(1, sample));
      this.#chunk[this.#filled++] = Math.round(clipped * 32767);
      this.#squares += clipped * clipped;
      if (this.#filled === this.#chunk.length) {
        const level = Math.sqrt(this.#squares / this.#chunk.length);
        this.port.postMessage({ pcm: this.#chunk.buffer, level }, [this.#chunk.buffer]);
        this.#chunk = new Int16Array(512);
        this.#filled = 0;
        this.#squares = 0;
      }
    }
    return true;
  }
}

registerProcessor("pcm-chunks", PcmChunks);
