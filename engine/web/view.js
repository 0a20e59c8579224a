/** What the page shows, in the student's language: state, captions, problems, timings. Independent of the connection. */
import { TEXTS } from "./texts.js";

const NOTE_MS = 5000;
const LONGEST_CAPTION = 90;

export const $ = (id) => document.getElementById(id);
export const store = window.localStorage;

/** With `?debug` in its address the page shows what developers look at: latency, transport, timings, causes. */
export const DEBUG = new URLSearchParams(location.search).has("debug");
document.body.classList.toggle("debug", DEBUG);

let language = store.getItem("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en");
let noteTimer = 0;
let captionTurn = 0;
let retranslate = () => {};

/** The texts of the page in the current language. */
export let texts = TEXTS[language];

/** Subjects with questions to begin with, in the tutor's language. */
export function subjectsIn(tutorLanguage) {
  return (TEXTS[tutorLanguage] ?? TEXTS.en).subjects;
}

/** The name of a language, in the page's. */
export function languageName(code) {
  return new Intl.DisplayNames([document.documentElement.lang], { type: "language" }).of(code);
}

/** Translate the page now and at each change of language; `also` translates what is not marked in the HTML. */
export function translated(also) {
  retranslate = also;
  translate();
}

function translate() {
  const told = Object.keys(texts.problems).find((key) => texts.problems[key] === $("problem").textContent);
  texts = TEXTS[language];
  if (told) $("problem").textContent = texts.problems[told];
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-i18n]")) node.textContent = texts[node.dataset.i18n];
  for (const node of document.querySelectorAll("[data-i18n-label]")) label(node, texts[node.dataset.i18nLabel]);
  $("text").placeholder = texts.placeholder;
  $("language").textContent = language === "zh" ? "English" : "中文";
  $("language").lang = language === "zh" ? "en" : "zh-CN";
  retranslate();
}

$("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  store.setItem("language", language);
  translate();
});

/** Sets the name for screen readers and, for a button, its tooltip. */
export function label(node, text) {
  node.setAttribute("aria-label", text);
  if (node.tagName === "BUTTON") node.title = text;
}

/**
 * @param {string} state  a state of the client, or "ready" before there is one
 * @param {boolean} heard  whether a microphone is open; without one the tutor waits instead of listening
 */
export function showState(state, heard) {
  $("state").textContent = texts.states[state === "listening" && !heard ? "waiting" : state];
  $("state").dataset.state = state;
  $("picture").classList.toggle("speaking", state === "speaking");
  const busy = state === "speaking" || state === "thinking";
  const typed = $("text").value.trim() !== "";
  const focused = document.activeElement === $("stop");
  $("stop").hidden = !busy || typed;
  $("send").hidden = !$("stop").hidden;
  if (focused && $("stop").hidden && matchMedia("(pointer: fine)").matches) $("text").focus({ preventScroll: true });
  if (state !== "speaking") $("captions").classList.remove("shown");
}

/** Something that the student must know or do; stays until then. `calm` is for what solves itself. */
export function problem(text = "", calm = false) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
  $("problem").classList.toggle("calm", calm);
}

/** A message that disappears by itself. */
export function note(text) {
  clearTimeout(noteTimer);
  $("note").textContent = text;
  $("note").hidden = false;
  noteTimer = setTimeout(() => { $("note").hidden = true; }, NOTE_MS);
}

/** The tutor's next word, when it is heard. */
export function caption(word) {
  const box = $("captions");
  const text = box.textContent;
  if (word.turn !== captionTurn || /[.!?。！？]$/.test(text) || text.length > LONGEST_CAPTION) box.replaceChildren();
  captionTurn = word.turn;
  const span = document.createElement("span");
  const joined = /[\u3000-\u9fff\uff00-\uffef]$/.test(box.textContent) && /^[\u3000-\u9fff]/.test(word.text);
  span.textContent = (box.textContent && !joined ? " " : "") + word.text;
  box.append(span);
  box.classList.toggle("shown", $("captions-on").getAttribute("aria-pressed") === "true");
}

/** How long the stages of the last answer took: ms by name. */
export function showTimings(timings) {
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

/** The avatar before anything is said: a still picture, there from the first moment. */
export function showFace(avatarId) {
  const still = `v1/avatars/${avatarId}/still.jpg`;
  if (!avatarId || $("still").getAttribute("src") === still) return;
  $("still").src = still;
  $("still").hidden = false;
  $("idle").removeAttribute("src");
  $("idle").load();
}

// The picture of an operator's own avatar needs the models: it is asked for again when they are loaded.
$("still").addEventListener("error", () => {
  $("still").hidden = true;
  $("still").removeAttribute("src");
});

/** The avatar breathing and blinking, as soon as that has loaded. */
export function showIdle(avatarId) {
  const loop = `v1/avatars/${avatarId}/idle.mp4`;
  if ($("idle").getAttribute("src") === loop) return;
  $("idle").src = loop;
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) $("idle").play().catch(() => {});
}
