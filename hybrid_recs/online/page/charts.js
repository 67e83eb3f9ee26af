// Small charts as SVG: the hit rate over time, requests as bars, shares as one bar.

import { svg } from "./dom.js";

const WIDTH = 300;

// points: {start, requests, hits} by time; [begin, end) in the same seconds.
export function hitRateLine(points, begin, end, label) {
  const height = 64;
  const x = (time) => ((time - begin) / (end - begin)) * WIDTH;
  const stretch = points.length > 1 ? points[1].start - points[0].start : 60;
  const line = points
    .filter((point) => point.requests)
    .map((point) => [
      x(Math.min(point.start + stretch / 2, end)),
      2 + (1 - point.hits / point.requests) * (height - 4),
    ]);
  const path = line.map(([at, y], n) => `${n ? "L" : "M"}${at.toFixed(1)} ${y.toFixed(1)}`).join("");
  const grid = [0, 0.5, 1].map((share) =>
    svg("line", {
      class: "grid",
      x1: 0,
      x2: WIDTH,
      y1: 2 + share * (height - 4),
      y2: 2 + share * (height - 4),
    }),
  );
  const area =
    line.length > 1
      ? `${path}L${line.at(-1)[0].toFixed(1)} ${height - 2}L${line[0][0].toFixed(1)} ${height - 2}Z`
      : "";
  const last = line.at(-1);
  return chart(
    height,
    label,
    ...grid,
    area ? svg("path", { class: "area", d: area }) : null,
    svg("path", { class: "line", d: path }),
    // A line of no length with round ends is a dot that the stretched picture does not distort.
    last ? svg("path", { class: "dot", d: `M${last[0].toFixed(1)} ${last[1].toFixed(1)}h0.01` }) : null,
  );
}

// values: newest last, drawn from the right; `slots` of them fill the width.
export function bars(values, slots, label) {
  const height = 28;
  const most = Math.max(...values, 1e-9);
  const step = WIDTH / slots;
  const first = slots - values.length;
  return chart(
    height,
    label,
    svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: height - 0.5, y2: height - 0.5 }),
    ...values.map((value, at) => {
      const tall = value ? Math.max(1.5, (value / most) * (height - 2)) : 0;
      return svg("rect", {
        class: "column",
        x: (first + at) * step,
        y: height - tall,
        width: step * 0.7,
        height: tall,
      });
    }),
  );
}

// shares: {name, share}, drawn from the left with a gap between them.
export function stacked(shares, label) {
  let from = 0;
  const parts = shares.map(({ name, share }) => {
    const at = from;
    from += share * WIDTH;
    return svg("rect", {
      class: `fill ${name}`,
      x: at,
      y: 0,
      width: Math.max(1, share * WIDTH - 1.5),
      height: 10,
    });
  });
  return chart(10, label, ...parts);
}

function chart(height, label, ...content) {
  const attributes = {
    viewBox: `0 0 ${WIDTH} ${height}`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": label,
  };
  return svg("svg", { class: "chart", height, ...attributes }, ...content);
}
