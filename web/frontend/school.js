/** What the pages of students and teachers share: who is logged in, calls to the school's server, and what went wrong. */
export const $ = (id) => document.getElementById(id);

export class School {
  #role;
  #parts;
  #loggedOut;
  #login;

  /**
   * A page with a form `login`; it is logged in for as long as its tab lives.
   * @param {"student" | "teacher"} role  who logs in here
   * @param {string[]} parts  ids of the parts of the page, of which one is shown at a time
   * @param {() => Promise<void>} loggedIn  shows the first part after the login
   * @param {() => void} loggedOut  forgets what the account has left on the page
   */
  constructor(role, parts, loggedIn, loggedOut) {
    this.#role = role;
    this.#parts = parts;
    this.#loggedOut = loggedOut;
    this.#login = JSON.parse(sessionStorage.getItem(role));
    $("login").addEventListener("submit", (event) => {
      event.preventDefault();
      this.attempt(async () => {
        const given = { username: $("username").value, password: $("password").value };
        this.#login = await this.api("POST", `/api/${role}/login`, given);
        sessionStorage.setItem(role, JSON.stringify(this.#login));
        $("password").value = "";
        await loggedIn();
      });
    });
  }

  get isLoggedIn() {
    return this.#login !== null;
  }

  /** What the server answers; null where it answers nothing. Its errors are thrown in words for people. */
  async api(method, path, body) {
    const headers = { "Content-Type": "application/json" };
    if (this.#login) headers.Authorization = `Bearer ${this.#login.access_token}`;
    const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    if (response.ok) return response.status === 204 ? null : response.json();
    if (response.status === 401) this.logOut();
    const { detail } = await response.json();
    const wait = response.headers.get("Retry-After");
    throw new Error(`${typeof detail === "string" ? detail : "that is not right"}${wait ? `; try again in ${wait} s` : ""}`);
  }

  /** Run what somebody asked for; say what went wrong. */
  async attempt(action) {
    this.tell();
    try {
      await action();
    } catch (error) {
      this.tell(error.message);
    }
  }

  tell(problem = "") {
    $("problem").textContent = problem;
    $("problem").hidden = !problem;
  }

  /** Shows one part of the page, and who is logged in. */
  show(id) {
    for (const part of ["login", ...this.#parts]) $(part).hidden = part !== id;
    $("log-out").hidden = !this.#login;
    $("greeting").textContent = this.#login ? `Hello, ${this.#login[this.#role].name}` : "";
  }

  logOut() {
    if (!this.#login) return;
    this.#login = null;
    sessionStorage.removeItem(this.#role);
    this.#loggedOut();
    this.show("login");
  }
}
