/** The choice of tutor before the first word, and the choice of avatar in the settings. */
import { $, showFace, store } from "./view.js";

/** The avatar if neither the student nor the tutor's profile names one. */
const FALLBACK_FACE = "avatar_tutor_13";

let tutors = [];

/**
 * Show the tutors and avatars.
 * @param {{id: string, name: string, language: string, avatar: string | null}[]} profiles  of `GET /v1/tutors`
 * @param {{id: string, name: string}[]} avatars  of `GET /v1/avatars`
 * @param {() => void} chosen  called when the student chooses another tutor or avatar
 */
export function offerTutors(profiles, avatars, chosen) {
  const known = (id) => avatars.some((avatar) => avatar.id === id);
  // Sessions take a number; profiles with other ids are for the operator's own use.
  tutors = profiles.filter(({ id }) => /^\d+$/.test(id))
    .map(({ id, name, avatar, language }) => ({ id, name, language, face: avatar }));
  if (!tutors.length) tutors = [{ id: "0", name: "Tutor", language: "en", face: null }];
  for (const tutor of tutors) if (!known(tutor.face)) tutor.face = known(FALLBACK_FACE) ? FALLBACK_FACE : avatars[0]?.id;
  const wanted = [store.getItem("tutor"), "13", tutors[0].id].find((id) => tutors.some((tutor) => tutor.id === id));
  $("tutors").replaceChildren($("tutors").querySelector("legend"), ...tutors.map((tutor) => card(tutor, tutor.id === wanted)));
  $("tutor").replaceChildren(...tutors.map(({ id, name }) => new Option(name, id)));
  $("tutor").value = wanted;
  $("face").replaceChildren($("face").options[0], ...avatars.map(({ id, name }) => new Option(name, id)));
  if (known(store.getItem("face"))) $("face").value = store.getItem("face");
  const changed = () => {
    showFace(faceNow());
    chosen();
  };
  $("tutors").onchange = ({ target }) => choose(target.value, changed);
  $("tutor").onchange = ({ target }) => choose(target.value, changed);
  $("face").onchange = ({ target }) => {
    store.setItem("face", target.value);
    changed();
  };
  showFace(faceNow());
}

/** The number of the chosen tutor, for `POST /v1/sessions`. */
export function tutorNow() {
  return Number($("tutor").value || 0);
}

/** The language of the chosen tutor, "en" if unknown. */
export function languageNow() {
  return tutors.find(({ id }) => id === $("tutor").value)?.language;
}

/** Id of the avatar to show: the student's choice or else the tutor's own. */
export function faceNow() {
  return $("face").value || tutors.find(({ id }) => id === $("tutor").value)?.face;
}

function choose(id, changed) {
  store.setItem("tutor", id);
  $("tutor").value = id;
  const card = $("tutors").querySelector(`input[value="${id}"]`);
  if (card) card.checked = true;
  changed();
}

function card({ id, name, face }, checked) {
  const node = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "tutor", value: id, checked });
  const picture = Object.assign(document.createElement("img"), { src: `v1/avatars/${face}/still.jpg`, alt: "" });
  const caption = Object.assign(document.createElement("span"), { textContent: name });
  node.append(input, picture, caption);
  return node;
}
