// Search as you type: a combobox with a list box (WAI-ARIA authoring practices).

import { brief, byId, el, show } from "./dom.js";
import { noteItem, titleOf } from "./rows.js";
import { findItems } from "./service.js";

const PAUSE_MS = 80;
const MAX_RESULTS = 8;

export function find(open) {
  const input = byId("q");
  const list = byId("found");
  const box = list.parentElement;
  const none = box.querySelector(".none");
  let items = [];
  let shown = ""; // the query of these items
  let active = -1;
  let timer = 0;
  let pending = null;

  function close() {
    clearTimeout(timer);
    pending?.abort();
    box.hidden = true;
    input.setAttribute("aria-expanded", "false");
    activate(-1);
  }

  function activate(index) {
    active = index;
    Array.from(list.children).forEach((line, n) => line.setAttribute("aria-selected", String(n === index)));
    if (index < 0) input.removeAttribute("aria-activedescendant");
    else {
      input.setAttribute("aria-activedescendant", list.children[index].id);
      list.children[index].scrollIntoView({ block: "nearest" });
    }
  }

  function choose(item) {
    close();
    input.value = "";
    open(item.item_id);
  }

  function present(text, results, problem) {
    [items, shown] = [results, text];
    show(
      list,
      results.map((item, index) => option(item, index, text, choose)),
    );
    const nothing = `No title contains “${text}”, and no item has this id.`;
    none.textContent = problem ?? (results.length ? "" : nothing);
    none.hidden = !none.textContent;
    list.hidden = !results.length;
    byId("found-count").textContent = none.textContent || `${results.length} items found`;
    box.hidden = false;
    input.setAttribute("aria-expanded", String(results.length > 0));
    activate(-1);
  }

  // Enter may be pressed before the response for the typed text arrives.
  async function chooseBest() {
    clearTimeout(timer);
    if (box.hidden || input.value.trim() !== shown) await search();
    if (!box.hidden && items.length) choose(items[Math.max(active, 0)]);
  }

  async function search() {
    const text = input.value.trim();
    pending?.abort();
    if (!text) return close();
    pending = new AbortController();
    try {
      const { body } = await findItems(text, MAX_RESULTS, pending.signal);
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

function option(item, index, text, choose) {
  const line = el(
    "li",
    {
      role: "option",
      id: `found-${index}`,
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

// The title with the words of the query marked, where it contains them as typed.
function marked(title, text) {
  const words = text.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  if (!words.length) return [title];
  return title
    .split(new RegExp(`(${words.join("|")})`, "giu"))
    .map((part, index) => (index % 2 ? el("mark", {}, part) : part));
}
