/** The built-in page: a session of its own, the tutor, captions, microphone, text, states. */
import { TutorClient } from "./client.js";
import { TEXTS } from "./texts.js";

const $ = (id) => document.getElementById(id);
const store = window.localStorage;
let language = store.getItem("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en");
let texts = TEXTS[language];
let tutor = null;
let session = null;
let answer = null;
let captionTurn = 0;

function translate() {
  texts = TEXTS[language];
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-i18n]")) node.textContent = texts[node.dataset.i18n];
  for (const node of document.querySelectorAll("[data-i18n-label]")) {
    node.ariaLabel = node.title = texts[node.dataset.i18nLabel];
  }
  for (const node of document.querySelectorAll("[data-i18n-placeholder]")) node.placeholder = texts[node.dataset.i18nPlaceholder];
  $("language").textContent = language === "zh" ? "English" : "中文";
  $("transcript").dataset.empty = texts.empty;
  showState(tutor?.state ?? "ready");
}

function showState(state) {
  $("state").textContent = texts.states[state];
  $("state").dataset.state = state;
  $("picture").classList.toggle("speaking", state === "speaking");
  $("stop").hidden = state !== "speaking" && state !== "thinking";
  $("send").hidden = !$("stop").hidden && !$("text").value;
  if (state !== "speaking") hideCaptions();
}

function problem(text) {
  $("problem").textContent = text ?? "";
  $("problem").hidden = !text;
}

function add(role, text) {
  const line = document.createElement("li");
  line.className = role;
  line.textContent = text;
  $("transcript").append(line);
  line.scrollIntoView({ block: "end" });
  return line;
}

function hideCaptions() {
  $("captions").classList.remove("shown");
}

function caption(word) {
  const box = $("captions");
  const text = box.textContent;
  if (word.turn !== captionTurn || /[.!?。！？]$/.test(text) || text.length > 90) box.replaceChildren();
  captionTurn = word.turn;
  const span = document.createElement("span");
  const cjk = /[\u3000-\u9fff]$/.test(box.textContent) && /^[\u3000-\u9fff]/.test(word.text);
  span.textContent = (box.textContent && !cjk ? " " : "") + word.text;
  box.append(span);
  box.classList.toggle("shown", $("captions-on").checked);
}

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
  if (response.ok) return response.status === 204 ? null : response.json();
  if (response.status === 401) {
    $("key-row").hidden = false;
    $("settings").showModal();
    throw new Error(texts.problems.key);
  }
  const { error } = await response.json();
  const after = response.headers.get("Retry-After");
  throw new Error(error.code === "busy" && after ? texts.problems.busy.replace("{s}", after) : error.message);
}

async function start() {
  problem();
  $("start").disabled = true;
  try {
    session ??= await call("POST", "v1/sessions", { tutor_id: tutorId(), student_id: 0 });
    sessionStorage.setItem("session", JSON.stringify(session));
    tutor = new TutorClient({
      engineUrl: session.engine_url, token: session.engine_token, video: $("speech"), avatarId: $("avatar").value || undefined,
    });
    listen(tutor);
    const ready = await tutor.connect();
    $("tutor-name").textContent = ready.tutor;
    showIdle(ready.idle_url);
    $("welcome").hidden = true;
    for (const id of ["text", "send", "microphone"]) $(id).disabled = false;
    if (ready.greeting && !$("transcript").children.length) add("assistant", ready.greeting);
    await openMicrophone();
    $("text").focus();
  } catch (error) {
    session = null;
    sessionStorage.removeItem("session");
    tutor = null;
    showState("offline");
    problem(error.message);
  } finally {
    $("start").disabled = false;
  }
}

function tutorId() {
  return Number($("avatar").value.match(/\d+$/)?.[0] ?? 13);
}

function listen(client) {
  const on = (type, handle) => client.addEventListener(type, ({ detail }) => handle(detail));
  on("state", ({ state }) => showState(state));
  on("word", caption);
  on("partial_transcription", ({ content, stable }) => {
    const b = document.createElement("b");
    b.textContent = content.slice(0, stable);
    $("hearing").replaceChildren(b, content.slice(stable));
  });
  on("transcription", ({ content }) => {
    $("hearing").replaceChildren();
    add("user", content);
    answer = null;
  });
  on("no_speech", () => $("hearing").replaceChildren());
  on("text_delta", ({ content, turn }) => {
    if (answer?.turn !== turn) answer = { turn, line: add("assistant", "") };
    answer.line.textContent = (answer.line.textContent + content).trimStart();
    answer.line.scrollIntoView({ block: "end" });
  });
  on("interrupted", ({ turn, content }) => {
    if (answer?.turn !== turn) return;
    if (content) {
      answer.line.textContent = content;
      answer.line.classList.add("cut");
    } else answer.line.remove();
  });
  on("firstframe", ({ ms }) => {
    $("latency").textContent = texts.firstPicture.replace("{ms}", Math.round(ms));
    $("latency").hidden = false;
  });
  on("turn_done", ({ timings }) => {
    const rows = Object.entries(timings).map(([stage, ms]) => {
      const row = document.createElement("tr");
      row.append(...[stage.replaceAll("_", " "), Math.round(ms)].map((text) => {
        const cell = document.createElement("td");
        cell.textContent = text;
        return cell;
      }));
      return row;
    });
    $("timings").tBodies[0].replaceChildren(...rows);
    $("timings").hidden = false;
  });
  on("error", ({ message }) => problem(message));
  on("closed", ({ code, reason }) => {
    showState("offline");
    problem(code === 1008 ? texts.problems.replaced : texts.problems.lost);
    if (reason.startsWith("session")) {
      session = null;
      sessionStorage.removeItem("session");
    }
    $("welcome").hidden = false;
    for (const id of ["text", "send", "microphone"]) $(id).disabled = true;
    showMicrophone(false);
  });
}

async function openMicrophone() {
  const button = $("microphone");
  try {
    await tutor.openMicrophone({
      deviceId: $("device").value || undefined,
      pushToTalk: $("push-to-talk").checked,
      onLevel: (level) => button.style.setProperty("--level", Math.min(1, level * 8)),
    });
    showMicrophone(!$("push-to-talk").checked);
    await listDevices();
  } catch (error) {
    showMicrophone(false);
    problem(texts.problems.microphone.replace("{why}", error.message));
  }
}

function showMicrophone(open) {
  $("microphone").setAttribute("aria-pressed", String(open));
}

function talk(down) {
  if (!tutor || !$("push-to-talk").checked) return;
  tutor.talk(down);
  showMicrophone(down);
}

async function listDevices() {
  const devices = (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === "audioinput");
  const { value } = $("device");
  $("device").replaceChildren(...devices.map((d) => new Option(d.label || d.deviceId, d.deviceId)));
  if (value) $("device").value = value;
}

async function listAvatars() {
  const { avatars } = await call("GET", "v1/avatars");
  $("avatar").replaceChildren(...avatars.map((a) => new Option(a.name, a.id)));
  $("avatar").value = store.getItem("avatar") ?? avatars.find((a) => a.id === "avatar_tutor_13")?.id ?? avatars[0].id;
  showIdle(avatars.find((a) => a.id === $("avatar").value)?.idle_url);
}

function showIdle(url) {
  if (url && $("idle").getAttribute("src") !== url) {
    $("idle").src = url;
    $("idle").play().catch(() => {});
  }
}

$("start").addEventListener("click", start);
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text || !tutor) return;
  problem();
  add("user", text);
  answer = null;
  tutor.say(text);
  $("text").value = "";
});
$("text").addEventListener("input", () => showState(tutor?.state ?? "ready"));
$("stop").addEventListener("click", () => tutor?.interrupt());
$("microphone").addEventListener("pointerdown", () => talk(true));
for (const type of ["pointerup", "pointerleave", "pointercancel"]) $("microphone").addEventListener(type, () => talk(false));
$("microphone").addEventListener("click", () => {
  if ($("push-to-talk").checked) return;
  if ($("microphone").getAttribute("aria-pressed") === "true") {
    tutor.closeMicrophone();
    showMicrophone(false);
  } else openMicrophone();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") tutor?.interrupt();
  if (event.code === "Space" && event.target === document.body && !event.repeat) talk(true);
});
document.addEventListener("keyup", (event) => {
  if (event.code === "Space" && event.target === document.body) talk(false);
});
$("settings-open").addEventListener("click", () => $("settings").showModal());
$("settings").addEventListener("close", () => {
  if ($("key").value) sessionStorage.setItem("key", $("key").value);
  store.setItem("avatar", $("avatar").value);
});
$("device").addEventListener("change", () => tutor && openMicrophone());
$("push-to-talk").addEventListener("change", () => tutor && openMicrophone());
$("avatar").addEventListener("change", () => {
  store.setItem("avatar", $("avatar").value);
  if (tutor) {
    tutor.close();
    start();
  }
});
$("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  store.setItem("language", language);
  translate();
});

try {
  session = JSON.parse(sessionStorage.getItem("session"));
} catch {
  session = null;
}
translate();
listAvatars().catch((error) => problem(error.message));
