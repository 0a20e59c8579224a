/** The built-in page: creates a session and connects the tutor's client to what the page shows. */
import { Refused, TutorClient } from "./client.js";
import { Conversation } from "./conversation.js";
import { MicrophoneButton } from "./microphone.js";
import { faceNow, languageNow, offerTutors, tutorNow } from "./tutors.js";
import {
  $, caption, label, note, problem, questionsIn, showFace, showState, showTimings, store, texts, translated,
} from "./view.js";
import { offerVoices } from "./voices.js";

const LOADING_MS = 2000;
/** ms. A lost connection that had lasted this long is reopened; otherwise the student decides. */
const STEADY_MS = 5000;
/** ms before each attempt to reconnect: a change of network takes some seconds, a restart of the engine more. */
const AGAIN_MS = [0, 1000, 3000, 6000, 10000];
/** ms to wait for a free session before the student is told that there is none. */
const SEAT_MS = 20000;
const HAS_MOUSE = matchMedia("(pointer: fine)").matches;

let tutor = null;
let session = readSession();
let connectedAt = 0;
let ready = null;
/** The demonstration language model, if that is what answers: `{name, replace_with}`. */
let demoModel = null;
/** Counts starts and ends, so that an attempt that is out of date stops. */
let attempt = 0;
const conversation = new Conversation($("transcript"), () => texts);
const microphone = new MicrophoneButton(() => tutor, show);

function show() {
  const state = tutor?.state ?? "ready";
  showState(state, microphone.isOpen);
  if (state === "listening") conversation.silent();
  conversation.waiting(state === "thinking" || (state === "speaking" && conversation.unsaid));
}

function showStart(connecting = false) {
  $("start").setAttribute("aria-busy", String(connecting));
  $("start").textContent = connecting ? texts.states.connecting : session ? texts.continue : texts.start;
  $("tutors").disabled = connecting;
  // Another tutor means another conversation, so once one has begun the tutor is changed in the settings.
  $("tutors").hidden = session !== null && !conversation.empty;
}

/** Shows either the start button or the controls to talk and type. */
function showTalking(on) {
  $("welcome").hidden = on;
  $("composer").hidden = $("hint").hidden = !on;
  $("suggestions").hidden = true;
}

/** Questions to begin with, until the student has asked one. */
function showSuggestions() {
  $("suggestions").hidden = tutor === null || conversation.begun;
  $("suggestions").replaceChildren(...questionsIn(languageNow()).map((text) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", () => ask(text));
    return button;
  }));
}

function showDemoModel() {
  $("demo-model").hidden = !demoModel;
  if (demoModel) {
    $("demo-model").textContent = texts.demoModel.replace("{name}", demoModel.name)
      .replace("{setting}", demoModel.replace_with);
  }
}

/** Says that nobody but an AI answers, and which one. */
function showAi() {
  $("ai").textContent = ready?.model ? texts.aiModel.replace("{model}", ready.model) : texts.ai;
}

function showConnection() {
  showAi();
  $("tutor-name").textContent = document.title = ready?.tutor ?? texts.title;
  $("picture").classList.toggle("live", tutor?.transport === "webrtc");
  $("transport").textContent = texts.transports[tutor?.transport] ?? "";
  $("transport").hidden = !tutor?.transport;
}

// --- the engine's management API

async function call(method, path, body) {
  const response = await request(method, path, body);
  return response.status === 204 ? null : response.json();
}

/** The engine's answer to a request that succeeded. */
async function request(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  const key = sessionStorage.getItem("key");
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error(texts.problems.unreachable);
  }
  if (response.ok) return response;
  if (response.status === 401) {
    askForKey();
    throw new Error(texts.problems.key);
  }
  const { error } = await response.json();
  if (response.status !== 503) throw new Error(error.message);
  throw new Busy($("start").disabled ? texts.problems.loading : texts.problems.busy, response.headers.get("Retry-After"));
}

/** The engine is starting or full; try again after `afterMs`. */
class Busy extends Error {
  constructor(message, retryAfter) {
    super(message);
    this.afterMs = Number(retryAfter ?? 2) * 1000;
  }
}

function askForKey() {
  $("key-row").hidden = false;
  if (!$("settings").open) $("settings").showModal();
  $("key").focus();
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
}

/** Waits until the engine runs and its models are loaded. */
async function listTutors() {
  for (;;) {
    try {
      const [{ tutors }, { avatars }, state] = await Promise.all(
        [call("GET", "v1/tutors"), call("GET", "v1/avatars"), call("GET", "ready")],
      );
      offerTutors(tutors, avatars, anew);
      demoModel = state.demo_model;
      showDemoModel();
      problem();
      $("start").disabled = false;
      return;
    } catch (error) {
      problem(error.message);
    }
    if ($("settings").open) await new Promise((closed) => $("settings").addEventListener("close", closed, { once: true }));
    await new Promise((resolve) => setTimeout(resolve, LOADING_MS));
  }
}

// --- a conversation

/** The student wants to talk: connect to the previous session, or to a new one if there is none or it has ended. */
async function start() {
  const mine = ++attempt;
  problem();
  showStart(true);
  try {
    const old = session !== null;
    if (!old) keepSession(await createSession());
    try {
      await connect();
    } catch (error) {
      if (!old) throw error;
      keepSession(await createSession());
      note(texts.notes.anew);
      await connect();
    }
    if (mine !== attempt) return;
    begun();
    // On a touch screen the first press of the button opens it.
    if (!microphone.pushToTalk || HAS_MOUSE) await microphone.open();
  } catch (error) {
    if (mine === attempt) left(error.message);
  }
}

/** The connection was lost: reconnect to the same session only, since a page that nobody looks at must not start others. */
async function startAgain() {
  const mine = ++attempt;
  const listened = microphone.isOpen;
  conversation.stop();
  microphone.close();
  for (const wait of AGAIN_MS) {
    // A failed attempt leaves the client offline.
    showState("connecting", false);
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (mine !== attempt) return;
    try {
      await connect();
      if (mine !== attempt) return;
      begun();
      if (listened) await microphone.open();
      return;
    } catch (error) {
      console.info(`not connected again: ${error.message}`);
      if (mine === attempt && error instanceof Refused) {
        keepSession(null);
        return left(texts.problems.ended);
      }
    }
  }
  if (mine === attempt) left(texts.problems.lost);
}

/** Creates a session; waits for a while if the engine is full. */
async function createSession() {
  const mine = attempt;
  for (const until = performance.now() + SEAT_MS; ;) {
    try {
      return await call("POST", "v1/sessions", { tutor_id: tutorNow(), student_id: 0 });
    } catch (error) {
      if (!(error instanceof Busy) || performance.now() + error.afterMs > until) throw error;
      note(texts.notes.seat);
      await new Promise((resolve) => setTimeout(resolve, error.afterMs));
      if (mine !== attempt) throw error;
    }
  }
}

/** End the session of a conversation that is over, so that another one fits. */
function endSession() {
  if (session) call("DELETE", `v1/sessions/${session.session_id}`).catch(() => {});
  keepSession(null);
}

/** A new token of this session, before the old one runs out. */
async function renewToken() {
  const mine = session;
  const { engine_token } = await call("POST", `v1/sessions/${mine.session_id}/token`);
  if (session?.session_id === mine.session_id) keepSession({ ...session, engine_token });
  return engine_token;
}

async function connect() {
  tutor?.close();
  tutor = new TutorClient({
    engineUrl: session.engine_url, token: session.engine_token, video: $("speech"),
    avatarId: faceNow(), transport: $("link").value, renew: renewToken,
  });
  listen(tutor);
  ready = await tutor.connect();
  connectedAt = performance.now();
}

function begun() {
  if (conversation.empty) tutor.greet();
  showFace(ready.avatar);
  showConnection();
  showStart();
  showTalking(true);
  showSuggestions();
  // Without a hardware keyboard, focusing a text box would open one over half the page.
  (microphone.pushToTalk || !HAS_MOUSE ? $("microphone") : $("text")).focus({ preventScroll: true });
}

function listen(client) {
  const on = (type, handle) => client.addEventListener(type, ({ detail }) => client === tutor && handle(detail));
  on("state", show);
  on("word", (word) => {
    conversation.say(word.turn, word.text);
    caption(word);
  });
  on("partial_transcription", ({ content, stable }) => conversation.hearing(content.slice(0, stable).trim()));
  on("transcription", ({ content, continues }) => {
    conversation.hearing();
    if (continues) conversation.askOn(content);
    else conversation.ask(content);
    showSuggestions();
  });
  on("no_speech", () => conversation.hearing());
  on("text_delta", ({ content, turn }) => conversation.grow(turn, content, $("speech").muted));
  on("text", ({ content, turn }) => conversation.whole(turn, content));
  on("captions", ({ turn }) => conversation.spoken(turn));
  on("interrupted", ({ turn, content }) => conversation.cut(turn, content));
  on("firstframe", ({ ms }) => {
    $("latency").textContent = `${Math.round(ms)} ms`;
    $("latency").title = texts.firstPicture.replace("{ms}", Math.round(ms));
    label($("latency"), $("latency").title);
    $("latency").hidden = false;
  });
  on("turn_done", ({ turn, timings }) => {
    conversation.sent(turn);
    showTimings(timings);
  });
  on("error", ({ code, message, turn }) => {
    if (turn) conversation.mute(turn);
    note(texts.notes[code] ?? message);
  });
  on("closed", ({ code, reason }) => {
    console.info(`connection closed: ${code} ${reason}`);
    const ended = reason.startsWith("session");
    if (ended) keepSession(null);
    if (!ended && code !== 1008 && performance.now() - connectedAt > STEADY_MS) startAgain();
    else left(code === 1008 ? texts.problems.replaced : ended ? texts.problems.ended : texts.problems.lost);
  });
}

/** Show that the page is disconnected and waits for the student. */
function left(reason = "") {
  attempt++;
  microphone.close();
  tutor?.close();
  tutor = ready = null;
  conversation.stop();
  $("latency").hidden = true;
  showTalking(false);
  showConnection();
  showStart();
  show();
  problem(reason);
  if (reason) $("start").focus({ preventScroll: true });
}

/** Begin another conversation with the chosen tutor or avatar. */
function anew() {
  const talking = tutor !== null || $("start").getAttribute("aria-busy") === "true";
  if (talking) left();
  endSession();
  conversation.clear();
  showStart();
  if (talking) start();
}

function ask(text) {
  conversation.ask(text);
  tutor.say(text);
  showSuggestions();
  show();
}

// --- what the student does

$("start").addEventListener("click", () => $("start").getAttribute("aria-busy") === "true" || start());
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text || !tutor) return;
  $("text").value = "";
  ask(text);
});
$("text").addEventListener("input", show);
$("stop").addEventListener("click", () => {
  tutor?.interrupt();
  if (HAS_MOUSE) $("text").focus({ preventScroll: true });
});
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape" && !$("settings").open) tutor?.interrupt();
});
$("settings-open").addEventListener("click", () => $("settings").showModal());
$("settings").addEventListener("close", () => {
  if ($("key").value) sessionStorage.setItem("key", $("key").value);
});
$("link").addEventListener("change", () => {
  store.setItem("link", $("link").value);
  if (!tutor) return;
  left();
  start();
});
$("anew").addEventListener("click", () => {
  $("settings").close();
  anew();
});

offerVoices((path) => request("GET", path));
$("link").value = new URLSearchParams(location.search).get("transport") ?? store.getItem("link") ?? "auto";
$("start").disabled = true;
translated(() => {
  showDemoModel();
  microphone.show();
  showConnection();
  showStart();
  showSuggestions();
  show();
});
await listTutors();
