/** The list of voices in the settings: whom each sounds like, its language, licence and cost, and a sample to hear. */
import { $, label, texts } from "./view.js";

/** The engine with more than a hundred robotic voices, which are counted and not listed. */
const ROBOTIC = "espeak";

let sample = null;

/**
 * Fill the list when it is opened.
 * @param {(path: string) => Promise<Response>} get  reads a path of the engine's API
 */
export function offerVoices(get) {
  $("voices").addEventListener("toggle", async () => {
    sample?.pause();
    if (!$("voices").open) return;
    const list = $("voices").querySelector("ul");
    try {
      const { voices } = await (await get("v1/voices")).json();
      const robotic = voices.filter(({ engine }) => engine === ROBOTIC).length;
      const rest = document.createElement("li");
      rest.textContent = texts.roboticVoices.replace("{count}", robotic);
      list.replaceChildren(...voices.filter(({ engine }) => engine !== ROBOTIC).map((voice) => row(voice, get)), rest);
    } catch (error) {
      list.replaceChildren(error.message);
    }
  });
  $("settings").addEventListener("close", () => sample?.pause());
}

function row(voice, get) {
  const node = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "▶" });
  label(button, texts.hearVoice.replace("{name}", voice.name));
  button.addEventListener("click", () => play(voice.sample_url.slice(1), button, get));
  const name = Object.assign(document.createElement("span"), { textContent: voice.name });
  const about = Object.assign(document.createElement("small"), { textContent: described(voice).join(" · ") });
  node.append(button, name, about);
  return node;
}

function described({ presents, language, licence, real_time_factor: cost }) {
  const languages = new Intl.DisplayNames([document.documentElement.lang], { type: "language", fallback: "code" });
  return [
    texts.presents[presents],
    /^[a-z]{2,3}$/.test(language) && languages.of(language),
    licence,
    cost !== null && texts.voiceCost.replace("{percent}", (100 * cost).toPrecision(2)),
  ].filter(Boolean);
}

async function play(path, button, get) {
  sample?.pause();
  button.disabled = true;
  try {
    const address = URL.createObjectURL(await (await get(path)).blob());
    sample = new Audio(address);
    sample.addEventListener("pause", () => URL.revokeObjectURL(address), { once: true });
    await sample.play();
  } catch (error) {
    console.info(`no sample of a voice: ${error.message}`);
  } finally {
    button.disabled = false;
  }
}
