// The service's figures, kept up to date while the page is seen.

import { bars, hitRateLine, stacked } from "./charts.js";
import { ago, brief, byId, count, el, milliseconds, percent, show } from "./dom.js";
import { addressOf } from "./rows.js";
import { hitRates, status } from "./service.js";

const STATUS_MS = 2_000;
// A report reads every minute of its window: long ones are asked for less often.
const REPORT_MS = { "15m": 2_000, "1h": 2_000, "24h": 10_000, "7d": 60_000 };
const IN_WORDS = { "15m": "15 minutes", "1h": "hour", "24h": "24 hours", "7d": "7 days" };
const POLLS_SHOWN = 60;
const LATE_SECONDS = 5;

const QUALITY = {
  "ann_recall@10": "Search recall at 10",
  "ann_recall@100": "Search recall at 100",
  "parity@10": "Cached lists equal live",
  full_lists: "Lists of full length",
  coverage: "Catalogue recommended",
  validation_hr: "Validation HR@20",
};
const FAULTS = ["duplicates", "self_recommended", "unknown_rows", "not_finite"];

export function figures(onGeneration) {
  let window = "1h";
  let reportTimer = 0;
  let before = null; // requests served and when, at the last look
  let generation; // undefined until the first answer
  const rates = [];

  async function look() {
    try {
      const { body } = await status();
      note(body);
      headline(body);
      show(byId("generation"), generationPart(body));
      notice(body.cache_available ? null : REDIS_AWAY());
      const id = body.generation?.id ?? null;
      if (generation !== undefined && id !== generation) onGeneration();
      generation = id;
      show(byId("now"), nowPart(body));
    } catch (error) {
      before = null;
      byId("state").className = "state away";
      byId("state").textContent = error.status ? error.message : "The service does not answer; trying again";
    }
  }

  function note(now) {
    const served = Object.values(now.served).reduce((sum, n) => sum + n, 0);
    const at = performance.now();
    if (before && served >= before.served) rates.push(((served - before.served) / (at - before.at)) * 1_000);
    if (rates.length > POLLS_SHOWN) rates.shift();
    before = { served, at };
  }

  function nowPart(now) {
    const rate = rates.slice(-3).reduce((sum, n) => sum + n, 0) / Math.max(1, Math.min(3, rates.length));
    const told = rate >= 10 ? count(rate) : rate.toFixed(1);
    return [
      el("h3", {}, "Now"),
      el("p", { class: "line" }, el("strong", {}, told), " requests a second"),
      bars(rates, POLLS_SHOWN, `requests a second over the last two minutes, now ${told}`),
      el("dl", {}, ...pair("Workers", String(now.workers)), ...pair("Redis", now.cache_available ? "in reach" : "out of reach"), ...eventLines(now.events)),
    ];
  }

  async function report() {
    clearTimeout(reportTimer);
    const mine = window;
    if (!document.hidden) {
      try {
        const { body } = await hitRates(mine);
        if (mine === window) {
          show(byId("traffic"), trafficPart(body, mine));
          byId("traffic").classList.remove("old");
        }
      } catch (error) {
        if (!byId("traffic").childElementCount) show(byId("traffic"), el("p", { class: "about" }, error.message));
        byId("traffic").classList.add("old");
      }
    }
    if (mine === window) reportTimer = setTimeout(report, REPORT_MS[window]);
  }

  for (const choice of document.querySelectorAll("input[name=window]")) {
    choice.addEventListener("change", () => {
      window = choice.value;
      byId("traffic").classList.add("old");
      report();
    });
  }
  document.addEventListener("visibilitychange", () => {
    before = null;
    if (!document.hidden) {
      look();
      report();
    }
  });
  (async function again() {
    if (!document.hidden) await look();
    setTimeout(again, STATUS_MS);
  })();
  report();
}

function headline({ generation, cache_available }) {
  const state = byId("state");
  state.className = `state ${generation ? (cache_available ? "ready" : "away") : "waiting"}`;
  const told = generation ? `${generation.dataset}, ${count(generation.items)} items` : "No generation yet";
  if (state.textContent !== told) state.textContent = told;
}

function notice(content) {
  const node = byId("notice");
  if (node.hidden !== !content) show(node, ...(content ?? []));
  node.hidden = !content;
}

const REDIS_AWAY = () => [
  el("strong", {}, "Redis is out of reach."),
  " Every item is answered live. Hit rates, sessions and events wait until it is back: see to it, or unset HYBRID_RECS_REDIS_URL to have one started.",
];

function trafficPart(report, window) {
  if (!report.requests) return noTraffic(window);
  const label = `hit rate over the last ${IN_WORDS[window]}: ${percent(report.hit_rate)}`;
  return [
    el("p", { class: "big" }, el("strong", { id: "hit-rate" }, percent(report.hit_rate)), el("span", {}, "hit rate")),
    hitRateLine(report.series, report.start, report.end, label),
    el("p", { class: "axis" }, el("span", {}, `${window} ago`), el("span", {}, "now")),
    el("p", { class: "line" }, el("strong", {}, brief(report.requests)), " requests, at most ", el("strong", {}, brief(report.peak_per_second)), " a second"),
    el("h3", {}, "Answered by"),
    stacked(report.sources.map(({ source, share }) => ({ name: source, share })), "requests by what answered"),
    sources(report.sources),
    el("p", { class: "advice" }, report.advice),
    report.most_missed.length ? missed(report.most_missed.slice(0, 3)) : null,
  ];
}

function sources(figures) {
  const head = ["", "share", "p50", "p99"].map((name) => el("th", { scope: "col" }, name || el("span", { class: "unseen" }, "source")));
  const lines = figures.map((of) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("i", { class: `key ${of.source}` }), of.source),
      el("td", {}, percent(of.share)),
      el("td", {}, milliseconds(of.p50_ms)),
      el("td", {}, milliseconds(of.p99_ms)),
    ),
  );
  return el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, lines));
}

const missed = (items) => [
  el("h3", {}, "Most missed"),
  el("ul", { class: "missed" }, items.map((item) => el("li", {}, el("a", { href: addressOf(item.item_id) }, item.title ?? item.item_id), el("span", {}, brief(item.requests))))),
];

function noTraffic(window) {
  const address = new URL("recommendations?k=10", document.baseURI);
  return [
    el("p", { class: "big none" }, el("strong", { id: "hit-rate" }, "–"), el("span", {}, "hit rate")),
    el("p", { class: "about" }, `No requests in the last ${IN_WORDS[window]}. Open an item here, or send some:`),
    el("code", { class: "block" }, `curl '${address}'`),
    el("code", { class: "block" }, "make replay DATASET=path/to/dataset.toml"),
  ];
}

function eventLines(events) {
  if (!events) return [];
  const late = events.waiting && events.oldest_seconds > LATE_SECONDS;
  const waiting = el("span", { class: late ? "warning" : "" }, events.waiting ? `${count(events.waiting)}, ${Math.round(events.oldest_seconds)} s` : "none");
  return [...pair("Events taken", count(events.accepted)), ...pair("Waiting", waiting), ...(late ? [el("dd", { class: "wide" }, "No consumer keeps up: ", el("code", {}, "make consume-events"))] : [])];
}

function generationPart({ generation }) {
  if (!generation) {
    return [el("h3", {}, "Generation"), el("p", { class: "about" }, "None is published yet: ", el("code", {}, "make rebuild-index DATASET=path/to/dataset.toml"))];
  }
  const { index, quality } = generation;
  const age = Math.max(0, Date.now() / 1_000 - Date.parse(generation.created) / 1_000);
  const faults = FAULTS.filter((name) => quality[name]);
  const told = FAULTS.some((name) => name in quality);
  return [
    el("h3", {}, "Generation"),
    el("p", { class: "line" }, el("span", { class: "id" }, generation.id), ` built ${ago(age)}`),
    el(
      "dl",
      {},
      ...pair("Items", count(generation.items)),
      ...pair("Hot", `${count(generation.hot_items)} (${percent(generation.hot_items / Math.max(1, generation.items), 0)})`),
      ...(generation.with_vector < generation.items ? pair("Without a vector", count(generation.items - generation.with_vector)) : []),
      ...(generation.new_items ? pair("New since", count(generation.new_items)) : []),
      ...(generation.hidden_items ? pair("Hidden since", count(generation.hidden_items)) : []),
      ...(index ? pair("Index", `${index.kind}, ${milliseconds(index.milliseconds)}`) : []),
      ...Object.keys(QUALITY).filter((name) => name in quality).flatMap((name) => pair(QUALITY[name], percent(quality[name]))),
      ...(told ? pair("Faulty lists", faults.length ? el("span", { class: "warning" }, faults.join(", ")) : "none") : []),
    ),
  ];
}

const pair = (name, value) => [el("dt", {}, name), el("dd", {}, value)];
