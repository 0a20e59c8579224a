/**
 * Talks to the engine from a browser: one small module with no dependencies.
 *
 *   import { TutorClient } from "./client.js";
 *   const tutor = new TutorClient({ engineUrl, token, video: document.querySelector("video") });
 *   tutor.addEventListener("text", (e) => console.log(e.detail.content));
 *   await tutor.connect();
 *   tutor.say("Why is the sky blue?");
 *
 * `engineUrl` and `token` are `engine_url` and `engine_token` of POST /v1/sessions. Every message of
 * the engine is dispatched as a CustomEvent of its type with the message as `detail`; besides there are
 *
 *   state     {state}                  connecting, listening, hearing, thinking, speaking, offline
 *   word      {text, turn}             a word of the tutor as it is heard
 *   firstframe {turn, ms}              ms from what the student did to the first painted picture that speaks
 *   closed    {code, reason}           the socket is gone (connect() opens another one)
 *
 * Call `connect()` from a click: browsers play sound only after one.
 */

const ACKNOWLEDGE_MS = 250;
const DUCKED_VOLUME = 0.15;
const KEEP_PLAYED_S = 20;

/** Plays the turns of a tutor, one after the other, through one MediaSource. */
class Player {
  constructor(video, onWord, onSpeaking) {
    this.video = video;
    this.onWord = onWord;
    this.onSpeaking = onSpeaking;
    this.turn = 0;
    this.offset = 0;
    this.words = [];
    this.finished = true;
    this.queue = [];
    this.buffer = null;
    this.frameWanted = null;
    this.timer = setInterval(() => this.#tick(), 40);
  }

  /** Prepare for media of this MIME type. Rejects when the browser cannot play it. */
  async open(mime) {
    if (!("MediaSource" in window) || !MediaSource.isTypeSupported(mime)) {
      throw new Error(`this browser cannot play ${mime}`);
    }
    this.source = new MediaSource();
    this.url = URL.createObjectURL(this.source);
    this.video.src = this.url;
    await new Promise((resolve) => this.source.addEventListener("sourceopen", resolve, { once: true }));
    this.buffer = this.source.addSourceBuffer(mime);
    this.buffer.mode = "segments";
    this.buffer.addEventListener("updateend", () => this.#next());
  }

  /** One `media` message. */
  append(message) {
    if (message.turn !== this.turn) this.#begin(message.turn);
    const bytes = Uint8Array.from(atob(message.data), (c) => c.charCodeAt(0));
    this.queue.push({ bytes, turn: message.turn });
    this.#next();
  }

  caption(message) {
    if (message.turn !== this.turn) this.#begin(message.turn);
    this.words.push(...message.words.map((w) => ({ ...w, turn: message.turn })));
  }

  /** All media of the turn has come. */
  finish(turn) {
    if (turn === this.turn) this.finished = true;
  }

  /** Silence at once, and forget what was still to come. */
  drop() {
    this.queue = this.queue.filter((item) => item.reset);
    this.words = [];
    this.finished = true;
    const now = this.video.currentTime;
    this.queue.push({ reset: now });
    this.video.pause();
    this.#next();
    this.#speaking(false);
  }

  /** Milliseconds of the current turn that were heard. */
  get positionMs() {
    return Math.max(0, (this.video.currentTime - this.offset) * 1000);
  }

  /** Calls back with the time the next picture of a new turn was painted. */
  whenPainted(callback) {
    this.frameWanted = callback;
  }

  close() {
    clearInterval(this.timer);
    this.video.removeAttribute("src");
    this.video.load();
    if (this.url) URL.revokeObjectURL(this.url);
  }

  #begin(turn) {
    this.turn = turn;
    this.finished = false;
    this.words = [];
    this.queue.push({ begin: turn });
  }

  #next() {
    if (!this.buffer || this.buffer.updating || !this.queue.length) return;
    const item = this.queue.shift();
    const { buffered } = this.buffer;
    const end = buffered.length ? buffered.end(buffered.length - 1) : 0;
    if (item.reset !== undefined) {
      this.buffer.abort();
      if (end > item.reset) this.buffer.remove(item.reset, Infinity);
      else this.#next();
    } else if (item.begin !== undefined) {
      this.offset = Math.max(end, this.video.currentTime) + (end ? 0.001 : 0);
      this.buffer.timestampOffset = this.offset;
      this.#watchFirstFrame();
      if (this.video.currentTime > KEEP_PLAYED_S) this.buffer.remove(0, this.video.currentTime - 1);
      else this.#next();
    } else {
      this.buffer.appendBuffer(item.bytes);
    }
  }

  #watchFirstFrame() {
    const { offset } = this;
    const seen = (now, frame) => {
      if (frame.mediaTime + 0.02 < offset) this.video.requestVideoFrameCallback?.(seen);
      else {
        this.frameWanted?.(now);
        this.frameWanted = null;
      }
    };
    this.video.requestVideoFrameCallback?.(seen);
  }

  #tick() {
    if (!this.buffer || !this.buffer.buffered.length) return;
    const { buffered } = this.buffer;
    const end = buffered.end(buffered.length - 1);
    const ahead = end - this.video.currentTime;
    if (this.turn && end > this.offset + 0.01) {
      if (this.video.currentTime < this.offset) this.video.currentTime = this.offset;
      if (this.video.paused && ahead > 0.03 && !this.over) {
        this.video.play().catch(() => {});
        this.#speaking(true);
      }
      if (this.finished && ahead < 0.06 && this.queue.length === 0) this.#speaking(false);
    }
    while (this.words.length && this.words[0].start_ms <= this.positionMs) this.onWord(this.words.shift());
  }

  #speaking(speaking) {
    if (speaking !== this.speaking) {
      this.speaking = speaking;
      this.onSpeaking(speaking);
    }
  }
}

/** The microphone as 16 kHz PCM chunks of 32 ms. */
class Microphone {
  async open(deviceId, onChunk, onLevel) {
    this.stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        deviceId: deviceId ? { exact: deviceId } : undefined,
        channelCount: 1,
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
      },
    });
    this.context = new AudioContext({ sampleRate: 16000 });
    await this.context.audioWorklet.addModule(new URL("./microphone-worklet.js", import.meta.url));
    const source = this.context.createMediaStreamSource(this.stream);
    this.node = new AudioWorkletNode(this.context, "pcm-chunks", { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }) => {
      onLevel?.(data.level);
      onChunk(data.pcm);
    };
    source.connect(this.node);
  }

  close() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.context?.close();
  }
}

export class TutorClient extends EventTarget {
  #socket = null;
  #player = null;
  #microphone = null;
  #state = "offline";
  #acknowledger = 0;
  #askedAt = 0;
  #talking = false;

  /**
   * @param {object} options
   * @param {string} options.engineUrl  `engine_url` of the session
   * @param {string} options.token      `engine_token` of the session
   * @param {HTMLVideoElement} options.video  where the tutor is shown while speaking
   * @param {string} [options.avatarId]
   */
  constructor({ engineUrl, token, video, avatarId }) {
    super();
    Object.assign(this, { engineUrl, token, video, avatarId });
  }

  get state() {
    return this.#state;
  }

  /** Open the socket and wait until the engine is ready; gives its `ready` message. */
  async connect() {
    this.#setState("connecting");
    const socket = new WebSocket(`${this.engineUrl}?token=${encodeURIComponent(this.token)}`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    const ready = await new Promise((resolve, reject) => {
      socket.onclose = (event) => reject(new Error(event.reason || "the engine refused the connection"));
      socket.onopen = () => {
        const configure = { type: "configure", stream: true, input_audio: { format: "pcm_s16le", sample_rate: 16000 } };
        if (this.avatarId) configure.avatar_id = this.avatarId;
        this.#send(configure);
      };
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.type === "ready") resolve(message);
        else if (message.type === "error") reject(new Error(message.message));
      };
    });
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = (event) => this.#closed(event);
    this.#player = new Player(
      this.video,
      (word) => this.#emit("word", word),
      (speaking) => this.#setState(speaking ? "speaking" : "listening"),
    );
    await this.#player.open(ready.mime);
    this.#acknowledger = setInterval(() => this.#acknowledge(), ACKNOWLEDGE_MS);
    this.#emit("ready", ready);
    this.#setState("listening");
    return ready;
  }

  /** The student typed. Interrupts what is being said. */
  say(text) {
    this.#asked();
    this.#send({ type: "text", content: text });
    this.#setState("thinking");
  }

  /** Stop the tutor now. */
  interrupt() {
    this.#send({ type: "interrupt" });
  }

  /**
   * Open the microphone. With `pushToTalk` it is heard only between `talk(true)` and `talk(false)`.
   * @param {{deviceId?: string, pushToTalk?: boolean, onLevel?: (level: number) => void}} [options]
   */
  async openMicrophone({ deviceId, pushToTalk = false, onLevel } = {}) {
    this.closeMicrophone();
    const microphone = new Microphone();
    this.#talking = !pushToTalk;
    await microphone.open(
      deviceId,
      (pcm) => {
        if (this.#talking && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(pcm);
      },
      onLevel,
    );
    this.#microphone = microphone;
  }

  closeMicrophone() {
    this.#microphone?.close();
    this.#microphone = null;
  }

  /** Push-to-talk: the button went down (true) or up (false). */
  talk(down) {
    if (this.#talking && !down) {
      this.#asked();
      this.#send({ type: "end_talk" });
    }
    this.#talking = down;
  }

  /** Leave. The session lives on until it is deleted or expires. */
  close() {
    clearInterval(this.#acknowledger);
    this.closeMicrophone();
    this.#player?.close();
    this.#player = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#setState("offline");
  }

  #receive(message) {
    switch (message.type) {
      case "media":
        this.#player?.append(message);
        break;
      case "captions":
        this.#player?.caption(message);
        break;
      case "turn_done":
        this.#player?.finish(message.turn);
        if (this.#state === "thinking") this.#setState("listening");
        break;
      case "interrupted":
        this.#acknowledge(message.turn);
        this.#player?.drop();
        this.video.volume = 1;
        this.#setState("listening");
        break;
      case "duck":
        this.video.volume = DUCKED_VOLUME;
        break;
      case "resume":
        this.video.volume = 1;
        break;
      case "speech_started":
        if (this.#state !== "speaking") this.#setState("hearing");
        break;
      case "speech_stopped":
        this.#asked();
        break;
      case "transcription":
        this.video.volume = 1;
        this.#setState("thinking");
        break;
      case "no_speech":
        if (this.#state === "hearing") this.#setState("listening");
        break;
      case "error":
        if (this.#state === "thinking") this.#setState("listening");
        break;
    }
    this.#emit(message.type, message);
  }

  #asked() {
    this.#askedAt = performance.now();
    const { turn } = this.#player;
    this.#player.whenPainted((now) => this.#emit("firstframe", { turn: turn + 1, ms: now - this.#askedAt }));
  }

  #acknowledge(turn = this.#player?.turn) {
    if (turn && turn === this.#player.turn && (this.#player.speaking || arguments.length)) {
      this.#send({ type: "playback", turn, position_ms: Math.round(this.#player.positionMs) });
    }
  }

  #closed(event) {
    clearInterval(this.#acknowledger);
    this.closeMicrophone();
    this.#player?.close();
    this.#player = null;
    this.#setState("offline");
    this.#emit("closed", { code: event.code, reason: event.reason });
  }

  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #setState(state) {
    if (state !== this.#state) {
      this.#state = state;
      this.#emit("state", { state });
    }
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
