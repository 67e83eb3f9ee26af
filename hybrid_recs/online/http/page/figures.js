// The service panel, kept up to date while the page is visible.

import { byId, count, el, show } from "./dom.js";
import { advicePart, DEPENDENCIES, generationPart, nowPart, POLLS_SHOWN, trafficPart } from "./parts.js";
import { hitRates, status } from "./service.js";

const STATUS_MS = 2_000;
// A report reads every minute of its window: long windows are requested less often.
const REPORT_MS = { "15m": 2_000, "1h": 2_000, "24h": 10_000, "7d": 60_000 };

export function figures(onGeneration) {
  let window = "1h";
  let reportTimer = 0;
  let previous = null; // number of served requests and time of the last poll
  let generation; // undefined until the first response
  const rates = [];

  async function poll() {
    try {
      const { body } = await status();
      addRate(body);
      headline(body);
      show(byId("generation"), generationPart(body));
      notice(problems(body));
      const id = body.generation?.id ?? null;
      if (generation !== undefined && id !== generation) onGeneration();
      generation = id;
      show(byId("now"), nowPart(body, rates));
    } catch (error) {
      previous = null;
      byId("state").className = "state away";
      byId("state").textContent = error.status ? error.message : "The service does not respond; trying again";
    }
  }

  function addRate(now) {
    const served = Object.values(now.served).reduce((sum, n) => sum + n, 0);
    const time = performance.now();
    if (previous && served >= previous.served)
      rates.push(((served - previous.served) / (time - previous.time)) * 1_000);
    if (rates.length > POLLS_SHOWN) rates.shift();
    previous = { served, time };
  }

  async function report() {
    clearTimeout(reportTimer);
    const requested = window;
    if (!document.hidden) {
      try {
        const { body } = await hitRates(requested);
        if (requested === window) {
          show(byId("traffic"), trafficPart(body, requested));
          show(byId("advice"), advicePart(body));
          byId("traffic").classList.remove("old");
        }
      } catch (error) {
        const filled = byId("traffic").childElementCount;
        if (!filled) show(byId("traffic"), el("p", { class: "about" }, `No figures: ${error.message}`));
        byId("traffic").classList.toggle("old", filled > 1);
      }
    }
    if (requested === window) reportTimer = setTimeout(report, REPORT_MS[window]);
  }

  for (const choice of document.querySelectorAll("input[name=window]")) {
    choice.addEventListener("change", () => {
      window = choice.value;
      byId("traffic").classList.add("old");
      report();
    });
  }
  document.addEventListener("visibilitychange", () => {
    previous = null;
    if (!document.hidden) {
      poll();
      report();
    }
  });
  (async function repeat() {
    if (!document.hidden) await poll();
    setTimeout(repeat, STATUS_MS);
  })();
  report();
}

function headline({ generation, health }) {
  document.body.classList.toggle("empty", !generation);
  const state = byId("state");
  state.className = `state ${generation ? (health === "up" ? "ready" : "away") : "waiting"}`;
  const text = generation ? `${generation.dataset}, ${count(generation.items)} items` : "No generation yet";
  if (state.textContent !== text) state.textContent = text;
}

function notice(content) {
  const node = byId("notice");
  const lines = content ?? [];
  const text = lines.map((line) => line.textContent).join("");
  if (node.textContent !== text) show(node, ...lines);
  node.hidden = !content;
}

// What the worker cannot rely on at the moment, and the remedy.
function problems({ dependencies }) {
  const lines = dependencies
    .filter(({ state }) => state !== "up")
    .map(({ name, state, error }) =>
      el("p", {}, el("strong", {}, `${DEPENDENCIES[name] ?? name}: ${state}.`), ` ${error}.`),
    );
  return lines.length ? lines : null;
}
