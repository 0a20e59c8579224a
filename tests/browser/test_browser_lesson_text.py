"""The written conversation of the built-in page: in step with the voice, and nothing that was read disappears."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import ARTEFACTS, EARS, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

AHEAD_MS = 200
"""How far the text may be ahead of the voice."""

AUDIBLE = 0.003
"""Loudness (RMS) above which sound counts as heard, about -50 dBFS."""

LESSON = """
window.lesson = {words: [], samples: [], asked: 0, sounded: 0};
const Socket = window.WebSocket;
window.WebSocket = class extends Socket {
  constructor(...all) {
    super(...all);
    this.addEventListener("message", ({data}) => {
      const message = JSON.parse(data);
      if (message.type === "captions" && message.turn === 1) lesson.words.push(...message.words);
    });
  }
  send(data) {
    if (typeof data === "string" && JSON.parse(data).type === "greet") lesson.asked = performance.now();
    super.send(data);
  }
};
addEventListener("DOMContentLoaded", () => setInterval(() => {
  const video = document.getElementById("speech");
  const line = document.querySelector("#transcript .assistant:not(.dots)");
  if (!lesson.sounded && video.currentTime > 0) lesson.sounded = performance.now();
  lesson.samples.push([video.currentTime * 1000, line?.textContent ?? ""]);
}, 20));
"""
"""Notes the caption words of reply 1, and every 20 ms how far it is played and what is shown of it. The first reply
over a WebSocket begins at media time 0."""

BY_EAR = """
window.lesson = {samples: [], asked: 0};
const send = RTCDataChannel.prototype.send;
RTCDataChannel.prototype.send = function (data) {
  if (JSON.parse(data).type === "greet") lesson.asked = ears.levels.at(-1)?.[0] ?? 0;
  return send.call(this, data);
};
addEventListener("DOMContentLoaded", () => setInterval(() => {
  const line = document.querySelector("#transcript .assistant:not(.dots)");
  lesson.samples.push([ears.levels.at(-1)?.[0] ?? 0, line?.textContent ?? ""]);
}, 20));
"""
"""The same over WebRTC, on the clock of ``EARS``: seconds."""

WRITTEN = """async (steps) => {
  const { Conversation } = await import("/static/conversation.js");
  sessionStorage.removeItem("conversation");
  const list = document.createElement("ol");
  const conversation = new Conversation(list, () => ({ you: "You: ", unheard: "Not said: " }));
  for (const [name, ...values] of steps) conversation[name](...values);
  const again = document.createElement("ol");
  new Conversation(again, () => ({ you: "You: ", unheard: "Not said: " }));
  return [list.innerHTML, again.innerHTML].map((html) => html.replaceAll(' aria-busy="false"', ""));
}"""
"""Gives the page's HTML after some steps, and what a reload makes of it."""


def line(inner: str, role: str = "assistant") -> str:
    return f'<li class="{role}"><div>{inner}</div></li>'


async def greeted(page: Page) -> None:
    await page.get_by_role("button", name="Start talking").click()
    await expect(page.locator("#welcome")).to_be_hidden()
    await until(lambda: page.evaluate("lesson.samples.at(-1)[1].length > 8"), "the first words of the greeting")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_the_greeting_is_spoken_and_its_text_appears_in_step_with_the_voice(
    engine_url: str, browse: Any, width: int, height: int
) -> None:
    page = await browse(
        f"{engine_url}/?transport=websocket", script=LESSON,
        viewport={"width": width, "height": height}, color_scheme="light",
    )  # fmt: skip
    await greeted(page)
    await page.screenshot(path=ARTEFACTS / f"greeting-{width}.png")
    await expect(page.locator("#transcript .assistant[aria-busy='false']")).to_have_count(1)
    lesson = await page.evaluate("lesson")
    print(f"greeting heard {lesson['sounded'] - lesson['asked']:.0f} ms after it was asked for")
    whole = lesson["samples"][-1][1]
    assert whole.split() == [word["text"] for word in lesson["words"]]
    assert len({text for _, text in lesson["samples"]}) > 3, "all of it appeared at once"
    ahead = [
        lesson["words"][len(text.split()) - 1]["start_ms"] - position
        for position, text in lesson["samples"]
        if text and text != whole
    ]
    print(f"text ahead of the voice: {max(ahead):.0f} ms at most")
    assert max(ahead) <= AHEAD_MS


async def test_over_webrtc_too_the_text_is_not_ahead_of_the_voice(engine_url: str, browse: Any) -> None:
    page = await browse(f"{engine_url}/?transport=webrtc", script=EARS + BY_EAR)
    await greeted(page)
    await expect(page.locator("#transcript .assistant[aria-busy='false']")).to_have_count(1)
    lesson, ears = await page.evaluate("lesson"), await page.evaluate("ears")
    words = [w for _, m in ears["events"] if m["type"] == "captions" for w in m["words"]]
    heard_at = next(at for at, _, level in ears["levels"] if at > lesson["asked"] and level > AUDIBLE)
    print(f"greeting heard {(heard_at - lesson['asked']) * 1000:.0f} ms after it was asked for")
    whole = lesson["samples"][-1][1]
    began = heard_at - words[0]["start_ms"] / 1000
    ahead = [
        words[len(text.split()) - 1]["start_ms"] - (at - began) * 1000
        for at, text in lesson["samples"]
        if text and text != whole
    ]
    print(f"text ahead of the voice: {max(ahead):.0f} ms at most")
    assert len(set(ahead)) > 3 and max(ahead) <= AHEAD_MS


async def test_what_was_not_heard_is_greyed_and_stays(engine_url: str, browse: Any) -> None:
    page = await browse(f"{engine_url}/?transport=websocket", script=LESSON, color_scheme="light")
    await greeted(page)
    read = str(await page.evaluate("lesson.samples.at(-1)[1]"))
    await page.locator("#text").fill("Why is the sky blue?")
    await page.locator("#text").press("Enter")
    greeting = page.locator("#transcript .assistant").first
    await expect(greeting.locator(".unheard")).to_be_visible()
    text = str(await greeting.text_content()).replace("Not said any more:", "")
    assert text.startswith(read) and len(text) > len(read)
    await expect(page.locator("#transcript > li").nth(1)).to_contain_text("Why is the sky blue?")
    answer = page.locator("#transcript .assistant:not(.dots)").nth(1)
    await until(lambda: answer.count(), "an answer")
    await until(
        lambda: page.evaluate("document.querySelector('#transcript').lastChild.textContent.length > 40"), "words"
    )
    await page.screenshot(path=ARTEFACTS / "mid-answer-1280.png")
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.screenshot(path=ARTEFACTS / "mid-answer-390.png")
    await page.set_viewport_size({"width": 1280, "height": 800})
    read = str(await answer.text_content())
    await page.locator("#stop").click()
    await expect(answer.locator(".unheard").first).to_be_visible()
    assert str(await answer.text_content()).replace("Not said any more:", "").startswith(read)
    await page.screenshot(path=ARTEFACTS / "interrupted-1280.png")
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.screenshot(path=ARTEFACTS / "interrupted-390.png")


async def test_an_interrupted_line_is_found_by_its_number_and_kept_over_a_reload(engine_url: str, browse: Any) -> None:
    page = await browse(f"{engine_url}/")
    shown, again = await page.evaluate(
        WRITTEN,
        [
            ["grow", 1, "Plants **turn light** into"],
            ["spoken", 1],
            ["say", 1, "Plants"],
            ["say", 1, "turn"],
            ["ask", "And animals?"],
            ["grow", 1, " sugar."],
            ["cut", 1, "Plants **turn"],
        ],
    )
    cut = (
        '<li class="assistant cut"><div><p>Plants <strong>turn</strong><span class="unheard"><span class="unseen">'
        'Not said: </span><strong> light</strong></span><span class="unheard"> into sugar. …</span></p></div></li>'
    )
    asked = '<li class="user"><span class="unseen">You: </span><div>And animals?</div></li>'
    assert shown == again == cut + asked


async def test_items_of_a_list_that_were_not_heard_are_grey_with_their_marks(engine_url: str, browse: Any) -> None:
    page = await browse(f"{engine_url}/")
    text = "- one\n- two"
    steps = [["grow", 1, text], ["whole", 1, text], ["cut", 1, "- one"]]
    shown, again = await page.evaluate(WRITTEN, steps)
    rest = '<span class="unheard"><span class="unseen">Not said: </span>two</span>'
    html = f'<ul><li>one</li><li class="unheard">{rest}</li></ul>'
    assert shown == again == line(html, "assistant cut")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("A *b* and `c` <i>d</i>", "<p>A <em>b</em> and <code>c</code> &lt;i&gt;d&lt;/i&gt;</p>"),
        ("So:\n\n- one\n- **two**", "<p>So:</p><ul><li>one</li><li><strong>two</strong></li></ul>"),
        ("3. three\n4. four", '<ol start="3"><li>three</li><li>four</li></ol>'),
        ("2 * 3 * 4 and a_b_c", "<p>2 * 3 * 4 and a_b_c</p>"),
        ("[sun](javascript:alert(1))", "<p>[sun](javascript:alert(1))</p>"),
        ("[sun](https://sun.org) **o", "<p>sun o</p>"),
        (
            "| n | <b>m</b> |\n|---|---|\n| **1** | 2 |\n\nIt costs $5 and $6.",
            '<div class="table"><table><tbody><tr><th>n</th><th>&lt;b&gt;m&lt;/b&gt;</th></tr>'
            "<tr><td><strong>1</strong></td><td>2</td></tr></tbody></table></div><p>It costs $5 and $6.</p>",
        ),
    ],
)
async def test_markdown_is_shown_as_what_it_means_and_html_as_text(
    engine_url: str, browse: Any, text: str, html: str
) -> None:
    page = await browse(f"{engine_url}/")
    shown, again = await page.evaluate(WRITTEN, [["grow", 1, text], ["whole", 1, text], ["sent", 1]])
    assert shown == again == line(html)


async def test_a_reply_without_a_voice_appears_as_it_comes_and_words_bring_the_text_they_stand_in(
    engine_url: str, browse: Any
) -> None:
    page = await browse(f"{engine_url}/")
    steps: list[list[Any]] = [["grow", 1, "One, two", True]]
    shown, _ = await page.evaluate(WRITTEN, steps)
    assert "<p>One, two</p>" in shown
    steps = [["grow", 1, "One, **two**, three, four."], ["spoken", 1], ["say", 1, "One,"], ["say", 1, "odd"]]
    shown, _ = await page.evaluate(WRITTEN, [*steps, ["say", 1, "two,"]])
    assert "<p>One, <strong>two</strong>,</p>" in shown
    shown, _ = await page.evaluate(WRITTEN, [*steps, ["sent", 1], ["silent"]])
    assert "<p>One, <strong>two</strong>, three, four.</p>" in shown


FORMULAS = r"""async () => {
  const refused = [];
  document.addEventListener("securitypolicyviolation", (event) => refused.push(event.violatedDirective));
  const { render } = await import("/static/markdown.js");
  const text = "The roots are $x = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}$ and\n" +
    "\\[\\sum_{k=1}^n k = \\frac{n(n+1)}{2}\\]\n" +
    "but not $\\href{javascript:alert(1)}{x}$, $\\includegraphics{https://evil.example/x.png}$, " +
    "$\\def\\a{\\a\\a}\\a$, $\\rule{9999em}{9999em}$ or $\\frac{$.";
  const line = document.createElement("li");
  line.className = "assistant";
  line.append(...render(text, text.length, Infinity, () => document.createElement("span")));
  document.getElementById("transcript").append(line);
  document.body.dataset.view = "lesson";
  const done = () => line.querySelectorAll(".formula .katex, .formula code").length;
  while (done() < 7) await new Promise((next) => setTimeout(next, 50));
  await document.fonts.ready;
  return {
    refused, source: [...line.querySelectorAll("code")].map((node) => node.textContent),
    math: line.querySelectorAll("math mfrac").length, links: line.querySelectorAll("a, img, script").length,
    tall: line.getBoundingClientRect().height, font: document.fonts.check("16px KaTeX_Main"),
  };
}"""


async def test_formulas_are_set_without_anything_a_model_could_misuse(engine_url: str, browse: Any) -> None:
    page = await browse(f"{engine_url}/", color_scheme="light")
    got = await page.evaluate(FORMULAS)
    await page.screenshot(path=ARTEFACTS / "formulas.png")
    assert got["refused"] == [] and got["links"] == 0
    assert got["math"] == 2 and got["font"], "screen readers get MathML, eyes the font"
    assert r"\def\a{\a\a}\a" in got["source"] and r"\frac{" in got["source"]
    assert got["tall"] < 1500
