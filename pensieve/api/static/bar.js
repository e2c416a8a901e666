// A prompt's tokens by where they came from, as one bar in three parts.

import { el } from "./dom.js";

const SOURCES = ["memory", "disk", "computed"];

/** Fill a bar with its parts: counts of tokens from memory, from disk, and computed. */
export function fillBar(bar, ...counts) {
  const parts = counts.map((count, i) => {
    const part = el("span", { class: SOURCES[i] });
    part.style.flexGrow = count;
    return count ? part : null;
  });
  bar.replaceChildren(...parts.filter((part) => part !== null));
}
