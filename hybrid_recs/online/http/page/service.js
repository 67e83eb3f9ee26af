// What the page asks of the service it came from.

export class ServiceError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status; // 0: no answer at all
    this.code = code;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, "out_of_reach", "The service does not answer.");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    const { code = "error", message = response.statusText } = body.error ?? {};
    throw new ServiceError(response.status, code, message);
  }
  const timing = /dur=([\d.]+)/.exec(response.headers.get("Server-Timing") ?? "");
  return { body, ms: timing ? Number(timing[1]) : null };
}

const query = (name, values) => values.map((value) => `${name}=${encodeURIComponent(value)}`).join("&");

export const findItems = (text, k, signal) => ask(`items?${query("q", [text])}&k=${k}`, { signal });
export const itemsById = (ids) => ask(`items?${query("item_id", ids)}`);
export const itemDetails = (id) => ask(`items/${encodeURIComponent(id)}`);
export const neighbours = (ids, k = 10) => ask(`recommendations?${query("item_id", ids)}&k=${k}`);
export const popular = (k = 10) => ask(`recommendations?k=${k}`);
export const forSession = (id, k = 10) => ask(`recommendations?${query("session_id", [id])}&k=${k}`);
export const status = () => ask("status");
export const hitRates = (window) => ask(`reports/cache-hit-rate?window=${window}`);

export const streamOf = (session) =>
  new EventSource(`sessions/${encodeURIComponent(session)}/recommendations/stream`);

export const sendEvent = (event) =>
  ask("events", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(event),
  });

// Not crypto.randomUUID: that is for secure contexts only.
export const randomId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
