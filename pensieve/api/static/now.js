// What runs now: models, streams, memory, the prefix cache, and times as plots.

import { fillBar } from "./bar.js";
import { byId, el, write } from "./dom.js";
import {
  about,
  bytes,
  count,
  duration,
  median,
  rate,
  seconds,
  share,
} from "./format.js";
import { plot } from "./plot.js";

const STAGES = {
  prompt: "making the prompt",
  queue: "waiting",
  prefill: "reading",
  decode: "writing",
};

/** Show a report of the server; pensieve/figures/report.py has its shape. */
export function showNow(report) {
  showModels(report.models);
  showTiles(report);
  showRunning(report.running, report.models.length > 1);
  showReuse(report.totals);
  showCache(report.models);
  showTimes(report);
  const { version, uptime_s } = report.server;
  write("foot", `Pensieve ${version} · up ${duration(uptime_s)}`);
}

function showModels(models) {
  const shown = models.map((model) => {
    const { status, context_length, engine_memory_bytes, restarts } = model;
    const facts = [`${about(context_length)} tokens of context`];
    if (engine_memory_bytes) facts.push(`${bytes(engine_memory_bytes)} resident`);
    if (restarts)
      facts.push(`${count(restarts)} engine restart${restarts > 1 ? "s" : ""}`);
    if (status !== "ready" && model.message) facts.push(model.message);
    return el(
      "span",
      { class: "model" },
      el("span", { class: "model-name" }, model.name),
      el(
        "span",
        { class: "facts" },
        el("span", { class: `status ${status}` }, status),
        ` · ${facts.join(" · ")}`,
      ),
    );
  });
  const words = shown.map((each) => each.textContent).join("");
  const heading = byId("models");
  if (heading.textContent !== words) heading.replaceChildren(...shown);
}

function showTiles({ models, running, memory, first_tokens, totals }) {
  const sum = (field) => models.reduce((total, model) => total + model[field], 0);
  write("streams", count(running.length));
  const waiting = sum("waiting");
  write(
    "streams-under",
    waiting ? `${count(waiting)} waiting` : `${about(totals.answered)} answered`,
  );

  const rates = running.map((each) => each.tokens_per_s).filter((each) => each);
  const now = rates.reduce((total, each) => total + each, 0);
  write("speed", rates.length ? rate(now) : "–");
  write("speed-under", rates.length ? "tokens/s now" : "tokens/s");

  const times = first_tokens.map((point) => point.seconds);
  write("first-token", times.length ? seconds(median(times)) : "–");
  write(
    "first-token-under",
    times.length ? `median of ${times.length}` : "no answer yet",
  );

  write("memory", bytes(memory.free_bytes));
  write("memory-under", `${memory.state} (${memory.bound})`);
  byId("memory-under").className = `under state ${memory.state}`;
}

function showRunning(running, namesModels) {
  byId("nothing-runs").hidden = running.length > 0;
  byId("running").hidden = running.length === 0;
  const rows = running.map((each) => {
    const name = namesModels ? `${each.id} · ${each.model}` : each.id;
    const batch = each.kind === "batch" ? " (batch)" : "";
    return el(
      "tr",
      {},
      el("td", { class: `stage ${each.stage}` }, STAGES[each.stage] + batch),
      el("td", { class: "id" }, name),
      number("Age", duration(each.age_s)),
      number("Prompt", promptOf(each)),
      number("Out", count(each.output_tokens)),
      number("Tokens/s", each.tokens_per_s === null ? "–" : rate(each.tokens_per_s)),
    );
  });
  byId("running").tBodies[0].replaceChildren(...rows);
}

/** A prompt's length; while it is read, how far that has come. */
function promptOf({ stage, prompt_tokens, unread_tokens }) {
  if (prompt_tokens === null) return "–";
  if (stage !== "prefill" || unread_tokens === null) return count(prompt_tokens);
  return `${count(prompt_tokens - unread_tokens)} of ${count(prompt_tokens)}`;
}

function number(label, text) {
  return el("td", { class: "number", "data-label": label }, text);
}

function showReuse({ memory_tokens, disk_tokens, computed_tokens }) {
  const all = memory_tokens + disk_tokens + computed_tokens;
  const told = (tokens) => `${about(tokens)} · ${share(tokens, all)}`;
  fillBar(byId("reuse"), memory_tokens, disk_tokens, computed_tokens);
  write("from-memory", told(memory_tokens));
  write("from-disk", told(disk_tokens));
  write("from-model", told(computed_tokens));
}

function showCache(models) {
  const tiers = models.flatMap(({ name, cache }) =>
    cache.map((tier) => ({ ...tier, of: models.length > 1 ? name : "" })),
  );
  const inMemory = tiers.filter(({ tier }) => tier === "memory");
  const onDisk = tiers.filter(({ tier }) => tier === "disk").slice(0, 1); // all share it
  const rows = [...inMemory, ...onDisk].map((each) => {
    const { tier, of, bytes: used, budget_bytes: budget, entries } = each;
    const label = tier === "disk" ? "Disk" : of ? `Memory · ${of}` : "Memory";
    const things = tier === "memory" ? "run" : "file";
    const said = budget
      ? `${bytes(used)} of ${bytes(budget)} · ${count(entries)} ${things}${entries === 1 ? "" : "s"}`
      : "off";
    const full = el("span", { class: tier });
    full.style.width = `${budget ? Math.min(100, (100 * used) / budget) : 0}%`;
    full.hidden = !used || !budget;
    return el(
      "li",
      {},
      el("span", { class: "label" }, label),
      el("span", { class: "meter", "aria-hidden": "true" }, full),
      el("span", { class: "holds" }, said),
    );
  });
  const words = rows.map((row) => row.textContent).join("");
  const list = byId("cache");
  if (list.textContent !== words) list.replaceChildren(...rows);
}

function showTimes({ first_tokens, gaps }) {
  const firsts = first_tokens.map(({ at, seconds: time }) => ({ at, values: [time] }));
  drawOnce("first-tokens", firsts, ["dot"]);
  write("first-tokens-note", told(firsts.map(({ values: [time] }) => time)));

  const between = gaps.map(({ at, mean_s, largest_s }) => ({
    at,
    values: [mean_s, largest_s],
  }));
  drawOnce("gaps", between, ["line", "dot"]);
  const means = between.map(({ values: [mean] }) => mean);
  const largest = Math.max(...between.map(({ values: [, most] }) => most));
  write(
    "gaps-note",
    means.length
      ? `line: mean, ${seconds(median(means))} · dots: largest, ${seconds(largest)}`
      : "",
  );
}

function told(times) {
  if (!times.length) return "";
  return `median ${seconds(median(times))}, largest ${seconds(Math.max(...times))}`;
}

const drawn = new Map(); // what each plot shows: the last point, and its width

function drawOnce(id, points, series) {
  const element = byId(id);
  const last = points.length ? points.at(-1) : { at: 0, values: [] };
  const what = `${last.at} ${last.values} ${points.length} ${element.clientWidth}`;
  if (drawn.get(id) === what) return;
  drawn.set(id, what);
  plot(element, points, series);
}
