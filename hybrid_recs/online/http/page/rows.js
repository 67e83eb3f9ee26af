// A list of recommended items, and its source.

import { el, reducedMotion, show } from "./dom.js";
import { itemsById } from "./service.js";

const REASONS = {
  list_missing: "its list is not in Redis",
  cache_unavailable: "Redis is unreachable",
  list_too_short: "its list is too short",
  list_stale: "the stored list is out of date",
  no_interactions: "it co-occurs with no other item",
  no_vector: "too little is known about it",
  unknown_item: "the item is unknown",
  nothing_known: "nothing is known yet",
  visitor_unavailable: "the visitor's history cannot be read",
};
const categories = new Map(); // item id → text; filled as items are received

export const addressOf = (id) => `?item=${encodeURIComponent(id)}`;
export const noteItem = (item) => categories.set(item.item_id, item.categories.join(" · "));
export const titleOf = (item) => item.title ?? item.item_id;

export function showOrigin(node, source, reason, time) {
  if (!source) return show(node);
  show(
    node,
    el("span", { class: `chip ${source}` }, source),
    time ? el("span", { class: "time" }, time) : null,
    reason ? el("span", { class: "why" }, REASONS[reason] ?? reason) : null,
  );
}

// A plain click calls `open(item id, id of the answer)`; other clicks follow the link.
export function showRows(list, answer, open) {
  const max = Math.max(...answer.items.map((item) => Math.abs(item.score)), 1e-9);
  const previous = places(list);
  const rows = answer.items.map((item, index) => row(item, index + 1, item.score / max, answer, open));
  list.removeAttribute("aria-busy");
  show(list, rows);
  move(list, previous);
  fillCategories(list, answer.items);
}

function row(item, rank, share, answer, open) {
  const bar = el("span", { class: "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", Math.max(0, share).toFixed(3));
  const link = el(
    "a",
    { href: addressOf(item.item_id), class: "row" },
    el("span", { class: "rank" }, String(rank)),
    el(
      "span",
      { class: "name" },
      el("span", { class: "title" }, titleOf(item)),
      el("span", { class: "kind" }, categories.get(item.item_id) ?? "\u00a0"),
    ),
    el("span", { class: "score" }, el("span", { title: "score" }, item.score.toFixed(3)), bar),
  );
  link.addEventListener("click", (event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open(item.item_id, answer.recommendation_id);
  });
  return el("li", { "data-item": item.item_id }, link);
}

async function fillCategories(list, items) {
  const unknown = items.map((item) => item.item_id).filter((id) => !categories.has(id));
  if (unknown.length) {
    try {
      (await itemsById(unknown)).body.items.forEach(noteItem);
    } catch {
      return; // the list is useful without them
    }
  }
  for (const line of list.children)
    line.querySelector(".kind").textContent = categories.get(line.dataset.item) || "\u00a0";
}

const places = (list) =>
  new Map(Array.from(list.children, (line) => [line.dataset.item, line.getBoundingClientRect().top]));

// Rows that stay move to their new places; new ones fade in.
function move(list, previous) {
  if (reducedMotion() || !previous.size) return;
  for (const line of list.children) {
    const from = previous.get(line.dataset.item);
    const shift = from === undefined ? 0 : from - line.getBoundingClientRect().top;
    const start = from === undefined ? { opacity: 0 } : { transform: `translateY(${shift}px)` };
    if (from === undefined || shift) line.animate([start, {}], { duration: 260, easing: "ease-out" });
  }
}
