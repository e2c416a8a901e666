// The last requests: what of their prompts was reused, and what broke a prefix.

import { fillBar } from "./bar.js";
import { byId, el } from "./dom.js";
import { clock, count, rate, seconds, share } from "./format.js";

const FEW = 10;

let shownId = null; // the newest that is shown
let showsAll = false;

/** Show the requests that have ended, the newest first; at first only a few. */
export function showRequests(ended, namesModels) {
  byId("no-requests").hidden = ended.length > 0;
  if (!ended.length || ended[0].id === shownId) return;
  shownId = ended[0].id;
  byId("ended").parentElement.hidden = false;
  const shown = showsAll ? ended : ended.slice(0, FEW);
  byId("ended").replaceChildren(...shown.map((each) => row(each, namesModels)));
  const more = byId("all-requests");
  more.hidden = shown.length === ended.length;
  more.textContent = `Show all ${ended.length}`;
  more.onclick = () => {
    showsAll = true;
    shownId = null;
    byId("requests").focus(); // the button goes
    showRequests(ended, namesModels);
  };
}

function row(request, namesModels) {
  const { first_token_s, tokens_per_s } = request;
  return el(
    "tr",
    {},
    el(
      "td",
      { "data-label": "Began" },
      began(request),
      el("span", { class: "id" }, request.id),
    ),
    el(
      "td",
      { class: "wide", "data-label": "Prompt" },
      ...prompt(request, namesModels),
    ),
    el("td", { class: "number", "data-label": "Out" }, count(request.output_tokens)),
    el(
      "td",
      { class: "number", "data-label": "First token" },
      first_token_s === null ? "–" : seconds(first_token_s),
    ),
    el(
      "td",
      { class: "number", "data-label": "Tokens/s" },
      tokens_per_s === null ? "–" : rate(tokens_per_s),
    ),
    el(
      "td",
      { "data-label": "Ended by" },
      el("span", { class: isWell(request) ? "" : "bad" }, outcome(request)),
    ),
  );
}

function began({ began_at }) {
  return el(
    "time",
    { datetime: new Date(began_at * 1000).toISOString() },
    clock(began_at),
  );
}

function prompt(
  { model, memory_tokens, disk_tokens, computed_tokens, broken_prefix },
  namesModels,
) {
  const shown = [];
  if (namesModels) shown.push(el("span", { class: "id" }, model));
  if (memory_tokens === null) return [...shown, "never begun"];
  const all = memory_tokens + disk_tokens + computed_tokens;
  const bar = el("span", { class: "bar", "aria-hidden": "true" });
  fillBar(bar, memory_tokens, disk_tokens, computed_tokens);
  const counts = [memory_tokens, disk_tokens, computed_tokens].map(count).join(" + ");
  const reused = share(memory_tokens + disk_tokens, all);
  shown.push(bar, el("span", { class: "counts" }, `${counts}, ${reused} reused`));
  if (broken_prefix) {
    const { field, at_token, earlier_tokens } = broken_prefix;
    const where = ` differs from the last prompt at token ${count(at_token)} of ${count(earlier_tokens)}`;
    shown.push(el("span", { class: "broken" }, el("code", {}, field), where));
  }
  return shown;
}

function isWell({ status }) {
  return status === null || status < 400 || status === 499;
}

function outcome({ outcome: name, status, kind }) {
  const words = name.replaceAll("_", " ");
  const notes = [];
  if (status !== null && status !== 200 && status !== 499) notes.push(status);
  if (kind === "batch") notes.push("batch");
  return notes.length ? `${words} (${notes.join(", ")})` : words;
}
