// Turns of the conversation as elements: text, thinking, tool calls and their results.

import { el } from "./dom.js";
import { count, rate, seconds, share } from "./format.js";

const LEAST_S = 0.25; // what comes in less says little of speed

/** Return what the user has said. */
export function question(text) {
  return el("div", { class: "turn said" }, el("p", { class: "text" }, text));
}

/** Return what came of a call. */
export function result(call, text, isError) {
  const title = `${isError ? "Error" : "Result"} of ${call.name}`;
  return el(
    "div",
    { class: "turn result" },
    el("p", { class: "title" }, title),
    el("pre", {}, text),
  );
}

/** Return a line that says what went wrong. */
export function trouble(text) {
  return el("p", { class: "trouble", role: "alert" }, text);
}

/** An answer on the page, which grows with its events. */
export class ShownAnswer {
  #changing;
  #blocks = [];
  #waiting = el("p", { class: "waiting" }, "…");
  #unshown = []; // of each block, text that has come since the last frame
  #frame = null;

  /** `changing(change)` makes a change of the page. */
  constructor(changing) {
    this.#changing = changing;
    this.element = el("div", { class: "turn answer", "aria-busy": "true" });
    this.element.append(this.#waiting);
  }

  /** Take an event of the stream. */
  feed(event) {
    if (event.type === "content_block_delta") {
      // Once a frame: a long answer is laid out anew each time.
      this.#unshown[event.index] += textOf(event.delta);
      this.#frame ??= requestAnimationFrame(() => this.#show());
    } else if (event.type === "content_block_start") {
      this.#waiting.remove();
      const block = shownBlock(event.content_block);
      this.#blocks[event.index] = block;
      this.#unshown[event.index] = "";
      this.#changing(() => this.element.append(block.element));
    } else if (event.type === "content_block_stop") {
      this.#show();
      this.#changing(() => this.#blocks[event.index].end());
    }
  }

  /** Say that nothing more comes, and how it went. */
  end(note) {
    this.#show();
    this.#waiting.remove();
    this.element.removeAttribute("aria-busy");
    this.#changing(() => this.element.append(el("p", { class: "note quiet" }, note)));
  }

  #show() {
    cancelAnimationFrame(this.#frame);
    this.#frame = null;
    this.#changing(() =>
      this.#blocks.forEach((block, i) => {
        block.add(this.#unshown[i]);
        this.#unshown[i] = "";
      }),
    );
  }
}

/** Return an answer's figures in a line. */
export function noteOf(answer, firstTokenS, tookS, wasStopped) {
  const { usage, stopReason } = answer;
  const parts = [];
  if (usage.output_tokens !== undefined && stopReason) {
    parts.push(`${count(usage.output_tokens)} tokens`);
    const writingS = tookS - firstTokenS;
    if (writingS > LEAST_S) {
      parts.push(`${rate((usage.output_tokens - 1) / writingS)} tokens/s`);
    }
  }
  if (firstTokenS) parts.push(`first after ${seconds(firstTokenS)}`);
  const cached = usage.cache_read_input_tokens ?? 0;
  const all =
    cached + (usage.input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
  if (all) parts.push(`prompt of ${count(all)}, ${share(cached, all)} reused`);
  parts.push(wasStopped ? "stopped" : (stopReason ?? "").replaceAll("_", " "));
  return parts.filter((part) => part).join(" · ");
}

function textOf(delta) {
  return delta.text ?? delta.thinking ?? delta.partial_json ?? "";
}

function shownBlock(block) {
  if (block.type === "thinking") return thinkingBlock();
  if (block.type === "tool_use") return callBlock(block);
  return textBlock();
}

function textBlock() {
  const text = document.createTextNode("");
  const element = el("div", { class: "text" }, text);
  return {
    element,
    add: (more) => text.appendData(more),
    end: () => element.replaceChildren(...written(text.data)),
  };
}

function thinkingBlock() {
  const text = document.createTextNode("");
  const title = el("summary", {}, "Thinking …");
  const element = el(
    "details",
    { class: "thinking", open: true },
    title,
    el("p", { class: "text" }, text),
  );
  return {
    element,
    add: (more) => text.appendData(more),
    end: () => {
      title.textContent = "Thinking";
      element.open = false;
    },
  };
}

function callBlock({ name }) {
  const text = document.createTextNode("");
  const title = el("p", { class: "title" }, "Calls ", el("code", {}, name));
  return {
    element: el("div", { class: "call" }, title, el("pre", {}, text)),
    add: (more) => text.appendData(more),
    end: () => {
      text.data = indented(text.data);
    },
  };
}

function indented(json) {
  try {
    return JSON.stringify(JSON.parse(json || "{}"), null, 2);
  } catch {
    return json; // cut off by a limit
  }
}

/** Text as elements: fenced code apart, code in a line, the rest as it stands. */
function written(text) {
  const parts = text.split(/^```([^\n`]*)\n([\s\S]*?)^```[ \t]*$\n?/m);
  const shown = [];
  for (let i = 0; i < parts.length; i += 3) {
    shown.push(...inline(parts[i]));
    if (i + 2 < parts.length)
      shown.push(el("pre", {}, el("code", {}, parts[i + 2].replace(/\n$/, ""))));
  }
  return shown;
}

function inline(text) {
  return text
    .split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/)
    .filter((part) => part)
    .map((part) => {
      if (part.length > 2 && part.startsWith("`"))
        return el("code", {}, part.slice(1, -1));
      if (part.length > 4 && part.startsWith("**"))
        return el("strong", {}, part.slice(2, -2));
      return part;
    });
}
