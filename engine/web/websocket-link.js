/** The engine over a WebSocket: sends PCM from the microphone, receives fragmented MP4 and events. Works through any proxy. */
import { Captions } from "./captions.js";
import { Heartbeat, RESUME_MS } from "./heartbeat.js";
import { MsePlayer, audioCodec } from "./mse-player.js";

const ACKNOWLEDGE_MS = 250;
const DUCKED_VOLUME = 0.15;
/** ms. A reply that has been lowered for this long is paused until it is known whether the student interrupts it. */
const PAUSE_MS = 200;
/** ms of media in store that carry over a stall. */
const ENOUGH_MS = 500;
const RATE = 16000;
/** ms to connect; an engine that stands still takes connections, but answers nothing. */
const CONNECT_MS = 10000;

export class WebSocketLink {
  name = "websocket";
  #options;
  #on;
  #socket = null;
  #player = null;
  #captions;
  #acknowledger = 0;
  #pausing = 0;
  #ducked = false;
  #context = null;
  #muted = false;
  #heartbeat;

  /** See TutorClient for `options`; `on` is {message, word, speaking, painted, stalled, closed}. */
  constructor(options, on) {
    this.#options = options;
    this.#on = on;
    this.#captions = new Captions(on.word);
    this.#heartbeat = new Heartbeat(() => this.#isAlive(), {
      stalled: on.stalled,
      lost: () => this.#lost({ code: 1006, reason: "the engine gives no sign of life" }),
    }, options.resumeUrl ? RESUME_MS : undefined);
  }

  /** Connects; returns the engine's `ready`. */
  async open() {
    const { engineUrl, token, video, avatarId, shownPx } = this.#options;
    const socket = new WebSocket(`${engineUrl}?token=${encodeURIComponent(token)}`);
    this.#socket = socket;
    const ready = await new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error("the engine does not answer")), CONNECT_MS);
      socket.onclose = (event) => reject(new Error(event.reason || "the engine refused the connection"));
      socket.onopen = () => {
        const input_audio = { format: "pcm_s16le", sample_rate: RATE };
        const configure = { type: "configure", stream: true, input_audio, audio_codec: audioCodec() };
        if (avatarId) configure.avatar_id = avatarId;
        if (shownPx) configure.shown_px = shownPx;
        this.send(configure);
      };
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.type === "ready") resolve(message);
        else if (message.type === "error") reject(new Error(message.message));
      };
    });
    this.setVolume(this.#options.volume);
    this.#player = new MsePlayer(video, this.#captions, this.#on);
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.#lost({ code, reason });
    await this.#player.open(ready.mime);
    this.#acknowledger = setInterval(() => {
      if (this.#player.speaking) this.#acknowledge(this.#player.turn);
    }, ACKNOWLEDGE_MS);
    this.#heartbeat.start();
    return ready;
  }

  /** @param {import("./protocol.d.ts").ClientMessage} message */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Send the audio of this MediaStream from now on; null for none. */
  async setMicrophone(stream) {
    await this.#context?.close();
    this.#context = null;
    if (!stream) return;
    this.#context = new AudioContext({ sampleRate: RATE });
    await this.#context.audioWorklet.addModule(new URL("./microphone-worklet.js", import.meta.url));
    const node = new AudioWorkletNode(this.#context, "pcm-chunks", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => {
      if (!this.#muted && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(data);
    };
    this.#context.createMediaStreamSource(stream).connect(node);
  }

  mute(muted) {
    this.#muted = muted;
  }

  setVolume(volume) {
    this.#options.video.volume = volume * (this.#ducked ? DUCKED_VOLUME : 1);
  }

  close() {
    this.#heartbeat.stop();
    clearInterval(this.#acknowledger);
    clearTimeout(this.#pausing);
    this.setMicrophone(null);
    this.#player?.close();
    this.#player = null;
    if (this.#socket) this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket?.close(1000);
    this.#socket = null;
  }

  /** @param {import("./protocol.d.ts").ServerMessage} message */
  #receive(message) {
    this.#heartbeat.seen();
    switch (message.type) {
      case "media":
        this.#player.append(message);
        return;
      case "captions":
        this.#captions.add(message);
        break;
      case "turn_done":
        this.#player.finish(message.turn);
        break;
      case "interrupted":
        if (message.turn === this.#player.turn) this.#acknowledge(message.turn);
        this.#player.drop();
        this.#duck(false);
        break;
      case "duck":
        this.#duck(true);
        break;
      case "resume":
      case "transcription":
        this.#duck(false);
        break;
    }
    this.#on.message(message);
  }

  #lost(detail) {
    this.close();
    this.#on.closed(detail);
  }

  /** A player with enough in store misses nothing, as on a line that stalls for a moment. */
  async #isAlive() {
    this.send({ type: "ping" });
    return this.#player.aheadMs > ENOUGH_MS;
  }

  #duck(on) {
    const { video, volume } = this.#options;
    clearTimeout(this.#pausing);
    this.#ducked = on;
    this.setVolume(volume);
    if (on) this.#pausing = setTimeout(() => video.pause(), PAUSE_MS);
    else if (this.#player?.speaking && video.paused) video.play().catch(() => {});
  }

  #acknowledge(turn) {
    this.send({ type: "playback", turn, position_ms: Math.round(this.#player.positionMs) });
  }
}
