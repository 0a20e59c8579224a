/**
 * Talks to the engine from a browser: ES modules without dependencies and without a build step. Copy this file and
 * the files it imports: webrtc-link.js, websocket-link.js, mse-player.js, captions.js, heartbeat.js,
 * microphone-worklet.js.
 *
 *   import { TutorClient } from "./client.js";
 *   const tutor = new TutorClient({ engineUrl, token, video: document.querySelector("video") });
 *   tutor.addEventListener("text", (e) => console.log(e.detail.content));
 *   await tutor.connect();
 *   tutor.say("Why is the sky blue?");
 *   await tutor.openMicrophone();
 *
 * `engineUrl` and `token` are `engine_url` and `engine_token` of POST /v1/sessions. Every message of
 * the engine is dispatched as a CustomEvent of its type with the message as `detail`. Further events (`turn` is the number
 * of a reply, as in the protocol):
 *
 *   state      {state}            connecting, listening, hearing, thinking, speaking, offline
 *   word       {text, turn}       a word of the tutor as it is played
 *   firstframe {turn, ms}         ms from the student's last action to the first painted picture of the answer
 *   stalled    {stalled}          nothing has come from the engine for 1.3 s although something should have; or it comes again
 *   closed     {code, reason, replaced}   the connection is gone; connect() continues the conversation over a new one.
 *                                 replaced: another window has the session now
 *
 * In a cluster of engines, give `resumeUrl` (`resume_url` of POST /v1/sessions) too: connect() asks there which engine has
 * the session, and a session that moves to another engine is followed. The conversation goes on with its memory.
 *
 * Over WebRTC the picture is always live. Over a WebSocket, `video` shows something only while the tutor speaks (state
 * `speaking`); show the loop at `idle_url` of `ready` the rest of the time.
 *
 * Call `connect()` from a click: browsers play audio only after one.
 */
import { NoPeer, Refused, WebRtcLink, httpBase, secured } from "./webrtc-link.js";
import { WebSocketLink } from "./websocket-link.js";

export { Refused };

const LEVEL_MS = 60;
/** A token is renewed when this part of its life is over; after a failure, again after this time. */
const RENEW_AT = 0.8;
const RENEW_AGAIN_MS = 30_000;
/** ms. A door waits up to 3 s for an engine, and asks up to three. */
const LOCATE_MS = 10_000;
const MAX_TIMER_MS = 2 ** 31 - 1;
const VISIBILITY_EVENTS = ["visibilitychange", "enterpictureinpicture", "leavepictureinpicture"];

export class TutorClient extends EventTarget {
  #options;
  #transport;
  #link = null;
  #microphone = null;
  #state = "offline";
  #askedAt = null;
  #talking = false;
  #speaking = false;
  #renewal = 0;
  /** What the student typed last, until it is answered. */
  #unanswered = null;
  #tellVisible = () => this.#link?.send({ type: "visibility", visible: isVisible() });

  /**
   * @param {object} options
   * @param {string} options.engineUrl  `engine_url` of the session
   * @param {string} options.token      `engine_token` of the session
   * @param {HTMLVideoElement} options.video  where the tutor is shown and heard
   * @param {string} [options.avatarId]  an avatar other than the tutor's own
   * @param {number} [options.shownPx]  the edge at which the tutor is shown, in device pixels: engines with time to spare
   *   then send larger pictures
   * @param {"auto"|"webrtc"|"websocket"} [options.transport]  auto: WebRTC, or a WebSocket when no peer connects
   * @param {string} [options.resumeUrl]  `resume_url` of the session, where there is one
   * @param {() => Promise<string>} [options.renew]  gives a new `engine_token` (POST /v1/sessions/{id}/token, through
   *   whoever has the API key). Called before a token runs out; without it the engine hangs up when it has.
   */
  constructor({ engineUrl, token, video, avatarId, shownPx, transport = "auto", renew, resumeUrl }) {
    super();
    const patient = transport === "webrtc";
    this.#options = {
      engineUrl: secured(engineUrl), token, video, avatarId, shownPx, patient, renew, resumeUrl, volume: video.volume,
    };
    this.#transport = transport;
  }

  /** One of the states above. */
  get state() {
    return this.#state;
  }

  /** Where the session is now: on another engine, perhaps, than when it was created. */
  get engineUrl() {
    return this.#options.engineUrl;
  }

  /** "webrtc" or "websocket" once connected, else null. */
  get transport() {
    return this.#link?.name ?? null;
  }

  /**
   * Connect and wait until the engine is ready; gives its `ready` message.
   * @throws {Refused} the session is over (only known over WebRTC): create another one
   */
  async connect() {
    this.#setState("connecting");
    try {
      if (this.#options.renew && msToRenewal(this.#options.token) <= 0) await this.#renew();
      else this.#renewIn(msToRenewal(this.#options.token));
      await this.#locate();
      const ready = await this.#open();
      this.#emit("ready", ready);
      this.#setState("listening");
      return ready;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** How loud the tutor is, 0 to 1. It is lowered further by itself while the student makes a sound. */
  set volume(volume) {
    this.#options.volume = volume;
    this.#link?.setVolume(volume);
  }

  /** The student typed. Interrupts the reply that is being spoken. */
  say(text) {
    this.#askedAt = performance.now();
    this.#unanswered = text;
    this.#link.send({ type: "text", content: text });
    this.#setState("thinking");
  }

  /**
   * Let the tutor say its greeting, as reply 1 with text, voice and picture. Nothing happens when the conversation has begun
   * already, or when the tutor has no greeting.
   */
  greet() {
    this.#askedAt = performance.now();
    this.#link.send({ type: "greet" });
  }

  /** Stop the tutor now. */
  interrupt() {
    this.#link?.send({ type: "interrupt" });
    // Of a reply that has not begun, no `interrupted` comes.
    if (this.#state === "thinking") this.#setState("listening");
  }

  /**
   * Open the microphone. With `pushToTalk` it is sent only between `talk(true)` and `talk(false)`.
   * @param {{deviceId?: string, pushToTalk?: boolean, onLevel?: (level: number) => void}} [options]
   */
  async openMicrophone({ deviceId, pushToTalk = false, onLevel } = {}) {
    this.closeMicrophone();
    if (!navigator.mediaDevices) throw new Error("microphones need https or localhost");
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        deviceId: deviceId ? { exact: deviceId } : undefined,
        channelCount: 1,
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
      },
    });
    if (!this.#link) return stream.getTracks().forEach((track) => track.stop());
    this.#microphone = { stream, stopLevel: onLevel && watchLevel(stream, onLevel) };
    this.#talking = !pushToTalk;
    this.#link.mute(pushToTalk);
    await this.#link.setMicrophone(stream);
  }

  closeMicrophone() {
    if (!this.#microphone) return;
    this.#link?.setMicrophone(null);
    this.#microphone.stopLevel?.();
    this.#microphone.stream.getTracks().forEach((track) => track.stop());
    this.#microphone = null;
  }

  /** Push-to-talk: the button went down (true) or up (false). */
  talk(down) {
    if (!this.#microphone || down === this.#talking) return;
    this.#talking = down;
    this.#link.mute(!down);
    if (down) return;
    this.#askedAt = performance.now();
    this.#link.send({ type: "end_talk" });
  }

  /** Disconnect. The session goes on until it is deleted or expires. */
  close() {
    this.#unhook();
    this.closeMicrophone();
    this.#link?.close();
    this.#link = null;
    this.#setState("offline");
  }

  /** A new token in place of one that will run out. What is connected stays; a failure is tried again. */
  async #renew() {
    let again = RENEW_AGAIN_MS;
    try {
      this.#options.token = await this.#options.renew();
      again = RENEW_AT * lifeMs(this.#options.token);
    } catch (error) {
      console.warn(`the session token was not renewed: ${error.message}`);
    }
    this.#renewIn(again);
  }

  #renewIn(ms) {
    clearTimeout(this.#renewal);
    if (!this.#options.renew || !Number.isFinite(ms)) return;
    this.#renewal = setTimeout(() => this.#renew(), Math.min(Math.max(ms, 0), MAX_TIMER_MS));
  }

  /** Which engine has the session: it may have moved, or its engine may be gone. */
  async #locate() {
    const { resumeUrl, token } = this.#options;
    if (!resumeUrl) return;
    const response = await fetch(resumeUrl, {
      headers: { Authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(LOCATE_MS),
    });
    if (response.status === 404 || response.status === 401) throw new Refused("the session is over");
    if (!response.ok) throw new Error(`the session cannot be resumed yet (${response.status})`);
    const { engine_url } = await response.json();
    this.#options.engineUrl = secured(engine_url);
  }

  /** The engine is about to end; another one has the session by now. */
  async #follow(engineUrl) {
    this.#options.engineUrl = secured(engineUrl);
    this.#link?.close();
    this.#link = null;
    try {
      const ready = await this.#open();
      if (this.#microphone) {
        this.#link.mute(!this.#talking);
        await this.#link.setMicrophone(this.#microphone.stream);
      }
      this.#emit("ready", ready);
      // Typed while the session was moving: the engine that has it now does not know of it.
      if (this.#unanswered && !ready.resumed?.answering) this.#link.send({ type: "text", content: this.#unanswered });
    } catch (error) {
      this.#closed({ code: 1006, reason: `not followed to another engine: ${error.message}` });
    }
  }

  async #open() {
    if (this.#transport !== "websocket") {
      try {
        return await this.#use(WebRtcLink);
      } catch (error) {
        if (this.#transport === "webrtc" || !(error instanceof NoPeer)) throw error;
      }
    }
    return this.#use(WebSocketLink);
  }

  async #use(Link) {
    const link = new Link(this.#options, {
      message: (message) => this.#receive(message),
      word: (word) => this.#emit("word", word),
      speaking: (on) => this.#setSpeaking(on),
      painted: (turn, now) => this.#painted(turn, now),
      stalled: (stalled) => this.#emit("stalled", { stalled }),
      closed: (detail) => this.#closed(detail),
    });
    const ready = await link.open();
    this.#link = link;
    if (!isVisible()) this.#tellVisible();
    VISIBILITY_EVENTS.forEach((type) => document.addEventListener(type, this.#tellVisible));
    return ready;
  }

  /** @param {import("./protocol.d.ts").ServerMessage} message */
  #receive(message) {
    if (["turn_done", "interrupted", "error"].includes(message.type)) this.#unanswered = null;
    switch (message.type) {
      case "speech_started":
        if (this.#state === "listening") this.#setState("hearing");
        break;
      case "speech_stopped":
        this.#askedAt = performance.now();
        break;
      case "transcription":
        this.#setState("thinking");
        break;
      case "no_speech":
        if (this.#state === "hearing") this.#setState("listening");
        break;
      case "resume":
        this.#askedAt = null;
        break;
      case "interrupted":
        // The reply to what the student said next may have begun already.
        if (this.#state === "speaking") this.#setState("listening");
        break;
      case "turn_done":
      case "error":
        if (this.#state === "thinking" && !this.#speaking) this.#setState("listening");
        break;
      case "moved":
        this.#follow(message.engine_url);
        break;
      case "pong":
        return;
    }
    this.#emit(message.type, message);
  }

  #setSpeaking(on) {
    this.#speaking = on;
    if (on) this.#setState("speaking");
    else if (this.#state === "speaking") this.#setState("listening");
  }

  #painted(turn, now) {
    if (this.#askedAt !== null) this.#emit("firstframe", { turn, ms: now - this.#askedAt });
    this.#askedAt = null;
  }

  #unhook() {
    clearTimeout(this.#renewal);
    VISIBILITY_EVENTS.forEach((type) => document.removeEventListener(type, this.#tellVisible));
  }

  #closed(detail) {
    this.#unhook();
    this.#link = null;
    this.closeMicrophone();
    this.#setState("offline");
    // A token that was renewed too late is closed with the same code; connecting renews it.
    this.#emit("closed", { ...detail, replaced: detail.code === 1008 && detail.reason !== "token expired" });
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

/** Whether anybody can see the tutor: not in a hidden tab, unless the video floats above the others. */
function isVisible() {
  return !document.hidden || Boolean(document.pictureInPictureElement);
}

/**
 * Tells the engine that the page of a session is being closed: the session ends unless the page comes back within some
 * seconds. Call it in `pagehide`. A reload comes back by connecting, or by renewing the token.
 */
export function leave(engineUrl, token) {
  navigator.sendBeacon(`${httpBase(secured(engineUrl))}/leave`, token);
}

/** What a session token says of itself: `iat` and `exp`, in Unix seconds. */
function claims(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
  } catch {
    return {};
  }
}

function lifeMs(token) {
  const { iat, exp } = claims(token);
  return (exp - iat) * 1000;
}

/** Until a token should be renewed; NaN when it does not tell. A clock that is wrong costs a renewal too many. */
function msToRenewal(token) {
  return claims(token).exp * 1000 - Date.now() - (1 - RENEW_AT) * lifeMs(token);
}

/** Reports the loudness (0 to 1) of a stream to a callback. Returns a function that stops it. */
function watchLevel(stream, onLevel) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  const samples = new Float32Array(analyser.fftSize);
  context.createMediaStreamSource(stream).connect(analyser);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    onLevel(Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length));
  }, LEVEL_MS);
  return () => {
    clearInterval(timer);
    context.close();
    onLevel(0);
  };
}
