// The service's figures, kept up to date while the page is seen.

import { byId, count, el, show } from "./dom.js";
import { advicePart, generationPart, nowPart, POLLS_SHOWN, trafficPart } from "./parts.js";
import { hitRates, status } from "./service.js";

const STATUS_MS = 2_000;
// A report reads every minute of its window: long ones are asked for less often.
const REPORT_MS = { "15m": 2_000, "1h": 2_000, "24h": 10_000, "7d": 60_000 };

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
      show(byId("now"), nowPart(body, rates));
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

  async function report() {
    clearTimeout(reportTimer);
    const mine = window;
    if (!document.hidden) {
      try {
        const { body } = await hitRates(mine);
        if (mine === window) {
          show(byId("traffic"), trafficPart(body, mine));
          show(byId("advice"), advicePart(body));
          byId("traffic").classList.remove("old");
        }
      } catch (error) {
        const told = byId("traffic").childElementCount;
        if (!told) show(byId("traffic"), el("p", { class: "about" }, `No figures: ${error.message}`));
        byId("traffic").classList.toggle("old", told > 1);
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
  document.body.classList.toggle("empty", !generation);
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
