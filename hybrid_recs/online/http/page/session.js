// The session: the opened items, and the recommendations that are pushed for them.

import { byId, el, milliseconds, show } from "./dom.js";
import { addressOf, showOrigin, showRows, titleOf } from "./rows.js";
import { forSession, neighbours, randomId, sendEvent, streamOf } from "./service.js";

const STORED = "hybrid-recs session";
const PUSH_TIMEOUT_MS = 1_500;
const STREAM_TIMEOUT_MS = 500;
const MAX_SHOWN = 12;
const MAX_ITEMS = 50; // as many as the service keeps for a session

export function session(open) {
  let { id, items } = stored();
  let stream = null;
  let first = null; // resolved by the first message of the stream, or after a timeout
  let sent = items.length > 0; // whether an event was sent: earlier messages are for an unknown visitor
  let clicked = 0; // time of an event that no push has followed yet
  let fallback = 0;

  function note(...parts) {
    show(byId("session-note"), ...parts);
  }

  function trail() {
    byId("session-restart").hidden = !items.length;
    byId("to-session").hidden = !items.length;
    byId("to-session").textContent = `Session, ${items.length} item${items.length === 1 ? "" : "s"}`;
    byId("trail").hidden = !items.length;
    show(
      byId("trail"),
      items.slice(0, MAX_SHOWN).map((item) => el("li", {}, link(item))),
      items.length > MAX_SHOWN
        ? el("li", { class: "more" }, `and ${items.length - MAX_SHOWN} more`)
        : null,
    );
  }

  function link(item) {
    const anchor = el("a", { href: addressOf(item.item_id), title: titleOf(item) }, titleOf(item));
    anchor.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      open(item.item_id);
    });
    return anchor;
  }

  function empty() {
    note(EMPTY);
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
    stream.addEventListener("recommendations", (event) => {
      if (!sent) return;
      clearTimeout(fallback);
      if (clicked) note();
      present(
        JSON.parse(event.data),
        clicked ? `pushed after ${Math.round(performance.now() - clicked)} ms` : "",
      );
      clicked = 0;
    });
    // After the listener above: what waits for the first message sends an event, and the message is no push of it.
    first = new Promise((resolve) => {
      stream.addEventListener("recommendations", resolve, { once: true });
      setTimeout(resolve, STREAM_TIMEOUT_MS);
    });
  }

  // Nothing was pushed: request the list, and say why.
  async function requestInstead(requestedId, why, byItems) {
    try {
      const ids = items.map((item) => item.item_id);
      const { body, ms } = byItems ? await neighbours(ids) : await forSession(id);
      if (requestedId !== id) return;
      present(body, ms === null ? "requested" : `requested, ${milliseconds(ms)}`);
      note(...why);
    } catch (error) {
      note(error.message);
    }
  }

  // An item was opened; `answerId` is the id of the answer that led to it.
  async function add(item, answerId) {
    if (!stream) connect();
    items = [item, ...items.filter((other) => other.item_id !== item.item_id)].slice(0, MAX_ITEMS);
    store(id, items);
    trail();
    const requestedId = id;
    await first;
    if (requestedId !== id) return; // a new session was started meanwhile
    clearTimeout(fallback);
    byId("for-session").setAttribute("aria-busy", "true");
    show(byId("session-origin"), "…");
    [sent, clicked] = [true, performance.now()];
    try {
      const event = { event_id: randomId(), type: "view", session_id: id, item_id: item.item_id };
      await sendEvent(answerId ? { ...event, recommendation_id: answerId } : event);
      fallback = setTimeout(() => clicked && requestInstead(requestedId, NO_CONSUMER()), PUSH_TIMEOUT_MS);
    } catch (error) {
      clicked = 0;
      const why = `The event was not accepted: ${error.message} These recommendations are for the same items.`;
      requestInstead(requestedId, [why], true);
    }
  }

  function startNew() {
    stream?.close();
    stream = null;
    clearTimeout(fallback);
    [sent, clicked] = [false, 0];
    [id, items] = [`page-${randomId()}`, []];
    store(id, items);
    trail();
    empty();
    byId("q").focus();
  }

  byId("session-restart").addEventListener("click", startNew);
  addEventListener("pagehide", () => stream?.close());
  // On a phone the session is below the fold: a link leads to it until it is visible.
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

const EMPTY =
  "Every item that you open becomes part of your session; recommendations based on all of them appear here.";

const NO_CONSUMER = () => [
  "No consumer is running, so the page requested the list. Start one: ",
  el("code", {}, "make consume-events"),
];

function stored() {
  try {
    const session = JSON.parse(sessionStorage.getItem(STORED));
    if (session?.id && Array.isArray(session.items)) return session;
  } catch {
    // treated as nothing stored
  }
  return { id: `page-${randomId()}`, items: [] };
}

function store(id, items) {
  const brief = items.map(({ item_id, title }) => ({ item_id, title }));
  try {
    sessionStorage.setItem(STORED, JSON.stringify({ id, items: brief }));
  } catch {
    // the browser stores nothing: the session ends with the page
  }
}
