// The item that is shown and its neighbours; popular items if there is none.

import { byId, count, el, milliseconds, show } from "./dom.js";
import { showOrigin, showRows, titleOf } from "./rows.js";
import { itemDetails, neighbours, popular } from "./service.js";

const list = byId("neighbours");
const RETRY_MS = 2_000;
let requests = 0; // a late response must not replace a newer one

// Shows the item, or popular items for null; returns its details, or null.
export async function showItem(id, open) {
  const request = ++requests;
  list.setAttribute("aria-busy", "true");
  try {
    const [details, answer] = id === null ? [null, await popular()] : await both(id);
    if (request !== requests) return null;
    head(id, details?.body ?? null);
    const time = answer.ms === null ? "" : milliseconds(answer.ms);
    showOrigin(byId("item-origin"), answer.body.source, id && answer.body.fallback_reason, time);
    showRows(list, answer.body, open);
    return details?.body ?? null;
  } catch (error) {
    if (request === requests) problem(id, error);
    return null;
  }
}

async function both(id) {
  const details = itemDetails(id).catch((error) => {
    if (error.status === 404) return null;
    throw error;
  });
  return Promise.all([details, neighbours([id])]);
}

function head(id, item) {
  const title = id === null ? "Begin anywhere" : item ? titleOf(item) : `No item has the id ${id}`;
  document.title = id === null ? "hybrid-recs" : `${title} – hybrid-recs`;
  byId("item-over").textContent = id === null ? "Explore" : "Item";
  byId("item-title").textContent = title;
  byId("neighbours-title").textContent = item ? "Neighbours" : "Popular";
  show(byId("item-about"), ...about(id, item));
}

function about(id, item) {
  if (id === null) return ["Search for an item, or open one of these."];
  if (!item) return ["These items are popular instead."];
  const parts = [
    el("span", { class: "id" }, item.item_id),
    ...item.categories.map((name) => el("span", {}, name)),
    el("span", {}, `${count(item.popularity)} interactions`),
    el("span", {}, item.hot ? "hot" : item.placed === "content" ? "vector from its metadata" : "long tail"),
    item.available ? null : el("span", { class: "warning" }, "hidden"),
  ];
  return parts.filter(Boolean).flatMap((part) => [part, " "]);
}

function problem(id, error) {
  const empty = error.code === "not_ready";
  byId("item-title").textContent = empty ? "Nothing to recommend yet" : "Something went wrong";
  byId("item-over").textContent = "Explore";
  byId("neighbours-title").textContent = empty ? "First steps" : "Popular";
  showOrigin(byId("item-origin"), null);
  show(byId("item-about"), empty ? "No generation is published. Build one from your data:" : error.message);
  list.removeAttribute("aria-busy");
  show(list, ...(empty ? firstSteps() : []));
  const request = requests;
  setTimeout(() => request === requests && dispatchEvent(new Event("reload")), RETRY_MS);
}

const firstSteps = () =>
  [
    ["make rebuild-index DATASET=path/to/dataset.toml", "examples/ has descriptions to start from"],
    ["make demo", "or a demo shop, in about a minute"],
  ].map(([command, text]) =>
    el("li", { class: "step" }, el("code", {}, command), el("span", { class: "kind" }, text)),
  );
