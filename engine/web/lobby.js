/** The first screen: who to talk with, what about, and how far the engine has woken up. Also the choices in the settings. */
import { $, languageName, showFace, showIdle, store, subjectsIn, texts } from "./view.js";

/** The avatar if neither the student nor the tutor's profile names one. */
const FALLBACK_FACE = "avatar_tutor_13";
const FIRST_TUTOR = "13";

let tutors = [];
let faces = [];
/** Id of the tutor that was chosen last. */
let current = "";
let ready = false;

/**
 * Show the tutors. Called once as soon as the engine answers, and again when its models are loaded.
 * @param {{id: string, name: string, language: string, avatar: string | null, greeting: string}[]} profiles
 *   of `GET /v1/tutors`
 * @param {{id: string, name: string}[] | null} avatars  of `GET /v1/avatars`; null: not known yet
 * @param {Set<string> | null} languages  what the loaded models speak; null: not known, or anything
 */
export function offerTutors(profiles, avatars, languages) {
  ready = avatars !== null;
  faces = avatars ?? [];
  // Sessions take a number; profiles with other ids are for the operator's own use.
  tutors = profiles.filter(({ id }) => /^\d+$/.test(id))
    .map(({ id, name, avatar, language, greeting }) => ({ id, name, language, greeting, face: avatar ?? FALLBACK_FACE }));
  const spoken = tutors.filter(({ language }) => !languages || languages.has(language));
  if (spoken.length) tutors = spoken;
  if (!tutors.length) tutors = [{ id: "0", name: "Tutor", language: "en", greeting: "", face: FALLBACK_FACE }];
  for (const tutor of tutors) if (!known(tutor.face)) tutor.face = known(FALLBACK_FACE) ? FALLBACK_FACE : faces[0]?.id;
  const wanted = [store.getItem("tutor"), FIRST_TUTOR, tutors[0].id].find((id) => tutors.some((tutor) => tutor.id === id));
  $("tutor").replaceChildren(...tutors.map(({ id, name }) => new Option(name, id)));
  $("tutor").value = current = wanted;
  $("face").replaceChildren($("face").options[0], ...faces.map(({ id, name }) => new Option(name, id)));
  if (faces.some(({ id }) => id === store.getItem("face"))) $("face").value = store.getItem("face");
  showCards();
  showChoice();
}

/**
 * What the student chooses.
 * @param {{tutor: (id: string, previous: string) => Promise<boolean>, face: () => void}} on  `tutor` may refuse
 */
export function onChoice(on) {
  const change = async ({ target }) => {
    const previous = current;
    const accepted = target.value === previous || await on.tutor(target.value, previous);
    if (accepted) store.setItem("tutor", target.value);
    choose(accepted ? target.value : previous);
  };
  $("tutors").addEventListener("change", change);
  $("tutor").addEventListener("change", change);
  $("face").addEventListener("change", ({ target }) => {
    store.setItem("face", target.value);
    showChoice();
    on.face();
  });
  $("subjects").addEventListener("change", ({ target }) => store.setItem("subject", target.value));
}

/** The number of the chosen tutor, for `POST /v1/sessions`. */
export function tutorNow() {
  return Number($("tutor").value || 0);
}

/** The name of a tutor, the chosen one if no id is given. */
export function nameOf(id = $("tutor").value) {
  return tutors.find((tutor) => tutor.id === id)?.name ?? "";
}

/** Id of the avatar to show: the student's choice or else the tutor's own. */
export function faceNow() {
  return $("face").value || chosen()?.face;
}

/** Questions to begin with: of the chosen subject, in the tutor's language. */
export function questionsNow() {
  const subjects = subjectsIn(chosen()?.language);
  return (subjects[store.getItem("subject")] ?? Object.values(subjects)[0]).questions;
}

/** How far the engine has woken up, 0 to 1 or null if it does not tell; without a value: it is awake. */
export function showWaking(text = "", progress = null) {
  $("waking").hidden = !text;
  if ($("waking").firstChild.textContent !== text) $("waking").firstChild.textContent = text;
  const bar = $("waking").querySelector("progress");
  if (progress === null) bar.removeAttribute("value");
  else bar.value = Math.max(8, 100 * progress);
}

/** Write what depends on the page's language. */
export function showChoices() {
  showCards();
  showSubjects();
  showChoice();
}

function chosen() {
  return tutors.find(({ id }) => id === $("tutor").value);
}

function known(id) {
  return !ready || faces.some((face) => face.id === id);
}

function choose(id) {
  $("tutor").value = current = id;
  const input = $("tutors").querySelector(`input[value="${id}"]`);
  if (input) input.checked = true;
  showChoice();
}

function showChoice() {
  const tutor = chosen();
  if (!tutor) return;
  $("greeting").textContent = tutor.greeting;
  $("greeting").lang = tutor.language;
  $("greeting").hidden = !tutor.greeting;
  showFace(faceNow());
  if (ready) showIdle(faceNow());
}

function showCards() {
  const focused = $("tutors").contains(document.activeElement);
  $("tutors").replaceChildren($("tutors").querySelector("legend"), ...tutors.map(card));
  if (focused) $("tutors").querySelector(":checked")?.focus();
}

function card({ id, name, face, language }) {
  const node = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "tutor", value: id });
  input.checked = id === $("tutor").value;
  const picture = Object.assign(document.createElement("img"), { src: `v1/avatars/${face}/still.jpg`, alt: "" });
  const caption = Object.assign(document.createElement("span"), { textContent: name });
  node.append(input, picture, caption);
  if (language === document.documentElement.lang.slice(0, 2)) return node;
  const speaks = document.createElement("small");
  speaks.textContent = texts.speaks.replace("{language}", languageName(language));
  node.append(speaks);
  return node;
}

function showSubjects() {
  const subjects = Object.entries(texts.subjects);
  const wanted = texts.subjects[store.getItem("subject")] ? store.getItem("subject") : subjects[0][0];
  $("subjects").replaceChildren($("subjects").querySelector("legend"), ...subjects.map(([id, { name }]) => {
    const node = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "subject", value: id });
    input.checked = id === wanted;
    node.append(input, name);
    return node;
  }));
}
