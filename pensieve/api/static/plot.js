// Values on a logarithmic scale, the newest at the right: times differ by powers of ten.

import { svg } from "./dom.js";
import { clock, seconds } from "./format.js";

const HEIGHT = 132;
const LEFT = 56; // for the scale's words
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 20; // for the clock's
const FEW = 48; // points that do not fill the width
const LEAST = 0.001; // what takes less is drawn there: nobody sees a difference

/**
 * Draw points into an element, in place of what it had.
 *
 * @param points [{at, values: [seconds, ...]}], the oldest first
 * @param series a class for each value: "dot" or "line" says how it is drawn
 */
export function plot(element, points, series) {
  const width = Math.max(element.clientWidth, 160);
  const drawing = svg("svg", { width, height: HEIGHT, "aria-hidden": "true" });
  if (points.length) {
    const [low, high] = decades(points.flatMap((point) => point.values));
    const y = (value) => {
      const part = (Math.log10(Math.max(value, LEAST)) - low) / (high - low);
      return HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP);
    };
    const step = (width - LEFT - RIGHT - 8) / (Math.max(points.length, FEW) - 1);
    const x = (i) => width - RIGHT - 4 - (points.length - 1 - i) * step;
    drawing.append(...scale(low, high, y, width), ...ends(points, x, width));
    series.forEach((kind, which) => {
      const places = points.map((point, i) => [
        x(i),
        y(point.values[which]),
        point,
        which,
      ]);
      drawing.append(...(kind === "line" ? line(places) : dots(places)));
    });
  }
  element.replaceChildren(drawing);
}

/** Return the powers of ten that have all values between them. */
function decades(values) {
  const low = Math.floor(Math.log10(Math.max(LEAST, Math.min(...values))));
  const high = Math.ceil(Math.log10(Math.max(LEAST, ...values)));
  return high > low ? [low, high] : [low, low + 1];
}

function scale(low, high, y, width) {
  const marks = [];
  for (let power = low; power <= high; power += 1) {
    const at = Math.round(y(10 ** power)) + 0.5;
    const word = power < 0 ? seconds(10 ** power) : `${10 ** power} s`;
    marks.push(
      svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: at, y2: at }),
      svg("text", { x: LEFT - 8, y: at + 4, "text-anchor": "end" }, word),
    );
  }
  return marks;
}

/** Return when the oldest point was, where there is room for it, and the newest. */
function ends(points, x, width) {
  const y = HEIGHT - 4;
  const last = clock(points.at(-1).at);
  const words = [svg("text", { x: width - RIGHT, y, "text-anchor": "end" }, last)];
  if (width - x(0) > 150) {
    words.push(svg("text", { x: x(0) - 4, y }, clock(points[0].at)));
  }
  return words;
}

function dots(places) {
  return places.map(([cx, cy, point, which], i) => {
    const shape = { class: "dot", cx, cy, r: i === places.length - 1 ? 3.5 : 2.25 };
    const words = `${seconds(point.values[which])} at ${clock(point.at)}`;
    return svg("circle", shape, svg("title", {}, words));
  });
}

function line(places) {
  if (places.length === 1) return dots(places);
  const points = places.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  return [svg("polyline", { class: "line", points })];
}
