/** The engine over WebRTC: a microphone track out, voice and picture in, events on a data channel. */
import { Captions } from "./captions.js";
import { Heartbeat, RESUME_MS } from "./heartbeat.js";

const GATHER_MS = 1000;
/** ms to find a network path; where UDP is blocked there is none. */
const FIND_MS = 4000;
/** ms for the handshakes once there is a path, or without a fallback; a busy machine may need that long. */
const CONNECT_MS = 15000;
/** ms for an answer of the engine over HTTP. */
const CALL_MS = 10000;
const TICK_MS = 40;
/** ms from the engine's clock to the ear: network, jitter buffer, sound card. */
const DELAY_MS = 80;
/** ms still in the jitter buffer when the engine falls silent. */
const ENDED_AFTER_MS = 200;

/** WebRTC failed, but a WebSocket may work. */
export class NoPeer extends Error {}

/** The session is over or its token has expired: trying again will not help. */
export class Refused extends Error {}

/**
 * The address that this page may use: an `https` page gets `wss://` where a web tier knows the engine as `ws://`, since
 * browsers refuse the latter there as mixed content. They allow it to this machine, where there may be no TLS.
 */
export function secured(engineUrl) {
  const { protocol, hostname } = new URL(engineUrl);
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  return location.protocol === "https:" && protocol === "ws:" && !local ? engineUrl.replace(/^ws/, "wss") : engineUrl;
}

/** Where the HTTP API has the session of this `engine_url`. */
export function httpBase(engineUrl) {
  return engineUrl.replace(/^ws/, "http").replace(/\/ws\/ws\/([^/]+)$/, "/v1/sessions/$1");
}

export class WebRtcLink {
  name = "webrtc";
  #options;
  #on;
  #base;
  #peer = null;
  #channel = null;
  #location = null;
  #track = null;
  #muted = false;
  #captions;
  #timer = 0;
  #turn = 0;
  #dropped = 0;
  #done = 0;
  #silent = true;
  #beganAt = 0;
  #ending = 0;
  #heartbeat;
  #packets = 0;

  /**
   * See TutorClient for `options` (`patient`: there is no fallback); `on` is
   * {message, word, speaking, painted, stalled, closed}.
   */
  constructor(options, on) {
    this.#options = options;
    this.#on = on;
    this.#base = httpBase(options.engineUrl);
    this.#captions = new Captions(on.word);
    this.#heartbeat = new Heartbeat(() => this.#isAlive(), {
      stalled: on.stalled,
      lost: () => this.#lost({ code: 1006, reason: "the engine gives no sign of life" }),
    }, options.resumeUrl ? RESUME_MS : undefined);
  }

  /**
   * Connects; returns the engine's `ready`.
   * @throws {NoPeer} WebRTC does not connect: try a WebSocket
   */
  async open() {
    if (!("RTCPeerConnection" in window)) throw new NoPeer("this browser has no WebRTC");
    try {
      return await this.#connect();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  send(message) {
    if (this.#channel?.readyState === "open") this.#channel.send(JSON.stringify(message));
  }

  /** Send this MediaStream from now on; null for none. */
  async setMicrophone(stream) {
    this.#track = stream?.getAudioTracks()[0] ?? null;
    if (this.#track) this.#track.enabled = !this.#muted;
    const [audio] = this.#peer?.getTransceivers() ?? [];
    await audio?.sender.replaceTrack(this.#track);
  }

  mute(muted) {
    this.#muted = muted;
    if (this.#track) this.#track.enabled = !muted;
  }

  setVolume(volume) {
    this.#options.video.volume = volume;
  }

  close() {
    this.#heartbeat.stop();
    clearInterval(this.#timer);
    clearTimeout(this.#ending);
    if (this.#channel) this.#channel.onclose = null;
    if (this.#peer) this.#peer.onconnectionstatechange = this.#peer.ontrack = null;
    this.#peer?.close();
    this.#peer = null;
    if (this.#location) this.#call("DELETE", this.#location).catch(() => {});
    this.#location = null;
    this.#options.video.srcObject = null;
  }

  async #connect() {
    const { video, avatarId, shownPx, volume } = this.#options;
    this.setVolume(volume);
    const { ice_servers: iceServers } = await (await this.#call("GET", `${this.#base}/ice`)).json();
    const peer = new RTCPeerConnection({ iceServers });
    this.#peer = peer;
    // No track yet: the connection must not wait for permission to use the microphone.
    peer.addTransceiver("audio", { direction: "sendrecv" });
    peer.addTransceiver("video", { direction: "recvonly" });
    peer.ontrack = ({ receiver, streams: [stream] }) => {
      // The shortest buffer that plays without gaps.
      receiver.jitterBufferTarget = 0;
      video.srcObject = stream;
      video.play().catch(() => {});
    };
    this.#channel = peer.createDataChannel("events");
    await peer.setLocalDescription();
    await this.#gathered();
    const offer = { sdp: peer.localDescription.sdp, type: "offer", avatar_id: avatarId, shown_px: shownPx };
    const answer = await (await this.#call("POST", `${this.#base}/webrtc`, offer)).json();
    this.#location = `${this.#base}/webrtc/${answer.peer}`;
    await peer.setRemoteDescription({ sdp: answer.sdp, type: answer.type });
    const ready = await this.#ready();
    this.#channel.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    this.#channel.onclose = () => this.#lost({ code: 1006, reason: "the engine closed the connection" });
    peer.onconnectionstatechange = () => {
      if (peer.connectionState === "failed") this.#lost({ code: 1006, reason: "no packets came through" });
    };
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#heartbeat.start();
    return ready;
  }

  /** Wait until the offer has all candidates, but not for a STUN server that does not answer. */
  #gathered() {
    const peer = this.#peer;
    return new Promise((resolve) => {
      if (peer.iceGatheringState === "complete") resolve();
      peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && resolve();
      setTimeout(resolve, GATHER_MS);
    });
  }

  /** Waits for the engine's `ready`, the first message on the channel. */
  async #ready() {
    const peer = this.#peer;
    const timers = [];
    try {
      return await new Promise((resolve, reject) => {
        const found = () => ["connected", "completed"].includes(peer.iceConnectionState);
        const late = () => reject(new NoPeer("no peer connection in time"));
        timers.push(setTimeout(late, CONNECT_MS), setTimeout(() => found() || this.#options.patient || late(), FIND_MS));
        this.#channel.onmessage = ({ data }) => {
          const message = JSON.parse(data);
          if (message.type === "ready") resolve(message);
        };
        peer.onconnectionstatechange = () => {
          if (peer.connectionState === "failed") reject(new NoPeer("the peer connection failed"));
        };
      });
    } finally {
      timers.forEach(clearTimeout);
    }
  }

  async #call(method, url, body) {
    const headers = { Authorization: `Bearer ${this.#options.token}` };
    if (body) headers["Content-Type"] = "application/json";
    const response = await fetch(url, {
      method, headers, body: body && JSON.stringify(body), keepalive: method === "DELETE", signal: AbortSignal.timeout(CALL_MS),
    });
    if (response.ok) return response;
    const { error } = await response.json().catch(() => ({ error: { message: response.statusText } }));
    // The socket would refuse a bad token or an ended session too.
    throw [401, 403, 404].includes(response.status) ? new Refused(error.message) : new NoPeer(error.message);
  }

  /** @param {import("./protocol.d.ts").ServerMessage} message */
  #receive(message) {
    this.#heartbeat.seen();
    switch (message.type) {
      case "playing":
        this.#playing(message);
        return;
      case "closed":
        this.#lost(message);
        return;
      case "captions":
        this.#captions.add(message);
        break;
      case "turn_done":
      case "error":
        this.#done = Math.max(this.#done, message.turn ?? 0);
        this.#endIfOver();
        break;
      case "interrupted":
        this.#dropped = message.turn;
        this.#captions.clear();
        this.#end();
        break;
    }
    this.#on.message(message);
  }

  /**
   * The engine keeps the media clock and reports the reply it sends; `turn` 0 is silence.
   * @param {import("./protocol.d.ts").PlayingEvent} message
   */
  #playing({ turn, position_ms: positionMs }) {
    clearTimeout(this.#ending);
    this.#silent = turn === 0;
    // No caption is due until the next report of the engine.
    if (turn === 0) this.#beganAt = Infinity;
    this.#endIfOver();
    if (turn === 0 || turn <= this.#dropped) return;
    const now = performance.now();
    this.#beganAt = now + DELAY_MS - positionMs;
    if (turn === this.#turn) return;
    this.#turn = turn;
    this.#on.speaking(true);
    const { video } = this.#options;
    const seen = (painted, picture) => {
      if ((picture.receiveTime ?? painted) >= now) this.#on.painted(turn, painted);
      else video.requestVideoFrameCallback(seen);
    };
    video.requestVideoFrameCallback?.(seen);
  }

  /** End soon if it is silent after `turn_done`; silence before that means that the reply is late with its next words. */
  #endIfOver() {
    if (this.#silent && this.#turn && this.#done >= this.#turn) this.#ending = setTimeout(() => this.#end(), ENDED_AFTER_MS);
  }

  #end() {
    clearTimeout(this.#ending);
    this.#turn = 0;
    this.#on.speaking(false);
  }

  /** Voice and picture come all the time, also while the tutor is silent. */
  async #isAlive() {
    this.send({ type: "ping" });
    let packets = 0;
    for (const report of (await this.#peer?.getStats())?.values() ?? []) {
      if (report.type === "inbound-rtp") packets += report.packetsReceived;
    }
    const came = packets > this.#packets;
    this.#packets = packets;
    return came;
  }

  #tick() {
    if (this.#turn) this.#captions.heard(this.#turn, performance.now() - this.#beganAt);
  }

  #lost({ code, reason }) {
    this.#location = null;
    this.close();
    this.#on.closed({ code, reason });
  }
}
