/** Asks before something cannot be taken back. */
import { $ } from "./view.js";

/**
 * @param {{question: string, consequence: string, yes: string}} texts
 * @returns {Promise<boolean>}  whether the student is sure
 */
export function sure({ question, consequence, yes }) {
  $("sure-question").textContent = question;
  $("sure-consequence").textContent = consequence;
  $("sure-yes").textContent = yes;
  $("sure").returnValue = "no";
  $("sure").showModal();
  return new Promise((answer) => {
    $("sure").addEventListener("close", () => answer($("sure").returnValue === "yes"), { once: true });
  });
}
