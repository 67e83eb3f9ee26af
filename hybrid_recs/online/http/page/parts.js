// The parts of the service panel, rendered from its responses.

import { bars, hitRateLine, stacked } from "./charts.js";
import { ago, brief, count, el, milliseconds, percent } from "./dom.js";
import { addressOf } from "./rows.js";

export const POLLS_SHOWN = 60;
const LATE_SECONDS = 5;
export const DEPENDENCIES = { redis: "Redis", generations: "Generations", item_changes: "Item changes" };
const WINDOW_NAMES = { "15m": "15 minutes", "1h": "hour", "24h": "24 hours", "7d": "7 days" };

const QUALITY = {
  "ann_recall@10": "Search recall at 10",
  "ann_recall@100": "Search recall at 100",
  "parity@10": "Cached lists equal live",
  full_lists: "Lists of full length",
  coverage: "Catalogue recommended",
  validation_hr: "Validation HR@20",
};
const FAULTS = ["duplicates", "self_recommended", "unknown_rows", "not_finite"];

export function nowPart(now, rates) {
  const rate = rates.slice(-3).reduce((sum, n) => sum + n, 0) / Math.max(1, Math.min(3, rates.length));
  const text = rate >= 10 ? count(rate) : rate.toFixed(1);
  return [
    el("h3", {}, "Now"),
    rates.length ? el("p", { class: "line" }, el("strong", {}, text), " requests per second") : null,
    rates.length ? bars(rates, POLLS_SHOWN, `requests per second over two minutes, now ${text}`) : null,
    el(
      "dl",
      {},
      pair("Workers", String(now.workers)),
      now.dependencies.map(dependencyLine),
      eventLines(now.events),
    ),
    lateEvents(now.events),
  ];
}

function dependencyLine({ name, state, since }) {
  const seconds = Math.max(1, (Date.now() - Date.parse(since)) / 1_000);
  const text = state === "up" ? "up" : `${state}, ${ago(seconds)}`;
  return pair(DEPENDENCIES[name] ?? name, el("span", { class: state === "up" ? "" : "warning" }, text));
}

export function trafficPart(report, window) {
  if (!report.requests) return noTraffic(window);
  const label = `hit rate over the last ${WINDOW_NAMES[window]}: ${percent(report.hit_rate)}`;
  return [
    el(
      "p",
      { class: "big" },
      el("strong", { id: "hit-rate" }, percent(report.hit_rate)),
      el("span", {}, "hit rate"),
    ),
    hitRateLine(report.series, report.start, report.end, label),
    el("p", { class: "axis" }, el("span", {}, `${window} ago`), el("span", {}, "now")),
    el(
      "p",
      { class: "line" },
      el("strong", {}, brief(report.requests)),
      " requests, peak ",
      el("strong", {}, brief(report.peak_per_second)),
      " per second",
    ),
    el("h3", {}, "Sources"),
    stacked(
      report.sources.map(({ source, share }) => ({ name: source, share })),
      "requests by source",
    ),
    sources(report.sources),
  ];
}

export function advicePart({ requests, advice, most_missed }) {
  if (!requests) return [];
  const items = most_missed
    .slice(0, 3)
    .map(({ item_id, title, requests }) =>
      el("li", {}, el("a", { href: addressOf(item_id) }, title ?? item_id), el("span", {}, brief(requests))),
    );
  return [
    el("h3", {}, "Advice"),
    el("p", { class: "advice" }, advice),
    items.length ? [el("h3", {}, "Most missed"), el("ul", { class: "missed" }, items)] : null,
  ];
}

function sources(figures) {
  const head = ["", "share", "p50", "p99"].map((name) =>
    el("th", { scope: "col" }, name || el("span", { class: "unseen" }, "source")),
  );
  const lines = figures.map((figure) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("i", { class: `key ${figure.source}` }), figure.source),
      el("td", {}, percent(figure.share)),
      el("td", {}, milliseconds(figure.p50_ms)),
      el("td", {}, milliseconds(figure.p99_ms)),
    ),
  );
  return el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, lines));
}

function noTraffic(window) {
  const address = new URL("recommendations?k=10", document.baseURI);
  return [
    el("p", { class: "big none" }, el("strong", { id: "hit-rate" }, "No traffic yet")),
    el(
      "p",
      { class: "about" },
      `No requests in the last ${WINDOW_NAMES[window]}. Open an item here, or send some:`,
    ),
    el("code", { class: "block" }, `curl '${address}'`),
    el("code", { class: "block" }, "make replay DATASET=path/to/dataset.toml"),
  ];
}

const isLate = (events) => events && events.waiting > 0 && events.oldest_seconds > LATE_SECONDS;

function eventLines(events) {
  if (!events) return [];
  const waiting = events.waiting
    ? `${count(events.waiting)}, ${Math.round(events.oldest_seconds)} s`
    : "none";
  return [
    pair("Events accepted", count(events.accepted)),
    pair("Waiting", el("span", { class: isLate(events) ? "warning" : "" }, waiting)),
  ];
}

const lateEvents = (events) =>
  isLate(events)
    ? el("p", { class: "late" }, "No consumer keeps up. ", el("code", {}, "make consume-events"))
    : null;

export function generationPart({ generation }) {
  if (!generation) {
    return [
      el("h3", {}, "Generation"),
      el(
        "p",
        { class: "about" },
        "None has been published yet: ",
        el("code", {}, "make rebuild-index DATASET=path/to/dataset.toml"),
      ),
    ];
  }
  const { index, quality } = generation;
  const age = Math.max(0, Date.now() / 1_000 - Date.parse(generation.created) / 1_000);
  const without = generation.items - generation.with_vector;
  const faults = FAULTS.filter((name) => quality[name]);
  const checked = FAULTS.some((name) => name in quality);
  return [
    el("h3", {}, "Generation"),
    el("p", { class: "line" }, `Built ${ago(age)} from ${generation.dataset}`),
    el(
      "dl",
      {},
      pair("Id", el("span", { class: "id" }, generation.id)),
      pair("Items", count(generation.items)),
      pair(
        "Hot",
        `${count(generation.hot_items)} (${percent(generation.hot_items / Math.max(1, generation.items), 0)})`,
      ),
      without ? pair("Without a vector", count(without)) : null,
      generation.new_items ? pair("New since then", count(generation.new_items)) : null,
      generation.hidden_items ? pair("Hidden since then", count(generation.hidden_items)) : null,
      index ? pair("Index", `${index.kind}, ${milliseconds(index.milliseconds)}`) : null,
      Object.keys(QUALITY)
        .filter((name) => name in quality)
        .map((name) => pair(QUALITY[name], percent(quality[name]))),
      checked
        ? pair("Faulty lists", faults.length ? el("span", { class: "warning" }, faults.join(", ")) : "none")
        : null,
    ),
  ];
}

const pair = (name, value) => el("div", { class: "pair" }, el("dt", {}, name), el("dd", {}, value));
