/** What the student does with picture and sound: volume, captions, full screen. And the screen stays on in a lesson. */
import { $, label, store, texts } from "./view.js";

let client = () => null;
let lock = null;
let awake = false;

/** @param {() => import("./client.js").TutorClient | null} tutor  the current client */
export function useControls(tutor) {
  client = tutor;
  $("volume").value = store.getItem("volume") ?? 100;
  $("volume").addEventListener("input", () => setVolume(Number($("volume").value)));
  $("sound").addEventListener("click", () => {
    const silent = $("speech").muted || Number($("volume").value) === 0;
    if (silent && Number($("volume").value) === 0) $("volume").value = 100;
    $("speech").muted = !silent;
    applyVolume();
  });
  setPressed($("captions-on"), store.getItem("captions") !== "off");
  $("captions-on").addEventListener("click", () => {
    const on = $("captions-on").getAttribute("aria-pressed") !== "true";
    setPressed($("captions-on"), on);
    store.setItem("captions", on ? "on" : "off");
    if (!on) $("captions").classList.remove("shown");
  });
  $("full-screen").hidden = !document.fullscreenEnabled;
  $("full-screen").addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen().catch(() => {});
  });
  document.addEventListener("fullscreenchange", showControls);
  document.addEventListener("visibilitychange", () => awake && !document.hidden && takeLock());
  // iPhones leave the volume to their own buttons.
  const probe = document.createElement("video");
  probe.volume = 0.5;
  $("volume").hidden = probe.volume !== 0.5;
}

/** Give a new client the student's volume. */
export function applyVolume() {
  const muted = $("speech").muted;
  if (client()) client().volume = Number($("volume").value) / 100;
  $("controls").classList.toggle("muted", muted || Number($("volume").value) === 0);
  showControls();
}

/** The names of the buttons, in the page's language. */
export function showControls() {
  const silent = $("controls").classList.contains("muted");
  label($("sound"), silent ? texts.soundOn : texts.soundOff);
  label($("full-screen"), document.fullscreenElement ? texts.smaller : texts.larger);
}

/** Keep the screen on, as long as the browser lets us, or no longer. */
export function stayAwake(on) {
  awake = on;
  if (on) takeLock();
  else lock?.release().catch(() => {});
  if (!on) lock = null;
}

async function takeLock() {
  if (lock && !lock.released) return;
  try {
    lock = await navigator.wakeLock?.request("screen");
  } catch {
    lock = null;
  }
  if (!awake) lock?.release();
}

function setVolume(percent) {
  store.setItem("volume", percent);
  $("speech").muted = false;
  applyVolume();
}

function setPressed(button, on) {
  button.setAttribute("aria-pressed", String(on));
}
