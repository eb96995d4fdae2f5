/* A draft that saves itself: nothing is sent while a save is under way, what was typed last is saved when the page
   goes away, the line that says when it was saved keeps telling the truth, and so does the preview beside it. */

const TICK = 5000;
const UNITS = [["second", 60], ["minute", 60], ["hour", 24], ["day", Infinity]];
const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" });

function ago(seconds) {
  let amount = seconds;
  for (const [unit, most] of UNITS) {
    if (amount < most) return words.format(-Math.floor(amount), unit);
    amount /= most;
  }
  return "";
}

function tick() {
  for (const time of document.querySelectorAll("[data-ticking] time")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    if (seconds >= TICK / 1000) time.textContent = ago(seconds);
  }
}

/* What is shown is of what was written earlier: the number says so, and whatever judges the formula goes. */
function outdate(sentence) {
  const note = document.createElement("p");
  note.className = "c-warn fs-sm";
  note.textContent = sentence;
  document.getElementById("preview-note").replaceChildren(note);
  document.getElementById("id_formula-foot")?.replaceChildren();
  document.getElementById("preview-ready").hidden = true;
}

export function attach(form) {
  let unsaved = false;
  let leaving = false;

  document.addEventListener("input", ({ target }) => { if (target.form === form) { unsaved = true; leaving = false; } });
  window.addEventListener("pageshow", () => { leaving = false; });
  form.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target !== form) return;
    // What waits for its delay goes with the page that is being sent.
    if (leaving) event.preventDefault();
    else unsaved = false;
  });
  form.addEventListener("htmx:afterRequest", ({ target, detail }) => { if (target === form && !detail.successful) unsaved = true; });

  const previewed = form.parentElement;
  for (const ended of ["htmx:afterRequest", "htmx:sendError"]) {
    previewed.addEventListener(ended, ({ target, type, detail }) => {
      const failed = type === "htmx:sendError" || detail.xhr.status >= 400;
      if (target === previewed && failed) outdate(form.dataset.outOfDate);
    });
  }

  // A draft saves itself: Enter in a line must not reload the page under somebody who is writing.
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input:not([type=checkbox])")) event.preventDefault();
  });

  // Two saves at once would look like two windows.
  form.addEventListener("submit", (event) => {
    if (!form.classList.contains("htmx-request")) {
      leaving = true;
      return;
    }
    event.preventDefault();
    const { submitter } = event;
    form.addEventListener("htmx:afterSettle", () => form.requestSubmit(submitter), { once: true });
  });

  window.addEventListener("pagehide", () => {
    if (!unsaved || leaving) return;
    if (!navigator.sendBeacon(form.dataset.saveUrl, new FormData(form))) return;
    unsaved = false;
    // Should the page come back, it is filled from what was saved just now.
    const version = form.elements.namedItem("version");
    version.value = Number(version.value) + 1;
  });

  setInterval(tick, TICK);
}
