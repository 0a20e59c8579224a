/** Collects microphone samples into 512-sample chunks of 16-bit PCM: 32 ms at 16 kHz. */
class PcmChunks extends AudioWorkletProcessor {
  #chunk = new Int16Array(512);
  #filled = 0;

  process([[samples]]) {
    if (!samples) return true;
    for (const sample of samples) {
      this.#chunk[this.#filled++] = Math.round(Math.max(-1, Math.min(1, sample)) * 32767);
      if (this.#filled === this.#chunk.length) {
        this.port.postMessage(this.#chunk.buffer, [this.#chunk.buffer]);
        this.#chunk = new Int16Array(512);
        this.#filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("pcm-chunks", PcmChunks);
