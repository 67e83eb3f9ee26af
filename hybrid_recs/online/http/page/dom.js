// Elements, numbers and times; independent of the service.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...withoutEmpty(children));
  return node;
}

const withoutEmpty = (children) =>
  children.flat(Infinity).filter((child) => child !== null && child !== undefined);

export const el = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

export const byId = (id) => document.getElementById(id);

export const show = (node, ...children) => node.replaceChildren(...withoutEmpty(children));

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (n) => whole.format(Math.round(n));
export const brief = (n) => (n < 10_000 ? count(n) : short.format(n));
export const percent = (share, decimals = 1) => `${(share * 100).toFixed(decimals)} %`;

export function milliseconds(ms) {
  if (ms === null || ms === undefined) return "–";
  return `${ms < 1 ? ms.toFixed(3) : ms < 10 ? ms.toFixed(2) : ms.toFixed(ms < 100 ? 1 : 0)} ms`;
}

const STEPS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];
const relative = new Intl.RelativeTimeFormat("en");

export function ago(seconds) {
  const [unit, size] = STEPS.find(([, size]) => seconds >= size) ?? ["second", 1];
  return relative.format(-Math.floor(seconds / size), unit);
}

export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
