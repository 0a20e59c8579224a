/** The microphone button: always open or push to talk, the choice of device, and what to say when there is none. */
import { $, label, problem, store, texts } from "./view.js";

/** The drawn level is the loudness times this. */
const LEVEL_GAIN = 8;

export class MicrophoneButton {
  #tutor;
  #changed;
  /** closed, waiting (open, but the talk button is not pressed) or heard */
  #state = "closed";
  #trouble = false;

  /**
   * @param {() => import("./client.js").TutorClient | null} tutor  the current client
   * @param {() => void} changed  called whenever it opens or closes
   */
  constructor(tutor, changed) {
    this.#tutor = tutor;
    this.#changed = changed;
    $("push-to-talk").checked = store.getItem("push-to-talk") === "true";
    const button = $("microphone");
    button.addEventListener("pointerdown", (event) => {
      if (!this.pushToTalk) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      this.#talk(true);
    });
    for (const type of ["pointerup", "pointercancel"]) button.addEventListener(type, () => this.#talk(false));
    button.addEventListener("click", () => {
      if (this.pushToTalk || !this.#connected) return;
      if (this.#state === "closed") this.open();
      else this.close();
    });
    // Space and Enter press the focused button; elsewhere on the page only the space bar talks.
    const talks = ({ code, target, repeat }) =>
      !repeat && (target === button ? ["Space", "Enter"].includes(code) : code === "Space" && target === document.body);
    document.addEventListener("keydown", (event) => {
      if (!this.pushToTalk || !talks(event)) return;
      event.preventDefault();
      this.#talk(true);
    });
    document.addEventListener("keyup", (event) => talks(event) && this.#talk(false));
    $("device").addEventListener("change", () => {
      store.setItem("device", $("device").value);
      if (this.isOpen) this.open();
    });
    $("push-to-talk").addEventListener("change", () => {
      store.setItem("push-to-talk", $("push-to-talk").checked);
      if (this.#connected) this.open();
      this.show();
    });
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#listDevices());
  }

  get pushToTalk() {
    return $("push-to-talk").checked;
  }

  get isOpen() {
    return this.#state !== "closed";
  }

  /** Open it, asking for permission if needed. If that fails, tell the student what to do. */
  async open() {
    try {
      await this.#openDevice(store.getItem("device") || undefined);
      this.#become(this.pushToTalk ? "waiting" : "heard");
      if (this.#trouble) problem();
      this.#trouble = false;
      await this.#listDevices();
    } catch (error) {
      this.#become("closed");
      this.#trouble = true;
      const known = window.isSecureContext ? texts.microphoneProblems[error.name] : texts.microphoneProblems.insecure;
      console.info(error);
      problem(known ?? texts.microphoneProblems.other);
    }
  }

  /** Close it. May be called after the connection is lost. */
  close() {
    this.#tutor()?.closeMicrophone();
    this.#become("closed");
  }

  /** Update name and look of the button after a change of state, setting or language. */
  show() {
    const button = $("microphone");
    const heard = this.#state === "heard";
    button.setAttribute("aria-pressed", String(heard));
    // Whether it is on is told by `aria-pressed`; its name must not say it again, or the opposite.
    label(button, texts.microphone);
    button.title = this.pushToTalk ? texts.microphoneHold : heard ? texts.microphoneOn : texts.microphoneOff;
    $("hint").textContent = this.pushToTalk ? texts.hintHold : heard ? texts.hint : texts.hintClosed;
  }

  get #connected() {
    return (this.#tutor()?.state ?? "offline") !== "offline";
  }

  async #openDevice(deviceId) {
    const options = {
      deviceId,
      pushToTalk: this.pushToTalk,
      onLevel: (level) => $("microphone").style.setProperty("--level", Math.min(1, level * LEVEL_GAIN).toFixed(2)),
    };
    try {
      await this.#tutor().openMicrophone(options);
    } catch (error) {
      if (error.name !== "OverconstrainedError" || !deviceId) throw error;
      store.removeItem("device");
      await this.#openDevice(undefined);
    }
  }

  async #talk(down) {
    if (!this.pushToTalk || !this.#connected) return;
    if (down && this.#state === "closed") await this.open();
    if (this.#state === "closed") return;
    this.#tutor().talk(down);
    this.#become(down ? "heard" : "waiting");
  }

  #become(state) {
    this.#state = state;
    this.show();
    this.#changed();
  }

  async #listDevices() {
    const devices = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind, label }) => kind === "audioinput" && label);
    if (!devices.length) return;
    $("device").replaceChildren(...devices.map((device) => new Option(device.label, device.deviceId)));
    const wanted = store.getItem("device");
    if (devices.some((device) => device.deviceId === wanted)) $("device").value = wanted;
  }
}
