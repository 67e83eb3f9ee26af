// Requests to the service that the page came from.

export class ServiceError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status; // 0: no response
    this.code = code;
  }
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, "unreachable", "The service does not respond.");
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

export const findItems = (text, k, signal) => request(`items?${query("q", [text])}&k=${k}`, { signal });
export const itemsById = (ids) => request(`items?${query("item_id", ids)}`);
export const itemDetails = (id) => request(`items/${encodeURIComponent(id)}`);
export const neighbours = (ids, k = 10) => request(`recommendations?${query("item_id", ids)}&k=${k}`);
export const popular = (k = 10) => request(`recommendations?k=${k}`);
export const forSession = (id, k = 10) => request(`recommendations?${query("session_id", [id])}&k=${k}`);
export const status = () => request("status");
export const hitRates = (window) => request(`reports/cache-hit-rate?window=${window}`);

export const streamOf = (session) =>
  new EventSource(`sessions/${encodeURIComponent(session)}/recommendations/stream`);

export const sendEvent = (event) =>
  request("events", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(event),
  });

// Not crypto.randomUUID, which only secure contexts have.
export const randomId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
