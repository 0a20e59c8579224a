/** A school's page: log in, choose a tutor, talk. What an integrator writes; the rest is in client.js. */
import { Refused, TutorClient, leave } from "./client/client.js";
import { Conversation } from "./client/conversation.js";
import { $, School } from "./school.js";

const STATES = {
  connecting: "connecting…", listening: "listening", hearing: "hears you", thinking: "thinking…",
  speaking: "speaking", offline: "offline",
};
const school = new School("student", ["choice", "lesson"], chooseTutor, forget);
let tutor = null;
/** The lesson that was begun and not ended: what the web tier answered, and the tutor's name. Outlives a reload. */
let lesson = JSON.parse(sessionStorage.getItem("lesson"));
/** ms before each attempt to come back to a lesson whose connection was lost. */
const AGAIN_MS = [0, 1000, 3000, 6000, 10000];
const LOST = "Oh, the connection is gone. Getting your tutor back…";
const conversation = new Conversation($("transcript"), () => ({ you: "You:", unheard: "Not said any more:" }));

function forget() {
  keepLesson(null);
  conversation.clear();
}

function keepLesson(value) {
  lesson = value;
  if (value) sessionStorage.setItem("lesson", JSON.stringify(value));
  else sessionStorage.removeItem("lesson");
}

async function chooseTutor() {
  const tutors = await school.api("GET", "/api/tutors");
  $("tutors").replaceChildren(...tutors.map(({ id, name, subject }) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const face = document.createElement("img");
    face.src = `/api/tutors/${id}/picture.jpg`;
    face.alt = "";
    face.addEventListener("error", () => face.remove());
    const title = document.createElement("b");
    title.textContent = name;
    const taught = document.createElement("span");
    taught.textContent = subject;
    button.append(face, title, taught);
    button.addEventListener("click", () => school.attempt(() => begin(id, name)));
    item.append(button);
    return item;
  }));
  $("resume").hidden = !lesson;
  $("resume").textContent = `Go on with ${lesson?.name}`;
  school.show("choice");
}

/** The two calls that matter: a session from the school's server, and a connection to the engine. */
async function begin(tutorId, name) {
  if (lesson) await endLesson().catch(() => {});
  keepLesson({ ...await school.api("POST", "/api/student/sessions", { tutor_id: tutorId }), name });
  conversation.clear();
  await enter();
}

/** Into the lesson; back to the choice if that fails. */
async function enter() {
  school.show("lesson");
  try {
    await connect();
  } catch (error) {
    console.info(error);
    await endLesson().catch(() => {});
    await chooseTutor();
    throw new Error("Your tutor did not come. Please try again in a moment.");
  }
}

/** To the lesson that was begun; the engine knows what was said in it. */
async function connect() {
  tutor?.close();
  tutor = new TutorClient({
    engineUrl: lesson.engine_url, token: lesson.engine_token, video: $("speech"), avatarId: lesson.avatar_id,
    renew: renewToken, resumeUrl: lesson.resume_url,
  });
  listen(tutor);
  const ready = await tutor.connect();
  $("tutor-name").textContent = ready.tutor;
  $("ai").textContent = `Your tutor is an AI${ready.model ? ` (${ready.model.replaceAll("-", "\u2011")})` : ""} and can be wrong.`;
  $("picture").classList.toggle("live", tutor.transport === "webrtc");
  if (tutor.transport !== "webrtc") {
    $("idle").src = new URL(ready.idle_url, lesson.engine_url.replace(/^ws/, "http"));
    $("idle").play().catch(() => {});
  }
  if (conversation.empty) tutor.greet();
  if (matchMedia("(pointer: fine)").matches) $("text").focus({ preventScroll: true });
}

/** The connection was lost: to the same lesson again, a few times. */
async function connectAgain() {
  const mine = lesson;
  conversation.stop();
  microphoneIs(false);
  school.tell(LOST);
  for (const wait of AGAIN_MS) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (lesson !== mine || $("lesson").hidden) return;
    try {
      await connect();
      return school.tell();
    } catch (error) {
      console.info(error);
      if (error instanceof Refused) break;
    }
  }
  tutor.close();
  await chooseTutor();
  school.tell("Your tutor cannot be reached. Check the internet connection and try again.");
}

/** A new token for the lesson that goes on, before the old one runs out. */
async function renewToken() {
  const mine = lesson;
  const { engine_token } = await school.api("POST", `/api/student/sessions/${mine.session_id}/token`);
  if (lesson?.session_id === mine.session_id) keepLesson({ ...lesson, engine_token });
  return engine_token;
}

/** Give the tutor back. */
async function endLesson() {
  const { session_id: id } = lesson;
  keepLesson(null);
  tutor?.close();
  microphoneIs(false);
  await school.api("DELETE", `/api/student/sessions/${id}`);
}

function listen(client) {
  const on = (type, handle) => client.addEventListener(type, ({ detail }) => client === tutor && handle(detail));
  on("state", showState);
  on("word", ({ text, turn }) => {
    conversation.say(turn, text);
    const soFar = /[.!?。！？]$/.test($("captions").textContent) ? "" : $("captions").textContent;
    $("captions").textContent = `${soFar} ${text}`.trim();
  });
  on("partial_transcription", ({ content, stable }) => conversation.hearing(content.slice(0, stable).trim()));
  on("transcription", ({ content, continues }) => {
    conversation.hearing();
    if (continues) conversation.askOn(content);
    else conversation.ask(content);
  });
  on("no_speech", () => conversation.hearing());
  on("text_delta", ({ turn, content }) => conversation.grow(turn, content));
  on("text", ({ turn, content }) => conversation.whole(turn, content));
  on("captions", ({ turn }) => conversation.spoken(turn));
  on("interrupted", ({ turn, content }) => conversation.cut(turn, content));
  on("turn_done", ({ turn }) => conversation.sent(turn));
  on("error", ({ turn, message }) => {
    console.info(message);
    if (turn) conversation.mute(turn);
    school.tell("Something went wrong. Please say that again.");
  });
  on("stalled", ({ stalled }) => school.tell(stalled ? LOST : ""));
  on("closed", ({ reason, replaced }) => {
    if (!replaced && !reason.startsWith("session")) return connectAgain();
    if (!replaced) keepLesson(null);
    microphoneIs(false);
    return chooseTutor().then(() => school.tell(lesson ? "This lesson was opened in another window." : "This lesson is over."));
  });
}

function microphoneIs(on) {
  $("microphone").setAttribute("aria-pressed", String(on));
  showState();
}

function showState() {
  const state = tutor?.state ?? "offline";
  const heard = $("microphone").getAttribute("aria-pressed") === "true";
  $("state").textContent = state === "listening" && !heard ? "ready" : STATES[state];
  $("state").dataset.state = state;
  $("picture").classList.toggle("speaking", state === "speaking");
  $("stop").hidden = state !== "speaking";
  $("send").hidden = !$("stop").hidden && !$("text").value;
  if (state !== "speaking") $("captions").textContent = "";
  if (state === "listening") conversation.silent();
  conversation.waiting(state === "thinking" || (state === "speaking" && conversation.unsaid));
}

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  if (tutor.state === "offline") return;
  $("text").value = "";
  school.tell();
  conversation.ask(text);
  tutor.say(text);
  showState();
});
$("microphone").addEventListener("click", () => school.attempt(async () => {
  const open = $("microphone").getAttribute("aria-pressed") === "true";
  if (open) tutor.closeMicrophone();
  else await tutor.openMicrophone();
  microphoneIs(!open);
}));
$("stop").addEventListener("click", () => tutor.interrupt());
$("text").addEventListener("input", showState);
$("leave").addEventListener("click", () => school.attempt(async () => {
  await endLesson().finally(chooseTutor);
}));
$("resume").addEventListener("click", () => school.attempt(enter));
document.addEventListener("keydown", ({ key }) => key === "Escape" && tutor?.interrupt());
// A closed tab gives its seat back; one that was only reloaded says that it is here again.
addEventListener("pagehide", () => {
  if (lesson) leave(lesson.engine_url, lesson.engine_token);
  tutor?.close();
});
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
if (lesson && school.isLoggedIn) renewToken().catch(() => {});
$("log-out").addEventListener("click", () => school.attempt(async () => {
  tutor?.close();
  if (lesson) await endLesson().catch(() => {});
  school.logOut();
}));

if (school.isLoggedIn) school.attempt(chooseTutor);
else school.show("login");
