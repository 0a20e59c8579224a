/** The built-in page: creates a session and connects the tutor's client to what the page shows. */
import { Busy, Trouble, call, request } from "./api.js";
import { Refused, TutorClient, leave } from "./client.js";
import { applyVolume, showControls, stayAwake, useControls } from "./controls.js";
import { Conversation } from "./conversation.js";
import { faceNow, nameOf, offerTutors, onChoice, questionsNow, showChoices, showWaking, tutorNow } from "./lobby.js";
import { MicrophoneButton } from "./microphone.js";
import { sure } from "./sure.js";
import {
  $, DEBUG, caption, label, note, problem, showFace, showIdle, showState, showTimings, store, texts, translated,
} from "./view.js";
import { offerVoices } from "./voices.js";

const LOADING_MS = 1000;
/** ms. A machine without a graphics card wakes up in half a minute. */
const LONG_LOADING_MS = 120_000;
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
/** The demonstration language model, if that is what answers: `{name, replace_with, languages}`. */
let demoModel = null;
/** Counts starts and ends, so that an attempt that is out of date stops. */
let attempt = 0;
/** How the lesson that still stands there has ended: a key of `texts.ended`, or null. */
let ended = sessionStorage.getItem("ended") || null;
let reconnecting = false;
/** The student has sent what stands in the text box while there was no connection. */
let unsent = false;
const conversation = new Conversation($("transcript"), () => texts);
const microphone = new MicrophoneButton(() => tutor, show);

function show() {
  const state = reconnecting ? "reconnecting" : ended && !tutor ? "ended" : tutor?.state ?? "ready";
  showState(state, microphone.isOpen);
  if (state === "listening") conversation.silent();
  conversation.waiting(state === "thinking" || (state === "speaking" && conversation.unsaid));
}

function showStart(connecting = false) {
  const begun = session !== null || !conversation.empty;
  document.body.dataset.view = begun || tutor ? "lesson" : "lobby";
  $("start").setAttribute("aria-busy", String(connecting));
  $("start").textContent = connecting ? texts.connecting
    : ended ? texts.again : session && !conversation.empty ? texts.continue : texts.start;
  $("tutors").disabled = $("subjects").disabled = connecting;
  $("new-lesson").hidden = connecting || !begun;
  $("ended").hidden = !ended || connecting;
  $("ended").textContent = ended ? texts.ended[ended].replace("{tutor}", nameOf()) : "";
}

/** Shows either the start button or the controls to talk and type. */
function showTalking(on) {
  $("welcome").hidden = on;
  $("composer").hidden = $("hint").hidden = $("leave").hidden = $("controls").hidden = !on;
  $("suggestions").hidden = true;
  stayAwake(on);
}

/** Questions to begin with, until the student has asked one. */
function showSuggestions() {
  $("suggestions").hidden = tutor === null || reconnecting || conversation.begun;
  $("suggestions").replaceChildren(...questionsNow().map((text) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", () => ask(text));
    return button;
  }));
}

/** Says that nobody but an AI answers, and which one. */
function showAi() {
  const model = ready?.model ?? demoModel?.name;
  const text = !model ? texts.ai : model === demoModel?.name ? texts.aiDemo : texts.aiModel;
  // Not broken at its hyphens.
  $("ai").textContent = text.replace("{model}", model?.replaceAll("-", "\u2011"));
  $("demo-model").hidden = !demoModel;
  $("demo-model").textContent = texts.demoModel.replace("{name}", demoModel?.name).replace("{setting}", demoModel?.replace_with);
}

function showConnection() {
  showAi();
  const inLesson = document.body.dataset.view === "lesson";
  $("tutor-name").textContent = document.title = ready?.tutor ?? ((inLesson && nameOf()) || texts.title);
  $("picture").classList.toggle("live", tutor?.transport === "webrtc");
  $("transport").textContent = texts.transports[tutor?.transport] ?? "";
  $("transport").hidden = !tutor?.transport;
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

/** Shows the tutors as soon as the engine runs, and lets the student start when its models are loaded. */
async function wake() {
  const began = performance.now();
  let tutors = null;
  for (;;) {
    try {
      if (!tutors) {
        ({ tutors } = await call("GET", "v1/tutors"));
        offerTutors(tutors, null, null);
        showStart();
        showConnection();
      }
      const state = await call("GET", "ready");
      const [{ avatars }, { voices }] = await Promise.all([call("GET", "v1/avatars"), call("GET", "v1/voices")]);
      demoModel = state.demo_model ?? null;
      const spoken = voices.map(({ language }) => language);
      offerTutors(tutors, avatars, new Set(spoken.filter((each) => demoModel?.languages?.includes(each) ?? true)));
      problem();
      showWaking();
      showAi();
      $("start").disabled = false;
      return;
    } catch (error) {
      const loading = error instanceof Busy;
      const late = performance.now() - began > LONG_LOADING_MS;
      showWaking(loading ? (late ? texts.wakingLong : texts.waking.replace("{tutor}", nameOf())) : "", error.progress);
      problem(error instanceof Trouble ? error.message : loading ? "" : reason(error), true);
    }
    if ($("settings").open) await new Promise((closed) => $("settings").addEventListener("close", closed, { once: true }));
    await new Promise((resolve) => setTimeout(resolve, LOADING_MS));
  }
}

/** What the student is told of an error. Its own words are for developers. */
function reason(error) {
  console.info(error);
  const told = error instanceof Trouble ? error.message : error instanceof Busy ? texts.problems.busy : texts.problems.noStart;
  return DEBUG && told !== error.message ? `${told} (${error.message})` : told;
}

// --- a conversation

/** The student wants to talk: connect to the previous session, or to a new one if there is none or it has ended. */
async function start() {
  const mine = ++attempt;
  problem();
  if (ended) conversation.clear();
  setEnded(null);
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
    if (mine === attempt) left(reason(error), error instanceof Busy);
  }
}

/** The connection was lost: reconnect to the same session only, since a page that nobody looks at must not start others. */
async function startAgain() {
  const mine = ++attempt;
  const listened = microphone.isOpen;
  conversation.stop();
  microphone.close();
  reconnecting = true;
  problem(texts.problems.reconnecting, true);
  showSuggestions();
  for (const wait of AGAIN_MS) {
    // A failed attempt leaves the client offline.
    show();
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (mine !== attempt) return;
    try {
      await connect();
      if (mine !== attempt) return;
      problem();
      begun();
      if (listened) await microphone.open();
      return;
    } catch (error) {
      console.info(`not connected again: ${error.message}`);
      if (mine === attempt && error instanceof Refused) return over("expired");
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
    avatarId: faceNow(), shownPx: shownPx(), transport: $("link").value, renew: renewToken,
    resumeUrl: session.resume_url,
  });
  applyVolume();
  listen(tutor);
  ready = await tutor.connect();
  keepSession({ ...session, engine_url: tutor.engineUrl });
  connectedAt = performance.now();
}

/** The edge of the picture, in device pixels; a phone is left out, since its battery and its line count for more. */
function shownPx() {
  const { width, height } = $("picture").getBoundingClientRect();
  return HAS_MOUSE ? Math.round(Math.min(width, height) * devicePixelRatio) || undefined : undefined;
}

function begun() {
  reconnecting = false;
  if (conversation.empty) tutor.greet();
  showFace(ready.avatar);
  showIdle(ready.avatar);
  showStart();
  showConnection();
  showTalking(true);
  showSuggestions();
  show();
  // Without a hardware keyboard, focusing a text box would open one over half the page.
  if (unsent) $("composer").requestSubmit();
  unsent = false;
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
    note(texts.notes[code] ?? (DEBUG ? message : texts.notes.other));
  });
  on("stalled", ({ stalled }) => {
    reconnecting = stalled;
    if (stalled) problem(texts.problems.reconnecting, true);
    else if ($("problem").textContent === texts.problems.reconnecting) problem();
    showSuggestions();
    show();
  });
  on("moved", ({ engine_url }) => keepSession({ ...session, engine_url }));
  on("closed", ({ code, reason, replaced }) => {
    console.info(`connection closed: ${code} ${reason}`);
    if (reason.startsWith("session")) return over("expired");
    if (!replaced && performance.now() - connectedAt > STEADY_MS) startAgain();
    else left(replaced ? texts.problems.replaced : texts.problems.lost);
  });
}

/** Show that the page is disconnected and waits for the student. */
function left(reason = "", calm = false) {
  attempt++;
  reconnecting = false;
  microphone.close();
  tutor?.close();
  tutor = ready = null;
  conversation.stop();
  $("latency").hidden = true;
  showTalking(false);
  showStart();
  showConnection();
  show();
  problem(reason, calm);
  if (reason || ended) $("start").focus({ preventScroll: true });
}

/** The lesson is over; it can still be read. */
function over(how) {
  setEnded(how);
  endSession();
  left();
}

function setEnded(how) {
  ended = how;
  sessionStorage.setItem("ended", how ?? "");
}

/** Back to the choice of a tutor, or at once to another lesson. */
function anew(starts) {
  left();
  endSession();
  setEnded(null);
  conversation.clear();
  showStart();
  showConnection();
  show();
  if (starts) start();
}

function isOffline() {
  return ["offline", "connecting"].includes(tutor?.state ?? "offline");
}

function ask(text) {
  conversation.ask(text);
  tutor.say(text);
  showSuggestions();
  show();
}

/** @param {"change" | "leave" | "other"} what */
function isSure(what, name = "") {
  const { question, consequence, yes } = texts.sure[what];
  return sure({ question: question.replace("{tutor}", name), consequence, yes });
}

// --- what the student does

$("start").addEventListener("click", () => $("start").getAttribute("aria-busy") === "true" || start());
$("new-lesson").addEventListener("click", async () => {
  if (ended || conversation.empty || await isSure("other")) anew(false);
});
$("leave").addEventListener("click", async () => {
  if (!conversation.begun || await isSure("leave")) over("left");
});
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  unsent = reconnecting && isOffline();
  if (!text || !tutor || isOffline()) return;
  $("text").value = "";
  ask(text);
});
$("text").addEventListener("input", show);
$("stop").addEventListener("click", () => {
  tutor?.interrupt();
  if (HAS_MOUSE) $("text").focus({ preventScroll: true });
});
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape" && !document.querySelector("dialog[open]")) tutor?.interrupt();
});
$("settings-open").addEventListener("click", () => $("settings").showModal());
$("link").addEventListener("change", () => {
  store.setItem("link", $("link").value);
  reconnect();
});

/** The same lesson over another connection. */
function reconnect() {
  if (!tutor) return;
  left();
  start();
}

// A closed tab gives its seat back; a page that was only reloaded says that it is here again.
addEventListener("pagehide", () => {
  if (session) leave(session.engine_url, session.engine_token);
  tutor?.close();
});
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
if (session) renewToken().catch(() => {});

onChoice({
  face: reconnect,
  tutor: async (id) => {
    if (conversation.empty && !tutor) {
      endSession();
      return true;
    }
    if (conversation.begun && !await isSure("change", nameOf(id))) return false;
    $("settings").close();
    // After the choice has been taken over.
    queueMicrotask(() => setTimeout(() => anew(true)));
    return true;
  },
});
useControls(() => tutor);
offerVoices((path) => request("GET", path));
$("link").value = new URLSearchParams(location.search).get("transport") ?? store.getItem("link") ?? "auto";
$("start").disabled = true;
translated(() => {
  microphone.show();
  showControls();
  showChoices();
  showStart();
  showConnection();
  showSuggestions();
  show();
});
await wake();
