// The item that is looked at, and its neighbours; without one, what is popular.

import { byId, count, el, show } from "./dom.js";
import { showOrigin, showRows, titleOf, took } from "./rows.js";
import { itemDetails, neighbours, popular } from "./service.js";

const list = byId("neighbours");
const RETRY_MS = 2_000;
let asked = 0; // an answer that comes late must not replace a newer one

// Shows the item, or popular items for null; returns its details, null where there are none.
export async function showItem(id, open) {
  const mine = ++asked;
  list.setAttribute("aria-busy", "true");
  try {
    const [details, answer] = id === null ? [null, await popular()] : await both(id);
    if (mine !== asked) return null;
    head(id, details?.body ?? null);
    showOrigin(byId("item-origin"), answer.body.source, id && answer.body.fallback_reason, took(answer.ms));
    showRows(list, answer.body, open);
    return details?.body ?? null;
  } catch (error) {
    if (mine === asked) problem(id, error);
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
  if (!item) return ["Popular items instead; or search for another."];
  const parts = [
    el("span", { class: "id" }, item.item_id),
    ...item.categories.map((name) => el("span", {}, name)),
    el("span", {}, `${count(item.popularity)} interactions`),
    el("span", {}, item.hot ? "hot" : item.placed === "content" ? "placed by its metadata" : "long tail"),
    item.available ? null : el("span", { class: "warning" }, "hidden"),
  ];
  return parts.filter(Boolean).flatMap((part) => [part, " "]);
}

function problem(id, error) {
  const empty = error.code === "not_ready";
  byId("item-title").textContent = empty ? "Nothing to recommend yet" : "This did not work";
  byId("item-over").textContent = "Explore";
  byId("neighbours-title").textContent = empty ? "First steps" : "Popular";
  showOrigin(byId("item-origin"), null);
  show(byId("item-about"), empty ? "No generation is published. Learn one from your data:" : error.message);
  list.removeAttribute("aria-busy");
  show(list, ...(empty ? firstSteps() : []));
  const mine = asked;
  setTimeout(() => mine === asked && dispatchEvent(new Event("again")), RETRY_MS);
}

const firstSteps = () =>
  [
    ["make rebuild-index DATASET=path/to/dataset.toml", "examples/ has descriptions to begin with"],
    ["make demo", "or a made-up shop, in about a minute"],
  ].map(([command, what]) =>
    el("li", { class: "step" }, el("code", {}, command), el("span", { class: "kind" }, what)),
  );
