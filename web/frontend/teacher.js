/** A teacher's page: lessons of one's own students, what was said in them, and when the guard stepped in. */
import { $, School } from "./school.js";

const school = new School("teacher", ["overview", "lesson-read"], overview, clearPage);
let students = new Map();

function clearPage() {
  for (const list of ["lessons", "safety", "lines"]) $(list).replaceChildren();
}

const when = (iso) => new Date(iso).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
const clock = (ms) => `${Math.floor(ms / 60000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`;
const words = (name) => name.replaceAll("_", " ");

/** An element with text and class; children may follow. */
function element(tag, text, className = "", ...children) {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  made.append(...children);
  return made;
}

/** A list item with a button that opens a lesson. */
function opening(lessonId, title, facts) {
  const button = element("button", "", "", element("b", title), element("span", facts, "quiet"));
  button.type = "button";
  button.addEventListener("click", () => school.attempt(() => read(lessonId)));
  return element("li", "", "", button);
}

async function overview() {
  const taught = await school.api("GET", "/api/teacher/students");
  students = new Map(taught.map(({ id, name }) => [id, name]));
  const chosen = $("student").value;
  $("student").replaceChildren(new Option("All", ""), ...taught.map(({ id, name }) => new Option(name, id)));
  $("student").value = students.has(Number(chosen)) ? chosen : "";
  const only = $("student").value;
  const [lessons, safety] = await Promise.all([
    school.api("GET", `/api/teacher/lessons${only ? `?student_id=${only}` : ""}`), school.api("GET", "/api/teacher/safety"),
  ]);
  const shown = safety.filter(({ student_id: id }) => !only || String(id) === only);
  $("safety").replaceChildren(...shown.map((note) => opening(
    note.lesson_id, `${students.get(note.student_id)}: ${words(note.category)}`,
    `${when(note.at)} · ${note.stage === "question" ? "in what the student said" : "in the tutor’s answer"}`,
  )));
  if (!shown.length) $("safety").append(element("li", "Nothing was held back.", "quiet"));
  $("lessons").replaceChildren(...lessons.map((lesson) => opening(
    lesson.lesson_id, `${students.get(lesson.student_id)} with ${lesson.tutor}`,
    `${when(lesson.started_at)} · ${lesson.usage.replies ?? 0} answers${lesson.ended ? "" : " · not ended yet"}`,
  )));
  if (!lessons.length) $("lessons").append(element("li", "There are no lessons yet.", "quiet"));
  $("forget").hidden = !only;
  school.show("overview");
}

/** One line of the lesson: who, when, what was heard, and what was not. */
function line(entry, tutor) {
  const text = element("p", entry.held_back ? `(held back: ${words(entry.held_back)})` : entry.text);
  if (entry.unheard) text.append(element("span", ` ${entry.unheard}`, "unheard"));
  const item = element("li", "", entry.who, element("b", `${entry.who === "student" ? "Student" : tutor} `),
    element("span", clock(entry.start_ms), "quiet"), text);
  for (const { document: name, page } of entry.sources) {
    item.append(element("p", `From ${name}${page ? `, page ${page}` : ""}`, "quiet"));
  }
  return item;
}

async function read(lessonId) {
  const lesson = await school.api("GET", `/api/teacher/lessons/${encodeURIComponent(lessonId)}`);
  $("lesson-title").textContent = `${students.get(lesson.student_id)} with ${lesson.tutor}`;
  const { listened_s: listened = 0, spoken_s: spoken = 0, interruptions = 0 } = lesson.usage;
  $("lesson-facts").textContent = `${when(lesson.started_at)} · student’s microphone ${clock(listened * 1000)}, `
    + `tutor spoke ${clock(spoken * 1000)}, ${interruptions} interruptions. Grey: written, but not heard.`;
  $("lines").replaceChildren(...lesson.entries.filter(({ continued }) => !continued).map((e) => line(e, lesson.tutor)));
  school.show("lesson-read");
  $("back").focus();
}

async function forget() {
  const name = students.get(Number($("student").value));
  if (!confirm(`Delete all lessons of ${name}? This cannot be undone. A lesson that is running ends.`)) return;
  await school.api("DELETE", `/api/teacher/students/${$("student").value}/records`);
  await overview();
}

$("log-out").addEventListener("click", () => school.logOut());
$("refresh").addEventListener("click", () => school.attempt(overview));
$("student").addEventListener("change", () => school.attempt(overview));
$("forget").addEventListener("click", () => school.attempt(forget));
$("back").addEventListener("click", () => school.attempt(overview));
if (school.isLoggedIn) school.attempt(overview);
else school.show("login");
