// Search as you type: a combobox with a list box (WAI-ARIA authoring practices).

import { brief, byId, el, show } from "./dom.js";
import { noteItem, titleOf } from "./rows.js";
import { findItems } from "./service.js";

const PAUSE_MS = 80;
const MOST = 8;

export function find(open) {
  const input = byId("q");
  const list = byId("found");
  const box = list.parentElement;
  const none = box.querySelector(".none");
  let items = [];
  let shown = ""; // the query that they answer
  let active = -1;
  let timer = 0;
  let asking = null;

  function close() {
    clearTimeout(timer);
    asking?.abort();
    box.hidden = true;
    input.setAttribute("aria-expanded", "false");
    activate(-1);
  }

  function activate(at) {
    active = at;
    Array.from(list.children).forEach((line, n) => line.setAttribute("aria-selected", String(n === at)));
    if (at < 0) input.removeAttribute("aria-activedescendant");
    else {
      input.setAttribute("aria-activedescendant", list.children[at].id);
      list.children[at].scrollIntoView({ block: "nearest" });
    }
  }

  function choose(item) {
    close();
    input.value = "";
    open(item.item_id);
  }

  function present(text, found, problem) {
    [items, shown] = [found, text];
    show(
      list,
      found.map((item, at) => option(item, at, text, choose)),
    );
    none.textContent = problem ?? (found.length ? "" : `No title has “${text}” in it, and no item that id.`);
    none.hidden = !none.textContent;
    list.hidden = !found.length;
    byId("found-count").textContent = none.textContent || `${found.length} items found`;
    box.hidden = false;
    input.setAttribute("aria-expanded", String(found.length > 0));
    activate(-1);
  }

  // Enter may come before the answer to what was typed.
  async function chooseBest() {
    clearTimeout(timer);
    if (box.hidden || input.value.trim() !== shown) await search();
    if (!box.hidden && items.length) choose(items[Math.max(active, 0)]);
  }

  async function search() {
    const text = input.value.trim();
    asking?.abort();
    if (!text) return close();
    asking = new AbortController();
    try {
      const { body } = await findItems(text, MOST, asking.signal);
      body.items.forEach(noteItem);
      present(text, body.items);
    } catch (error) {
      if (error.name !== "AbortError") present(text, [], error.message);
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE_MS);
  });
  input.addEventListener("focus", () => input.value.trim() && search());
  input.addEventListener("blur", close);
  box.addEventListener("pointerdown", (event) => event.preventDefault()); // keeps the focus in the field
  input.addEventListener("keydown", (event) => {
    const last = items.length - 1;
    if (event.key === "Escape") {
      if (box.hidden) input.value = "";
      close();
    } else if (event.key === "Enter") {
      chooseBest();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (box.hidden) search();
      else if (items.length && event.key === "ArrowDown") activate(active >= last ? 0 : active + 1);
      else if (items.length) activate(active <= 0 ? last : active - 1);
    } else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=radio]), textarea");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}

function option(item, at, text, choose) {
  const line = el(
    "li",
    {
      role: "option",
      id: `found-${at}`,
      "aria-selected": "false",
      class: item.available ? "" : "hidden-item",
    },
    el("span", { class: "title" }, marked(titleOf(item), text)),
    el("span", { class: "kind" }, [item.item_id, ...item.categories].join(" · ")),
    el("span", { class: "much" }, item.available ? brief(item.popularity) : "hidden"),
  );
  line.addEventListener("click", () => choose(item));
  return line;
}

// The pieces of the query within the title, where they stand in it as they were typed.
function marked(title, text) {
  const pieces = text.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  if (!pieces.length) return [title];
  return title
    .split(new RegExp(`(${pieces.join("|")})`, "giu"))
    .map((part, at) => (at % 2 ? el("mark", {}, part) : part));
}
