/* The formula editor: colours what is typed, suggests functions, fields and metrics, shows the signature of the
   function at the caret with a way to its help, and underlines what the server found. Without this file it is a
   plain textarea. */

// Words that are functions where a bracket follows.
const CALLED = new Set("CONTAINS STARTSWITH ENDSWITH DATE".split(" "));
const KEYWORDS = new Set([
  ...CALLED,
  ..."WHERE AND OR NOT IN BETWEEN IS BLANK DISTINCT TRUE FALSE CASE WHEN THEN ELSE END LAST THIS COMPLETE".split(" "),
]);
const TOKENS = /('(?:[^']|'')*'?|"(?:[^"]|"")*"?)|(\[[^\]\n]*\]?)|(\d+(?:\.\d+)?%?)|([\p{L}_][\p{L}\p{N}_.]*)/gu;
const BEFORE_UNIT = /(?:(?:^|[^\p{L}\p{N}_.])[\d.]+|\b(?:LAST|THIS|COMPLETE|FULL))\s+$/iu;
const SUGGESTIONS = 8;
const ALL = 100; // where nothing was typed yet
const PAUSE = 900;
const EMPTY = { functions: [], fields: [], metrics: [], entities: [] };
// What stands where a function asks for a unit, a length of time, or the day of a period that counts.
const WORDS = {
  unit: ["day", "week", "month", "quarter", "year"],
  length: ["7 days", "30 days", "1 month", "3 months", "1 year"],
  day: ["last", "first", "average"],
};
const KINDS = ["word", "function", "field", "metric"];
const loading = new Map();

function element(tag, { css = "", text = "", ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  if (css) made.className = css;
  if (text) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

async function vocabularyOf(box) {
  const { vocabulary, vocabularyUrl } = box.dataset;
  const block = vocabulary && document.getElementById(vocabulary);
  if (block) return { ...EMPTY, ...JSON.parse(block.textContent) };
  if (!vocabularyUrl) return EMPTY;
  if (!loading.has(vocabularyUrl)) {
    loading.set(vocabularyUrl, fetch(vocabularyUrl, { headers: { Accept: "application/json" } })
      .then((answer) => (answer.ok ? answer.json() : EMPTY)));
  }
  return { ...EMPTY, ...(await loading.get(vocabularyUrl)) };
}

/* -- Reading the text -- */

function* tokens(text) {
  for (const match of text.matchAll(TOKENS)) {
    const [value, quoted, bracketed, number, word] = match;
    const start = match.index;
    const end = start + value.length;
    if (quoted) yield { start, end, css: "s" };
    else if (bracketed) yield { start, end, css: "fld" };
    else if (number) yield { start, end, css: "n" };
    else if (/^\s*\(/.test(text.slice(end)) && (CALLED.has(word.toUpperCase()) || !KEYWORDS.has(word.toUpperCase()))) yield { start, end, css: "f" };
    else if (KEYWORDS.has(word.toUpperCase())) yield { start, end, css: "k" };
  }
}

/* Positions from the server count characters; those of a textarea count UTF-16 units. */
function units(text, characters) {
  return [...text].slice(0, characters).join("").length;
}

/* The text as nodes, cut wherever a colour or an underline begins or ends. */
function painted(text, problems) {
  const colours = [...tokens(text)];
  const cuts = new Set([0, text.length]);
  for (const { start, end } of [...colours, ...problems]) cuts.add(start).add(end);
  const places = [...cuts].sort((a, b) => a - b);
  const nodes = [];
  for (let i = 0; i + 1 < places.length; i += 1) {
    const part = text.slice(places[i], places[i + 1]);
    const within = ({ start, end }) => start <= places[i] && places[i + 1] <= end;
    const css = [colours.find(within)?.css];
    const problem = problems.find(within);
    if (problem) css.push("squig", problem.level === "error" ? "" : "squig-warn");
    const classes = css.filter(Boolean).join(" ");
    nodes.push(classes ? element("span", { css: classes, text: part }) : part);
  }
  // A zero-width space gives an empty last line its height.
  return [...nodes, "\u200b"];
}

/* The word or the open bracket that ends at the caret. */
function tokenAt(text, caret) {
  const left = text.slice(0, caret);
  const quotes = left.replace(/\[[^\]]*\]?/g, "");
  if ((quotes.match(/'/g) || []).length % 2 || (quotes.match(/"/g) || []).length % 2) return null;
  const bracket = /\[([^\]\n]*)$/.exec(left);
  if (bracket) return { start: bracket.index, end: caret, typed: bracket[1], kinds: ["field", "metric"] };
  const word = /[\p{L}_][\p{L}\p{N}_.]*$/u.exec(left);
  // Words of the language, and lengths of time: no name stands behind a number, LAST or THIS.
  if (word && (KEYWORDS.has(word[0].toUpperCase()) || BEFORE_UNIT.test(left.slice(0, word.index)))) return null;
  return word && { start: word.index, end: caret, typed: word[0], kinds: KINDS };
}

/* The brackets around a place, from the inside out, and at last the formula itself: the name before the bracket, which
   of its values one is at, and whether that is behind a WHERE. */
function* callsAt(text, place) {
  let depth = 0;
  let position = 0;
  let where = false;
  const left = text.slice(0, place).replace(/'[^']*'?|"[^"]*"?|\[[^\]]*\]?/g, (part) => "_".repeat(part.length));
  for (let i = left.length - 1; i >= 0; i -= 1) {
    const sign = left[i];
    if (sign === ")") depth += 1;
    else if (sign === "(" && depth) depth -= 1;
    else if (sign === "(") {
      const name = /[\p{L}_][\p{L}\p{N}_]*\s*$/u.exec(left.slice(0, i));
      yield { name: name ? name[0].trim().toUpperCase() : "", position, where };
      position = 0;
      where = false;
    } else if (depth) continue;
    else if (sign === "," || sign === ";") position += 1;
    else if (!position && /e/i.test(sign)) where ||= /(?:^|[^\p{L}\p{N}_.])WHERE$/iu.test(left.slice(0, i + 1));
  }
  yield { name: "", position, where };
}

/* -- Suggestions -- */

const spelled = (name) => (/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name) && !KEYWORDS.has(name.toUpperCase()) ? name : `[${name}]`);

/* The first paragraph of a description: tables and lists are for its own page. */
const beginning = (text) => (text || "").trim().split(/\n\s*(?:\n|[|#>*-])/)[0];

function choices({ functions, fields, metrics, entities }) {
  const full = ({ table, name }, say = String) => (table ? `${say(table)}.${say(name)}` : say(name));
  const words = Object.entries({ ...WORDS, entity: entities });
  return [
    ...words.flatMap(([wanted, names]) => names.map((name) => ({
      kind: "word", wanted, name, shown: name, hint: "", insert: name, title: name, about: "", example: "", search: name.toLowerCase(),
    }))),
    ...functions.map((item) => ({
      kind: "function", name: item.name, shown: item.name, hint: "", insert: `${item.name}(`,
      title: item.signature, about: item.summary, example: item.example,
      search: [item.name, ...(item.aliases || [])].join(" ").toLowerCase(), type: item.gives,
      total: item.total, timed: item.takes?.[0] === "total",
    })),
    ...fields.map((item) => ({
      kind: "field", type: item.type, name: item.name, shown: item.label || item.name, hint: item.shared ? item.table : item.type === "any" ? "" : item.type,
      table: item.table, short: spelled(item.name), insert: item.shared ? full(item, spelled) : spelled(item.name), qualified: full(item, spelled), title: full(item),
      about: beginning(item.description), example: "", search: `${item.name} ${item.label || ""}`.toLowerCase(),
      full: full(item).toLowerCase(),
    })),
    ...metrics.map((item) => ({
      kind: "metric", name: item.name, shown: item.label || item.name, hint: "metric", insert: spelled(item.name),
      title: item.name, about: beginning(item.description), example: "", search: `${item.name} ${item.label || ""}`.toLowerCase(),
    })),
  ];
}

/* Which types may stand where a function wants this kind of value; all where nothing is said. */
const FITTING = { number: ["number", "integer"], text: ["text"], date: ["date", "timestamp"] };
const OPEN = [undefined, "any", "same"];

/* Whether it may stand there: no total and no metric where a value of each row is wanted, no text for a number. */
function fits({ kind, total, timed, type }, { rows, wanted }) {
  if (kind === "word") return true;
  if (rows && (total || timed || kind === "metric")) return false;
  if (wanted === "total") return total || kind === "metric";
  const types = FITTING[wanted];
  return kind === "metric" || !types || OPEN.includes(type) || types.includes(type);
}

const isCalled = ({ name, shown }, typed) => [name, shown].some((text) => text?.toLowerCase() === typed);

/* Whether a name of it begins so: its own, its label, with its model, or an alias of a function. */
function begun({ kind, search, shown, full = "" }, typed) {
  const names = kind === "function" ? search.split(" ") : [search, shown.toLowerCase(), full];
  return names.some((name) => name.startsWith(typed));
}

/* What is called just so comes before all others. Names that begin with what was typed come first, then those with a word that does, and last those that do not
   fit there. Fields of a row come first where one is wanted, those of the model that the formula starts from before others. With a full stop, a model was named first. */
function matching(all, { typed, kinds }, there) {
  const wanted = typed.toLowerCase();
  const begins = ({ search }) => (search.startsWith(wanted) ? 0 : search.includes(` ${wanted}`) || search.includes(`_${wanted}`) ? 1 : 2);
  const lead = ({ kind, table }) => (kind !== "field" ? 0 : (there.called || there.rows ? -0.5 : 0.5) - (table === there.home ? 0.25 : 0));
  const rank = (item) => (isCalled(item, wanted) ? -4 : begins(item)) + (fits(item, there) ? lead(item) : 3);
  const has = ({ search, full }) => (wanted.includes(".") && full ? full.startsWith(wanted) : search.includes(wanted));
  const asked = (item) => (there.wanted in WORDS || there.wanted === "entity" ? item.wanted === there.wanted && !(there.timed && item.name === "day") : item.kind !== "word");
  return all
    .filter((item) => kinds.includes(item.kind) && asked(item) && has(item))
    .map((item) => [rank(item), item])
    .sort(([a], [b]) => a - b)
    .slice(0, wanted ? SUGGESTIONS : ALL)
    .map(([, item]) => item);
}

/* -- The editor -- */

class Editor {
  constructor(box, vocabulary) {
    this.box = box;
    this.input = box.querySelector("textarea");
    this.copy = box.querySelector("pre");
    this.vocabulary = vocabulary;
    this.all = choices(vocabulary).filter(({ kind, total, timed }) => !("rows" in box.dataset) || !(kind === "metric" || total || timed));
    this.refused = this.input.getAttribute("aria-invalid") === "true";
    this.items = [];
    this.chosen = 0;
    this.typing = false;
    this.list = element("div", { role: "listbox", tabindex: 0, id: `${this.input.id}-list`, "aria-label": box.querySelector("[role=toolbar]").getAttribute("aria-label") });
    this.about = element("div", { css: "ac-doc" });
    this.popup = element("div", { css: "pop ac", hidden: "" }, this.list, this.about);
    this.tip = element("div", { css: "pop sig-tip", hidden: "" });
    this.status = element("span", { css: "vh", role: "status" });
    box.append(this.popup, this.status);
    // Behind the text, so that Tab goes from it to the link inside.
    box.querySelector(".formula-ed").after(this.tip);
    this.input.setAttribute("aria-autocomplete", "list");
    this.listen();
    box.dataset.ready = "";
    this.draw();
  }

  listen() {
    const { box, input } = this;
    input.addEventListener("input", (event) => this.typed(event));
    input.addEventListener("keydown", (event) => this.pressed(event));
    input.addEventListener("keyup", (event) => { if (/^(Arrow(Left|Right)|Home|End)$/.test(event.key)) this.moved(); });
    input.addEventListener("pointerup", () => this.moved());
    input.addEventListener("blur", (event) => {
      this.pause();
      this.close();
      if (!this.tip.contains(event.relatedTarget)) this.tip.hidden = true;
    });
    this.tip.addEventListener("focusout", (event) => { if (event.relatedTarget !== input) this.tip.hidden = true; });
    this.tip.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      input.focus();
      this.tip.hidden = true;
    });
    box.addEventListener("pointerdown", (event) => {
      const option = event.target.closest("[role=option]");
      if (!option) return;
      event.preventDefault();
      this.take(Number(option.dataset.index));
    });
    box.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.dataset.formulaInsert) this.offer(button.dataset.formulaInsert);
      if (button?.dataset.formulaFix === undefined) return;
      event.preventDefault();
      this.replaceAll(button.dataset.formulaFix);
    });
    const tools = [...box.querySelectorAll("[role=toolbar] button")];
    for (const tool of tools.slice(1)) tool.tabIndex = -1;
    box.querySelector("[role=toolbar]").addEventListener("keydown", (event) => {
      const at = tools.indexOf(event.target);
      const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      const tool = tools.at(next % tools.length);
      for (const one of tools) one.tabIndex = one === tool ? 0 : -1;
      tool.focus();
    });
    // The foot comes and goes as a whole, or only its content does.
    new MutationObserver((records) => {
      if (records.some(({ target }) => target === box || target.closest(".formula-foot"))) this.draw();
    }).observe(box, { childList: true, subtree: true });
  }

  typed({ inputType = "" }) {
    this.typing = true;
    this.refused = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.pause(), PAUSE);
    this.draw();
    // What was pasted or taken back is there as it was meant.
    if (/^history|Paste|Drop/.test(inputType)) this.moved();
    else this.suggest(tokenAt(this.input.value, this.input.selectionStart));
  }

  pause() {
    clearTimeout(this.timer);
    this.typing = false;
    this.draw();
  }

  moved() {
    this.close();
    this.sign();
  }

  /* What the server found, but nothing about a word that is still being typed or chosen, nor about a bracket around it. */
  problems() {
    const text = this.input.value;
    const caret = this.input.selectionStart;
    const found = [];
    for (const item of this.box.querySelectorAll("[data-formula-problem]")) {
      const { start, end, level, code } = item.dataset;
      const problem = { start: units(text, Number(start)), end: units(text, Number(end)), level };
      // What is missing shows behind what it is missing from.
      if (problem.start === problem.end) problem.start = Math.max(0, text.slice(0, problem.end).trimEnd().length - 1);
      const at = problem.start <= caret && (caret <= problem.end || code === "missing-bracket");
      const unfinished = at && (this.typing || !this.popup.hidden);
      item.hidden = unfinished;
      if (!unfinished && problem.start < problem.end) found.push(problem);
    }
    return found;
  }

  draw() {
    const problems = this.problems();
    this.copy.replaceChildren(...painted(this.input.value, problems));
    const wrong = this.refused || problems.some(({ level }) => level === "error");
    if (wrong) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
    this.input.style.blockSize = "auto";
    this.input.style.blockSize = `${this.copy.scrollHeight}px`;
  }

  suggest(token) {
    this.token = token;
    this.items = token ? matching(this.all, token, this.there(token.start)) : [];
    const complete = this.items.length === 1 && this.items[0].insert === token.typed;
    if (!this.items.length || complete) {
      this.close();
      this.sign();
      return;
    }
    this.chosen = 0;
    this.walked = false;
    this.tip.hidden = true;
    this.popup.hidden = false;
    this.show();
    this.place(this.popup, token.start);
  }

  show() {
    const { chosen, items, list, input } = this;
    list.replaceChildren(...items.map((item, index) => {
      const option = element("div", { role: "option", id: `${list.id}-${index}`, "data-index": index, "aria-selected": index === chosen, text: item.shown });
      const hint = item.short && item.table === this.home() ? item.type.replace("any", "") : item.hint;
      if (hint) option.append(element("small", { text: hint }));
      return option;
    }));
    const { title, about, example } = items[chosen];
    this.about.replaceChildren(element("span", { css: "sig", text: title }));
    if (about) this.about.append(element("span", { text: about }));
    if (example) this.about.append(element("span", { css: "c-muted", text: this.box.dataset.example }), element("code", {}, ...painted(example, [])));
    list.children[chosen].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-controls", list.id);
    input.setAttribute("aria-activedescendant", `${list.id}-${chosen}`);
    this.status.textContent = `${this.box.dataset.suggestions.replace("%(count)s", items.length)} ${items[chosen].shown}`;
  }

  close() {
    this.popup.hidden = true;
    this.status.textContent = "";
    this.input.removeAttribute("aria-controls");
    this.input.removeAttribute("aria-activedescendant");
    this.draw();
  }

  /* The model that the form says the formula starts from; its fields need no model before their names. */
  home() {
    const chosen = (this.input.form?.elements.namedItem("model")?.value ?? this.box.dataset.home ?? "").split(".");
    return chosen[2] ?? chosen[0]; // dbt's unique_id, or the name alone
  }

  /* The functions around a place in the text, from the inside out, by any of their names. */
  calls(place) {
    const known = ({ name }) => this.vocabulary.functions.find((one) => [one.name, ...(one.aliases || [])].includes(name));
    return [...callsAt(this.input.value, place)].map((call) => ({ ...call, known: known(call) }));
  }

  /* What is wanted at a place: which kind of value, and whether it is one of each row. */
  there(place) {
    const calls = this.calls(place);
    const [{ known, name, position }] = calls;
    const takes = known?.takes || [];
    const rows = "rows" in this.box.dataset || calls.some((call) => call.where || call.known?.total);
    return { called: name, rows, timed: takes[0] === "total", wanted: takes[Math.min(position, takes.length - 1)], home: this.home() };
  }

  /* The signature of the function around the caret, with the value one is at in bold. */
  sign() {
    const call = this.calls(this.input.selectionStart).find(({ known }) => known);
    this.tip.hidden = !call || document.activeElement !== this.input;
    if (this.tip.hidden) return;
    const { known } = call;
    const open = known.signature.indexOf("(");
    const values = known.signature.slice(open + 1, known.signature.lastIndexOf(")")).split(", ");
    const at = Math.min(call.position, values.length - 1);
    const parts = values.flatMap((value, index) => [index ? ", " : "", index === at ? element("b", { text: value }) : value]);
    this.tip.replaceChildren(element("span", { css: "sig" }, known.signature.slice(0, open + 1), ...parts, ")"), ` ${known.summary} `);
    const { help, helpLabel } = this.box.dataset;
    if (help) this.tip.append(element("a", { href: `${help}#${known.name}`, target: "_blank", rel: "noopener", text: helpLabel.replace("%(name)s", known.name) }));
    this.status.textContent = `${known.signature}. ${known.summary}`;
  }

  /* Below the character at `offset`, inside the editor. CSP allows styles set this way. */
  place(popup, offset) {
    const mark = element("span", { text: "\u200b" });
    this.copy.replaceChildren(...painted(this.input.value.slice(0, offset), []).slice(0, -1), mark);
    const at = mark.getBoundingClientRect();
    const box = this.box.getBoundingClientRect();
    this.draw();
    popup.style.insetBlockStart = `${at.bottom - box.top + 6}px`;
    popup.style.left = `${Math.max(0, Math.min(at.left - box.left - 10, box.width - popup.offsetWidth - 2))}px`;
  }

  pressed(event) {
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      const caret = this.input.selectionStart;
      this.suggest(tokenAt(this.input.value, caret) || { start: caret, end: caret, typed: "", kinds: KINDS });
      return;
    }
    if (this.popup.hidden) {
      if (event.key === "Escape" && !this.tip.hidden) { event.stopPropagation(); this.tip.hidden = true; }
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const typed = this.token.typed.toLowerCase();
    const meant = this.walked || !typed || begun(this.items[this.chosen], typed);
    if (step) {
      event.preventDefault();
      this.walked = true;
      this.chosen = (this.chosen + step + this.items.length) % this.items.length;
      this.show();
    } else if (/^(Tab|Enter)$/.test(event.key) && (!meant || event.shiftKey || (event.key === "Tab" && this.items.some((item) => isCalled(item, typed))))) {
      this.close(); // a name that is whole, or only has this word in it: the key does what it does elsewhere
    } else if (event.key === "Enter" || event.key === "Tab") {
      event.preventDefault();
      this.take(this.chosen);
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    }
  }

  take(index) {
    const { start, end, typed } = this.token;
    const { insert, qualified, short, table } = this.items[index];
    const text = typed.includes(".") && qualified ? qualified : short && table === this.home() ? short : insert;
    this.close();
    this.input.focus();
    this.input.setSelectionRange(start, end + this.replaced(text));
    this.write(text);
    this.close();
    this.sign();
  }

  /* How much of what follows a suggestion takes the place of: the rest of the same name, a bracket that is there already. */
  replaced(text) {
    const { start, end } = this.token;
    const rest = this.input.value.slice(end);
    if (this.input.value[start] === "[") return /^[\p{L}\p{N}_ ]*\]/u.exec(rest)?.[0].length || 0;
    const [tail] = /^[\p{L}\p{N}_]*\(?/u.exec(rest);
    return text.toLowerCase().endsWith(tail.toLowerCase()) ? tail.length : 0;
  }

  offer(kind) {
    this.input.focus();
    if (kind === "where") {
      const before = this.input.value.slice(0, this.input.selectionStart);
      this.write(/\s$|^$/.test(before) ? "WHERE " : " WHERE ");
    }
    const caret = this.input.selectionStart;
    this.suggest({ start: caret, end: this.input.selectionEnd, typed: "", kinds: [kind === "where" ? "field" : kind] });
  }

  replaceAll(text) {
    this.input.focus();
    this.input.select();
    this.write(text);
    this.close();
  }

  /* As if typed, so that Ctrl+Z takes it back and whoever listens for input hears it. */
  write(text) {
    if (document.execCommand("insertText", false, text)) return;
    this.input.setRangeText(text, this.input.selectionStart, this.input.selectionEnd, "end");
    this.input.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
}

export async function attach(box) {
  const vocabulary = await vocabularyOf(box);
  new Editor(box, vocabulary);
}
