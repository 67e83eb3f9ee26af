// Small charts as SVG: the hit rate over time, requests as bars, shares as one bar.

import { svg } from "./dom.js";

const WIDTH = 300;

// points: {start, requests, hits} by time; [begin, end) in the same seconds.
export function hitRateLine(points, begin, end, label) {
  const height = 64;
  const x = (time) => ((time - begin) / (end - begin)) * WIDTH;
  const interval = points.length > 1 ? points[1].start - points[0].start : 60;
  const position = (point) => [
    x(Math.min(point.start + interval / 2, end)).toFixed(1),
    (2 + (1 - point.hits / point.requests) * (height - 4)).toFixed(1),
  ];
  // Without requests there is no rate: the line has a gap.
  const runs = [[]];
  for (const point of points) point.requests ? runs.at(-1).push(position(point)) : runs.push([]);
  const lines = runs
    .filter((run) => run.length)
    .map((run) => `M${run.map((xy) => xy.join(" ")).join("L")}h0.01`);
  const areas = runs
    .filter((run) => run.length > 1)
    .map((run) => `M${run[0][0]} ${height - 2}L${run.map((xy) => xy.join(" ")).join("L")}V${height - 2}Z`);
  const grid = [0, 0.5, 1].map((share) =>
    svg("line", {
      class: "grid",
      x1: 0,
      x2: WIDTH,
      y1: 2 + share * (height - 4),
      y2: 2 + share * (height - 4),
    }),
  );
  const last = runs.flat().at(-1);
  return chart(
    height,
    label,
    ...grid,
    svg("path", { class: "area", d: areas.join("") }),
    svg("path", { class: "line", d: lines.join("") }),
    // A line of length 0 with round ends is a dot that the stretched image does not distort.
    last ? svg("path", { class: "dot", d: `M${last.join(" ")}h0.01` }) : null,
  );
}

// values: newest last, drawn from the right; `slots` of them fill the width.
export function bars(values, slots, label) {
  const height = 28;
  const max = Math.max(...values, 1e-9);
  const step = WIDTH / slots;
  const first = slots - values.length;
  return chart(
    height,
    label,
    svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: height - 0.5, y2: height - 0.5 }),
    ...values.map((value, index) => {
      const size = value ? Math.max(1.5, (value / max) * (height - 2)) : 0;
      return svg("rect", {
        class: "column",
        x: (first + index) * step,
        y: height - size,
        width: step * 0.7,
        height: size,
      });
    }),
  );
}

// shares: {name, share}, drawn from the left with a gap between them.
export function stacked(shares, label) {
  let end = 0;
  const parts = shares.map(({ name, share }) => {
    const start = end;
    end += share * WIDTH;
    return svg("rect", {
      class: `fill ${name}`,
      x: start,
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
