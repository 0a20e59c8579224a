/** A school's page: log in, choose a tutor, talk. What an integrator writes; the rest is in client.js. */
import { TutorClient } from "./client/client.js";

const $ = (id) => document.getElementById(id);
const STATES = {
  connecting: "connecting…", listening: "listening", hearing: "hears you", thinking: "thinking…",
  speaking: "speaking", offline: "offline",
};
let login = JSON.parse(sessionStorage.getItem("login"));
let tutor = null;
/** The lesson that was begun and not ended: what the web tier answered, and the tutor's name. Outlives a reload. */
let lesson = JSON.parse(sessionStorage.getItem("lesson"));
let answer = null;

async function api(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  if (login) headers.Authorization = `Bearer ${login.access_token}`;
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  if (response.ok) return response.status === 204 ? null : response.json();
  if (response.status === 401 && login) logOut();
  const { detail } = await response.json();
  const wait = response.headers.get("Retry-After");
  throw new Error(`${typeof detail === "string" ? detail : "that is not right"}${wait ? `; try again in ${wait} s` : ""}`);
}

/** Run what the student asked for; say what went wrong. */
async function attempt(action) {
  $("problem").hidden = true;
  try {
    await action();
  } catch (error) {
    $("problem").textContent = error.message;
    $("problem").hidden = false;
  }
}

function show(id) {
  for (const part of ["login", "choice", "lesson"]) $(part).hidden = part !== id;
  $("log-out").hidden = !login;
  $("greeting").textContent = login ? `Hello, ${login.student.name}` : "";
}

function logOut() {
  login = null;
  keepLesson(null);
  sessionStorage.removeItem("login");
  show("login");
}

function keepLesson(value) {
  lesson = value;
  if (value) sessionStorage.setItem("lesson", JSON.stringify(value));
  else sessionStorage.removeItem("lesson");
}

async function chooseTutor() {
  const tutors = await api("GET", "/api/tutors");
  $("tutors").replaceChildren(...tutors.map(({ id, name, subject }) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const face = document.createElement("img");
    face.src = `/api/tutors/${id}/picture.jpg`;
    face.alt = "";
    face.addEventListener("error", () => face.remove());
    const title = document.createElement("b");
    title.textContent = name;
    button.append(face, title, subject);
    button.addEventListener("click", () => attempt(() => begin(id, name)));
    item.append(button);
    return item;
  }));
  $("resume").hidden = !lesson;
  $("resume").textContent = `Go on with ${lesson?.name}`;
  show("choice");
}

/** The two calls that matter: a session from the school's server, and a connection to the engine. */
async function begin(tutorId, name) {
  if (lesson) await endLesson().catch(() => {});
  answer = null;
  keepLesson({ ...await api("POST", "/api/student/sessions", { tutor_id: tutorId }), name });
  $("transcript").replaceChildren();
  await connect();
}

/** To the lesson that was begun; the engine knows what was said in it. */
async function connect() {
  tutor = new TutorClient({
    engineUrl: lesson.engine_url, token: lesson.engine_token, video: $("speech"), avatarId: lesson.avatar_id,
    renew: renewToken,
  });
  listen();
  show("lesson");
  let ready;
  try {
    ready = await tutor.connect();
  } catch (error) {
    await endLesson().catch(() => {});
    await chooseTutor();
    throw error;
  }
  $("tutor-name").textContent = ready.tutor;
  $("picture").classList.toggle("live", tutor.transport === "webrtc");
  if (tutor.transport !== "webrtc") {
    $("idle").src = new URL(ready.idle_url, lesson.engine_url.replace(/^ws/, "http"));
    $("idle").play().catch(() => {});
  }
  if (ready.greeting && !$("transcript").children.length) add("assistant", ready.greeting);
  $("text").focus();
}

/** A new token for the lesson that goes on, before the old one runs out. */
async function renewToken() {
  const mine = lesson;
  const { engine_token } = await api("POST", `/api/student/sessions/${mine.session_id}/token`);
  if (lesson?.session_id === mine.session_id) keepLesson({ ...lesson, engine_token });
  return engine_token;
}

/** Give the tutor back. */
async function endLesson() {
  const { session_id: id } = lesson;
  keepLesson(null);
  tutor?.close();
  microphoneIs(false);
  await api("DELETE", `/api/student/sessions/${id}`);
}

function listen() {
  const on = (type, handle) => tutor.addEventListener(type, ({ detail }) => handle(detail));
  on("state", showState);
  on("word", ({ text }) => {
    const soFar = /[.!?。！？]$/.test($("captions").textContent) ? "" : $("captions").textContent;
    $("captions").textContent = `${soFar} ${text}`.trim();
  });
  on("transcription", ({ content, continues }) => {
    if (continues) takeBack();
    add("user", content);
  });
  on("text_delta", ({ turn, content }) => {
    if (answer?.turn !== turn) answer = { turn, line: add("assistant", "") };
    answer.line.textContent = (answer.line.textContent + content).trimStart();
  });
  on("interrupted", ({ turn, content }) => {
    if (answer?.turn === turn) answer.line.textContent = content ? `${content} …` : "…";
  });
  on("error", ({ message }) => attempt(() => { throw new Error(message); }));
  on("closed", () => attempt(() => {
    microphoneIs(false);
    chooseTutor();
    throw new Error("The connection was lost.");
  }));
}

/** The student goes on with what seemed to be all: the next line says it whole. */
function takeBack() {
  const asked = [...$("transcript").querySelectorAll(".user")].at(-1);
  while (asked?.nextSibling) asked.nextSibling.remove();
  asked?.remove();
}

function add(role, text) {
  const line = document.createElement("li");
  line.className = role;
  line.textContent = text;
  $("transcript").append(line);
  line.scrollIntoView({ block: "nearest" });
  return line;
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
}

$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    login = await api("POST", "/api/student/login", { username: $("username").value, password: $("password").value });
    sessionStorage.setItem("login", JSON.stringify(login));
    $("password").value = "";
    await chooseTutor();
  });
});
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  $("text").value = "";
  add("user", text);
  tutor.say(text);
});
$("microphone").addEventListener("click", () => attempt(async () => {
  const open = $("microphone").getAttribute("aria-pressed") === "true";
  if (open) tutor.closeMicrophone();
  else await tutor.openMicrophone();
  microphoneIs(!open);
}));
$("stop").addEventListener("click", () => tutor.interrupt());
$("text").addEventListener("input", showState);
$("leave").addEventListener("click", () => attempt(async () => {
  await endLesson().finally(chooseTutor);
}));
$("resume").addEventListener("click", () => attempt(connect));
$("log-out").addEventListener("click", () => attempt(async () => {
  tutor?.close();
  if (lesson) await endLesson().catch(() => {});
  logOut();
}));

if (login) attempt(chooseTutor);
else show("login");
