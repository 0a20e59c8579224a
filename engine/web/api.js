/** Calls of the engine's management API, which belongs to whoever runs the page: here, its own engine. */
import { $, texts } from "./view.js";

/** The engine is starting or full; try again after `afterMs`. */
export class Busy extends Error {
  /**
   * @param {string} message  the engine's own, for developers
   * @param {string | null} retryAfter  seconds
   * @param {number | null} progress  of loading, 0 to 1
   */
  constructor(message, retryAfter, progress) {
    super(message);
    this.afterMs = Number(retryAfter ?? 2) * 1000;
    this.progress = progress;
  }
}

/** Something that the student is told; `message` is in their language. */
export class Trouble extends Error {}

/**
 * @param {string} method
 * @param {string} path  relative to the page
 * @param {object} [body]  sent as JSON
 * @throws {Trouble} no answer, or an API key is needed
 * @throws {Busy} 503
 */
export async function call(method, path, body) {
  const response = await request(method, path, body);
  return response.status === 204 ? null : response.json();
}

/** The same, but gives the answer as it is. */
export async function request(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  const key = sessionStorage.getItem("key");
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Trouble(texts.problems.unreachable);
  }
  if (response.ok) return response;
  if (response.status === 401) {
    askForKey();
    throw new Trouble(texts.problems.key);
  }
  const { error, progress = null } = await response.json();
  if (response.status === 503) throw new Busy(error.message, response.headers.get("Retry-After"), progress);
  throw new Error(error.message);
}

function askForKey() {
  $("key-row").hidden = false;
  if (!$("settings").open) $("settings").showModal();
  $("key").focus();
}

$("settings").addEventListener("close", () => {
  if ($("key").value) sessionStorage.setItem("key", $("key").value);
});
