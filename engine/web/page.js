/** The built-in page: a session of its own, the tutor, captions, microphone, text, states. */
import { TutorClient } from "./client.js";
import { Conversation } from "./conversation.js";
import { TEXTS } from "./texts.js";

const NOTE_MS = 4000;
const LOADING_MS = 2000;
/** A connection that held so long is opened anew when it is lost; one that never held is left to the student. */
const STEADY_MS = 5000;
const LONGEST_CAPTION = 90;

const $ = (id) => document.getElementById(id);
const store = window.localStorage;
let language = store.getItem("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en");
let texts = TEXTS[language];
let tutor = null;
let session = readSession();
let noteTimer = 0;
let captionTurn = 0;
let connectedAt = 0;
const conversation = new Conversation($("transcript"), () => texts.you);

// --- what is shown

function translate() {
  texts = TEXTS[language];
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-i18n]")) node.textContent = texts[node.dataset.i18n];
  for (const node of document.querySelectorAll("[data-i18n-label]")) label(node, texts[node.dataset.i18nLabel]);
  $("text").placeholder = texts.placeholder;
  $("language").textContent = language === "zh" ? "English" : "中文";
  $("transcript").dataset.empty = texts.empty;
  $("start").textContent = session ? texts.continue : texts.start;
  showMicrophone();
  showState();
}

function label(node, text) {
  node.setAttribute("aria-label", text);
  if (node.tagName === "BUTTON") node.title = text;
}

function showState() {
  const state = tutor?.state ?? "ready";
  const shown = state === "listening" && !microphoneOpen() ? "waiting" : state;
  $("state").textContent = texts.states[shown];
  $("state").dataset.state = state;
  $("picture").classList.toggle("speaking", state === "speaking");
  const busy = state === "speaking" || state === "thinking";
  const typed = $("text").value.trim() !== "";
  $("stop").hidden = !busy || typed;
  $("send").hidden = !$("stop").hidden;
  if (state !== "speaking") $("captions").classList.remove("shown");
}

function problem(text = "") {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

/** Something that passes by itself. */
function note(text) {
  clearTimeout(noteTimer);
  $("note").textContent = text;
  $("note").hidden = false;
  noteTimer = setTimeout(() => { $("note").hidden = true; }, NOTE_MS);
}

function caption(word) {
  const box = $("captions");
  const text = box.textContent;
  if (word.turn !== captionTurn || /[.!?。！？]$/.test(text) || text.length > LONGEST_CAPTION) box.replaceChildren();
  captionTurn = word.turn;
  const span = document.createElement("span");
  const joined = /[\u3000-\u9fff]$/.test(box.textContent) && /^[\u3000-\u9fff]/.test(word.text);
  span.textContent = (box.textContent && !joined ? " " : "") + word.text;
  box.append(span);
  box.classList.toggle("shown", $("captions-on").checked);
}

function showTimings(timings) {
  const rows = Object.entries(timings).map(([stage, ms]) => {
    const row = document.createElement("tr");
    for (const text of [stage.replaceAll("_", " "), Math.round(ms)]) {
      const cell = document.createElement("td");
      cell.textContent = text;
      row.append(cell);
    }
    return row;
  });
  $("timings").tBodies[0].replaceChildren(...rows);
  $("timings").hidden = false;
}

function showFace(avatarId) {
  const still = `v1/avatars/${avatarId}/still.jpg`;
  const idle = `v1/avatars/${avatarId}/idle.mp4`;
  if ($("still").getAttribute("src") === still) return;
  $("still").src = still;
  $("still").hidden = false;
  $("idle").src = idle;
  $("idle").play().catch(() => {});
}

// --- the engine's management API

async function call(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  const key = sessionStorage.getItem("key");
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error(texts.problems.unreachable);
  }
  if (response.ok) return response.json();
  if (response.status === 401) {
    $("key-row").hidden = false;
    $("settings").showModal();
    $("key").focus();
    throw new Error(texts.problems.key);
  }
  const { error } = await response.json();
  const after = response.headers.get("Retry-After");
  throw new Error(response.status === 503 && after ? texts.problems.busy.replace("{s}", after) : error.message);
}

function readSession() {
  try {
    return JSON.parse(sessionStorage.getItem("session"));
  } catch {
    return null;
  }
}

function keepSession(value) {
  session = value;
  if (value) sessionStorage.setItem("session", JSON.stringify(value));
  else sessionStorage.removeItem("session");
  $("start").textContent = session ? texts.continue : texts.start;
}

async function listAvatars() {
  for (;;) {
    const response = await fetch("v1/avatars").catch(() => null);
    if (response?.ok) {
      const { avatars } = await response.json();
      $("avatar").replaceChildren(...avatars.map(({ id, name }) => new Option(name, id)));
      const wanted = [store.getItem("avatar"), "avatar_tutor_13", avatars[0]?.id];
      $("avatar").value = wanted.find((id) => avatars.some((avatar) => avatar.id === id));
      problem();
      $("start").disabled = false;
      return;
    }
    problem(response ? texts.problems.loading : texts.problems.unreachable);
    await new Promise((resolve) => setTimeout(resolve, LOADING_MS));
  }
}

// --- a conversation

/**
 * Connect to the session of before, or to a new one when there is none or it has ended. Unasked (`again`), only the
 * former: a page that nobody looks at must not take seats.
 */
async function start(again = false) {
  problem();
  $("start").disabled = true;
  try {
    const old = session !== null;
    if (!old) keepSession(await createSession());
    try {
      await connect();
    } catch (error) {
      if (again) throw new Error(texts.problems.lost);
      if (!old) throw error;
      keepSession(await createSession());
      note(texts.notes.anew);
      await connect();
    }
    $("welcome").hidden = true;
    for (const id of ["text", "send", "microphone"]) $(id).disabled = false;
    $("text").focus({ preventScroll: true });
    if (!$("push-to-talk").checked || matchMedia("(pointer: fine)").matches) await openMicrophone();
  } catch (error) {
    tutor = null;
    showState();
    problem(error.message);
  } finally {
    $("start").disabled = false;
  }
}

function createSession() {
  const tutorId = Number($("avatar").value.match(/\d+$/)?.[0] ?? 0);
  return call("POST", "v1/sessions", { tutor_id: tutorId, student_id: 0 });
}

async function connect() {
  tutor = new TutorClient({
    engineUrl: session.engine_url, token: session.engine_token, video: $("speech"),
    avatarId: $("avatar").value || undefined, transport: $("link").value,
  });
  listen(tutor);
  const ready = await tutor.connect();
  $("tutor-name").textContent = document.title = ready.tutor;
  $("tutor-name").removeAttribute("data-i18n");
  showFace(ready.avatar);
  $("picture").classList.toggle("live", tutor.transport === "webrtc");
  $("transport").textContent = texts.transports[tutor.transport];
  $("transport").hidden = false;
  connectedAt = performance.now();
  if (ready.greeting && conversation.empty) conversation.add("assistant", ready.greeting);
}

function listen(client) {
  const on = (type, handle) => client.addEventListener(type, ({ detail }) => client === tutor && handle(detail));
  on("state", showState);
  on("word", caption);
  on("partial_transcription", ({ content, stable }) => {
    const sure = document.createElement("b");
    sure.textContent = content.slice(0, stable);
    $("hearing").replaceChildren(sure, content.slice(stable));
  });
  on("transcription", ({ content }) => {
    $("hearing").replaceChildren();
    conversation.add("user", content);
  });
  on("no_speech", () => $("hearing").replaceChildren());
  on("text_delta", ({ content, turn }) => conversation.grow(turn, content));
  on("interrupted", ({ turn, content }) => conversation.cut(turn, content));
  on("firstframe", ({ ms }) => {
    $("latency").textContent = texts.firstPicture.replace("{ms}", Math.round(ms));
    $("latency").hidden = false;
  });
  on("turn_done", ({ timings }) => showTimings(timings));
  on("error", ({ code, message }) => note(texts.notes[code] ?? message));
  on("closed", ({ code, reason }) => {
    console.info(`connection closed: ${code} ${reason}`);
    leave();
    const over = code === 1008 || reason.startsWith("session");
    if (reason.startsWith("session")) keepSession(null);
    if (!over && performance.now() - connectedAt > STEADY_MS) start(true);
    else problem(code === 1008 ? texts.problems.replaced : texts.problems.lost);
  });
}

function leave() {
  tutor?.close();
  $("welcome").hidden = false;
  $("picture").classList.remove("live");
  $("hearing").replaceChildren();
  $("transport").hidden = $("latency").hidden = true;
  for (const id of ["text", "send", "microphone"]) $(id).disabled = true;
  showMicrophone();
  showState();
}

// --- the microphone

let microphone = "closed";

function microphoneOpen() {
  return microphone !== "closed" && tutor?.state !== "offline";
}

function showMicrophone(state) {
  microphone = tutor && tutor.state !== "offline" ? state ?? microphone : "closed";
  const button = $("microphone");
  const hold = $("push-to-talk").checked;
  button.setAttribute("aria-pressed", String(microphone === "heard"));
  label(button, hold ? texts.microphoneHold : microphone === "heard" ? texts.microphoneOn : texts.microphoneOff);
}

async function openMicrophone() {
  const button = $("microphone");
  const pushToTalk = $("push-to-talk").checked;
  try {
    await tutor.openMicrophone({
      deviceId: $("device").value || undefined,
      pushToTalk,
      onLevel: (level) => button.style.setProperty("--level", Math.min(1, level * 8).toFixed(2)),
    });
    showMicrophone(pushToTalk ? "waiting" : "heard");
    showState();
    await listDevices();
  } catch (error) {
    showMicrophone("closed");
    const why = error.name === "NotAllowedError" ? texts.problems.denied : error.message;
    note(texts.problems.microphone.replace("{why}", why));
  }
}

function closeMicrophone() {
  tutor?.closeMicrophone();
  showMicrophone("closed");
  showState();
}

async function talk(down) {
  if (!$("push-to-talk").checked || tutor?.state === undefined || tutor.state === "offline") return;
  if (down && microphone === "closed") await openMicrophone();
  if (microphone === "closed") return;
  tutor.talk(down);
  showMicrophone(down ? "heard" : "waiting");
}

async function listDevices() {
  const devices = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "audioinput");
  const { value } = $("device");
  $("device").replaceChildren(...devices.map((device) => new Option(device.label || device.deviceId, device.deviceId)));
  if (devices.some((device) => device.deviceId === value)) $("device").value = value;
}

// --- what the student does

$("start").addEventListener("click", () => start());
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text || !tutor) return;
  problem();
  conversation.add("user", text);
  $("text").value = "";
  tutor.say(text);
  showState();
});
$("text").addEventListener("input", showState);
$("stop").addEventListener("click", () => {
  tutor?.interrupt();
  $("text").focus({ preventScroll: true });
});
$("microphone").addEventListener("pointerdown", (event) => {
  if (!$("push-to-talk").checked) return;
  event.currentTarget.setPointerCapture(event.pointerId);
  talk(true);
});
for (const type of ["pointerup", "pointercancel"]) $("microphone").addEventListener(type, () => talk(false));
$("microphone").addEventListener("click", () => {
  if ($("push-to-talk").checked || !tutor) return;
  if (microphone === "closed") openMicrophone();
  else closeMicrophone();
});
const spaceTalks = ({ code, target, repeat }) => code === "Space" && !repeat && [document.body, $("microphone")].includes(target);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("settings").open) tutor?.interrupt();
  if (spaceTalks(event)) talk(true);
});
document.addEventListener("keyup", (event) => {
  if (spaceTalks(event)) talk(false);
});
$("settings-open").addEventListener("click", () => $("settings").showModal());
$("settings").addEventListener("close", () => {
  if ($("key").value) sessionStorage.setItem("key", $("key").value);
});
$("device").addEventListener("change", () => microphoneOpen() && openMicrophone());
$("push-to-talk").addEventListener("change", () => {
  store.setItem("push-to-talk", $("push-to-talk").checked);
  if (tutor && tutor.state !== "offline") openMicrophone();
});
$("link").addEventListener("change", () => {
  store.setItem("link", $("link").value);
  reconnect();
});
$("avatar").addEventListener("change", () => {
  store.setItem("avatar", $("avatar").value);
  showFace($("avatar").value);
  anew();
});
$("anew").addEventListener("click", () => {
  $("settings").close();
  anew();
});
$("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  store.setItem("language", language);
  translate();
});

function reconnect() {
  if (!tutor || tutor.state === "offline") return;
  leave();
  start();
}

/** Another tutor is another conversation. */
function anew() {
  const talking = tutor && tutor.state !== "offline";
  if (talking) leave();
  keepSession(null);
  conversation.clear();
  if (talking) start();
}

$("push-to-talk").checked = store.getItem("push-to-talk") === "true";
$("link").value = new URLSearchParams(location.search).get("transport") ?? store.getItem("link") ?? "auto";
$("start").disabled = true;
translate();
await listAvatars();
showFace($("avatar").value);
