/* What every page can do. Attached by data- attributes and listened for on the document, so that parts which
   htmx swaps in work like the rest. Heavier behaviours are modules of their own: an element names its module
   in data-module, and the module's attach(element) is called once, when the element appears. */

const attached = new WeakSet();

async function attach(element) {
  if (attached.has(element)) return;
  attached.add(element);
  const url = new URL(element.dataset.module, location.href);
  if (url.origin !== location.origin) return;
  const module = await import(url.href);
  module.attach(element);
}

/* -- Toasts: good news leaves by itself, bad news stays until it has been read -- */

const READING_TIME = 6000;
const UNDO_TIME = 10000;

function leaveLater(toast) {
  if (toast.classList.contains("toast-bad") || toast.dataset.leaving) return;
  toast.dataset.leaving = "yes";
  const time = toast.querySelector("form") ? UNDO_TIME : READING_TIME;
  let timer;
  const stop = () => clearTimeout(timer);
  const start = () => {
    stop();
    // Whoever points at it, or has the focus in it, is not hurried.
    if (!toast.matches(":hover, :focus-within")) timer = setTimeout(() => toast.remove(), time);
  };
  toast.addEventListener("pointerenter", stop);
  toast.addEventListener("pointerleave", start);
  toast.addEventListener("focusin", stop);
  toast.addEventListener("focusout", () => setTimeout(start));
  start();
}

function showToast({ text, tone = "ok", undo = "" }) {
  const pattern = document.getElementById(`toast-${tone}`);
  if (!pattern || !text) return;
  const toast = pattern.content.firstElementChild.cloneNode(true);
  toast.querySelector("p").textContent = text;
  const form = toast.querySelector("form");
  if (undo && new URL(undo, location.href).origin === location.origin) form.action = undo;
  else form.remove();
  document.getElementById("toasts").append(toast);
}

document.addEventListener("bisync:toast", (event) => showToast(event.detail));

function sayFailure(key) {
  const region = document.getElementById("toasts");
  if (region) showToast({ text: region.dataset[key], tone: "bad" });
}

document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status >= 500) sayFailure("failed");
});
document.addEventListener("htmx:sendError", () => sayFailure("offline"));

/* -- Copying -- */

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  if (!source) return;
  if (navigator.clipboard) {
    await navigator.clipboard.writeText("value" in source ? source.value : source.textContent);
  } else {
    // Without HTTPS a browser only copies what is selected.
    if ("select" in source) source.select();
    else getSelection().selectAllChildren(source);
    document.execCommand("copy");
  }
  button.dataset.copied = "";
  showToast({ text: button.dataset.copiedText });
  setTimeout(() => delete button.dataset.copied, 2000);
}

/* Whatever has an address gives it away: the link opens it here, and the whole address is copied. */
async function copyLink(link) {
  const address = new URL(link.dataset.link || link.getAttribute("href"), location.href).href;
  try {
    await navigator.clipboard.writeText(address);
  } catch {
    return; // without HTTPS, or without leave; it is in the address bar all the same
  }
  showToast({ text: document.getElementById("toasts").dataset.linked });
}

/* -- Clicks -- */

/* A dialog closes the menu that its opener is in, so the browser cannot give the focus back to the opener.
   The event comes a moment after the dialog has closed: what has got the focus meanwhile keeps it. */
function returnFocus(dialog, menu) {
  const button = menu && document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`);
  if (!button) return;
  const lost = () => document.activeElement === document.body || dialog.contains(document.activeElement);
  dialog.addEventListener("close", () => { if (lost()) button.focus(); }, { once: true });
}

const CLICKS = {
  "[data-dialog-open]": (opener, event) => {
    const dialog = document.getElementById(opener.dataset.dialogOpen);
    if (!dialog || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    returnFocus(dialog, opener.closest("[popover]"));
    dialog.showModal();
    dialog.dispatchEvent(new Event("shown")); // for what is loaded only then
  },
  // What is opened from the inbox has been read, wherever it opens.
  "[data-read]": (link) => {
    const sent = new FormData();
    sent.set("csrfmiddlewaretoken", JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"]);
    navigator.sendBeacon(link.dataset.read, sent);
  },
  "[data-dialog-close]": (button) => button.closest("dialog").close(),
  "[data-dismiss]": (button) => button.closest(".toast").remove(),
  "[data-copy]": (button) => copy(button),
  "[data-link]": (link) => copyLink(link),
  // The browser's own way back keeps what was typed into a form.
  "[data-back]": (link, event) => {
    if (history.length < 2) return;
    event.preventDefault();
    history.back();
  },
};

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  for (const [selector, act] of Object.entries(CLICKS)) {
    const element = target?.closest(selector);
    if (element) act(element, event);
  }
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

/* Among numbered lines only the first is a stop of the Tab key: the arrows lead from line to line. */
document.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const lines = step && event.target.matches?.("[data-lines] a[data-link]") && event.target.closest("[data-lines]");
  if (!lines) return;
  event.preventDefault();
  const links = [...lines.querySelectorAll("a[data-link]")];
  links[links.indexOf(event.target) + step]?.focus();
});

/* A phrase that has to be typed before something cannot be undone; the server checks it again. */
document.addEventListener("input", (event) => {
  const wanted = event.target.dataset?.phrase;
  if (wanted === undefined) return;
  const typed = event.target.value.trim();
  event.target.setCustomValidity(typed === wanted ? "" : event.target.labels[0].textContent);
});

/* A short name follows the name it stands for, until somebody writes into it. */
document.addEventListener("input", ({ target }) => {
  if (target.dataset?.slugOf) target.dataset.own = target.value;
  for (const short of document.querySelectorAll("[data-slug-of]")) {
    if (short.dataset.slugOf !== target.id || short.dataset.own || (short.value && !short.dataset.followed)) continue;
    const plain = target.value.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
    short.value = plain.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, short.maxLength > 0 ? short.maxLength : undefined);
    short.dataset.followed = "yes";
  }
});

/* -- The palette: the focus stays in its field, the arrows choose among what was found -- */

const opener = (name) => document.querySelector(`[data-dialog-open="${name}"]`);

function palette(dialog) {
  const field = dialog.querySelector("[role=combobox]");
  const found = dialog.querySelector("#palette-found");
  const options = () => [...found.querySelectorAll("[role=option]")];
  const chosen = () => found.querySelector('[aria-selected="true"]');
  const late = () => found.firstElementChild?.dataset.text !== field.value.trim();
  let eager = false; // Enter was pressed before what it is about had arrived

  function choose(option) {
    chosen()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) field.setAttribute("aria-activedescendant", option.id);
    else field.removeAttribute("aria-activedescendant");
  }

  function go() {
    if (chosen()) chosen().click();
    else dialog.querySelector("form").requestSubmit();
  }

  found.addEventListener("htmx:afterSwap", () => {
    const [first] = options();
    field.setAttribute("aria-expanded", String(Boolean(first)));
    choose(first);
    if (eager && !late()) go();
  });

  field.addEventListener("input", () => { eager = false; });
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const all = options();
      choose(all.at((all.indexOf(chosen()) + step + all.length) % all.length || 0));
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      eager = late();
      if (!eager) go();
    }
  });

  dialog.addEventListener("click", ({ target }) => { if (target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => { eager = false; });
}

/* -- Single keys -- */

const TOGETHER = 1500; // "G, then M" counts as one within this time
const writing = (element) => element.closest?.("input, textarea, select, [contenteditable], [role=listbox]");

function move(step) {
  const rows = [...document.querySelectorAll("[data-rows] a.fw")];
  const here = rows.indexOf(document.activeElement);
  rows[here < 0 ? 0 : Math.min(Math.max(here + step, 0), rows.length - 1)]?.focus();
}

const KEYS = {
  "?": () => opener("shortcuts")?.click(),
  j: () => move(1),
  k: () => move(-1),
  z: () => [...document.querySelectorAll(".toast form")].at(-1)?.requestSubmit(),
};

function press(key) {
  const place = document.querySelector(`[aria-keyshortcuts="${CSS.escape(key)}"]`);
  if (key in KEYS) KEYS[key]();
  place?.focus();
  place?.scrollIntoView({ block: "nearest" });
  return Boolean(place);
}

/* Where there are more tabs than fit, the current one is in sight. */
document.querySelector(".tabs-many [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

/* Each person can switch single keys off; they do nothing while somebody writes or holds a modifier. */
let leaving = 0;

document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  const open = document.querySelector("dialog[open]");
  if (key === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    event.preventDefault();
    if (!open) opener("palette")?.click();
    return;
  }
  const modified = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && key !== "?");
  if (open || modified || event.isComposing || event.defaultPrevented || writing(event.target)) return;
  if (document.getElementById("shortcuts")?.dataset.keys !== "on") return;
  if (Date.now() - leaving < TOGETHER) {
    leaving = 0;
    document.querySelector(`[data-go="${CSS.escape(key)}"]`)?.click();
  } else if (key === "g") leaving = Date.now();
  else if (press(key)) event.preventDefault(); // or the field that got the focus would get the letter, too
});

/* -- What is on the page now, and what comes later -- */

function welcome(root) {
  for (const element of root.querySelectorAll("[data-module]")) attach(element);
  for (const toast of root.querySelectorAll(".toast")) leaveLater(toast);
}

new MutationObserver((records) => {
  for (const record of records) {
    for (const node of record.addedNodes) if (node instanceof Element && node.parentElement) welcome(node.parentElement);
  }
}).observe(document.body, { childList: true, subtree: true });
welcome(document);
// What came with the page is news as well: only what is added to a live region is read out.
// What has the focus by now is not moved from under it.
document.getElementById("toasts")?.append(...document.querySelectorAll("#toasts > .toast:not(:focus-within)"));

const search = document.getElementById("palette");
if (search) palette(search);
if (navigator.platform.startsWith("Mac")) {
  for (const key of document.querySelectorAll("[data-mac]")) key.textContent = key.dataset.mac;
}
