// The session: what was opened, and the recommendations that are pushed as it grows.

import { byId, el, milliseconds, show } from "./dom.js";
import { addressOf, showOrigin, showRows, titleOf } from "./rows.js";
import { forSession, neighbours, randomId, sendEvent, streamOf } from "./service.js";

const STORED = "hybrid-recs session";
const PUSH_WITHIN_MS = 1_500;
const STREAM_WITHIN_MS = 500;
const MOST_SHOWN = 12;
const MOST_ITEMS = 50; // as many as the service remembers of a session

export function session(open) {
  let { id, items } = stored();
  let stream = null;
  let first = null; // of the stream: what is shown before anything is pushed
  let told = items.length > 0; // whether the service was told of an event: what comes before is of nobody
  let clicked = 0; // when an event was sent that nothing pushed is known to follow
  let fallback = 0;

  function note(...parts) {
    show(byId("session-note"), ...parts);
  }

  function trail() {
    byId("session-anew").hidden = !items.length;
    byId("to-session").hidden = !items.length;
    byId("to-session").textContent = `Session, ${items.length} item${items.length === 1 ? "" : "s"}`;
    byId("trail").hidden = !items.length;
    show(
      byId("trail"),
      items.slice(0, MOST_SHOWN).map((item) => el("li", {}, link(item))),
      items.length > MOST_SHOWN
        ? el("li", { class: "more" }, `and ${items.length - MOST_SHOWN} before`)
        : null,
    );
  }

  function link(item) {
    const found = el("a", { href: addressOf(item.item_id), title: titleOf(item) }, titleOf(item));
    found.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      open(item.item_id);
    });
    return found;
  }

  function empty() {
    note("Open items: each becomes part of your session, and what fits all of them appears here.");
    byId("session-head").hidden = true;
    show(byId("for-session"));
  }

  function present(answer, time) {
    byId("session-head").hidden = false;
    showOrigin(byId("session-origin"), answer.source, answer.fallback_reason, time);
    showRows(byId("for-session"), answer, open);
  }

  function connect() {
    stream = streamOf(id);
    first = new Promise((resolve) => {
      stream.addEventListener("recommendations", resolve, { once: true });
      setTimeout(resolve, STREAM_WITHIN_MS);
    });
    stream.addEventListener("recommendations", (event) => {
      if (!told) return;
      clearTimeout(fallback);
      if (clicked) note();
      present(
        JSON.parse(event.data),
        clicked ? `pushed after ${Math.round(performance.now() - clicked)} ms` : "",
      );
      clicked = 0;
    });
  }

  // Nothing was pushed: ask, and say why.
  async function askInstead(mine, why, byItems) {
    try {
      const ids = items.map((item) => item.item_id);
      const { body, ms } = byItems ? await neighbours(ids) : await forSession(id);
      if (mine !== id) return;
      present(body, ms === null ? "asked" : `asked, ${milliseconds(ms)}`);
      note(...why);
    } catch (error) {
      note(error.message);
    }
  }

  // An item was opened; `from` is the id of the answer that led to it.
  async function add(item, from) {
    if (!stream) connect();
    items = [item, ...items.filter((other) => other.item_id !== item.item_id)].slice(0, MOST_ITEMS);
    store(id, items);
    trail();
    const mine = id;
    await first;
    if (mine !== id) return; // it was begun anew meanwhile
    clearTimeout(fallback);
    byId("for-session").setAttribute("aria-busy", "true");
    show(byId("session-origin"), "…");
    [told, clicked] = [true, performance.now()];
    try {
      const event = { event_id: randomId(), type: "view", session_id: id, item_id: item.item_id };
      await sendEvent(from ? { ...event, recommendation_id: from } : event);
      fallback = setTimeout(() => clicked && askInstead(mine, NO_CONSUMER()), PUSH_WITHIN_MS);
    } catch (error) {
      clicked = 0;
      askInstead(mine, [`The event was not taken: ${error.message} These fit the same items.`], true);
    }
  }

  function anew() {
    stream?.close();
    stream = null;
    clearTimeout(fallback);
    [told, clicked] = [false, 0];
    [id, items] = [`page-${randomId()}`, []];
    store(id, items);
    trail();
    empty();
    byId("q").focus();
  }

  byId("session-anew").addEventListener("click", anew);
  addEventListener("pagehide", () => stream?.close());
  // On a phone the session is below the fold: a link leads there until it is in sight.
  new IntersectionObserver(([seen]) =>
    byId("to-session").classList.toggle("there", seen.isIntersecting),
  ).observe(byId("session"));
  trail();
  empty();
  if (items.length) {
    note();
    connect();
  }
  return { add };
}

const NO_CONSUMER = () => [
  "No consumer pushes, so the list was asked for. Start one: ",
  el("code", {}, "make consume-events"),
];

function stored() {
  try {
    const found = JSON.parse(sessionStorage.getItem(STORED));
    if (found?.id && Array.isArray(found.items)) return found;
  } catch {
    // as good as nothing stored
  }
  return { id: `page-${randomId()}`, items: [] };
}

function store(id, items) {
  const brief = items.map(({ item_id, title }) => ({ item_id, title }));
  try {
    sessionStorage.setItem(STORED, JSON.stringify({ id, items: brief }));
  } catch {
    // a browser that stores nothing: the session ends with the page
  }
}
