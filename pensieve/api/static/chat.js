// A conversation with the model: what is typed goes out, the answer comes as a stream.

import { Answer } from "./answer.js";
import * as client from "./client.js";
import { byId, el } from "./dom.js";
import { ShownAnswer, noteOf, question, result, trouble } from "./turns.js";

const SAMPLE_TOOL = {
  name: "get_weather",
  description: "Say what the weather is like in a city.",
  input_schema: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
  },
};

const LEAST_BUDGET = 1024; // tokens of thinking: the API takes no fewer

/** The chat box. `onChange` is called when an answer begins and when it has ended. */
export class Chat {
  #messages = [];
  #conversation = randomName();
  #pending = []; // {call, field, failed}: calls whose results are to be written
  #stop = null;

  constructor(onChange, onKeyNeeded) {
    this.onChange = onChange;
    this.onKeyNeeded = onKeyNeeded;
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    byId("prompt").addEventListener("keydown", (event) => this.#sendAtEnter(event));
    byId("chat").addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#stop?.abort();
    });
    byId("stop").addEventListener("click", () => this.#stop?.abort());
    byId("new-chat").addEventListener("click", () => this.#begin());
    byId("sample-tool").addEventListener("click", () => {
      byId("tools").value = JSON.stringify([SAMPLE_TOOL], null, 2);
    });
  }

  /** Offer these models; with one there is nothing to choose. */
  offer(names) {
    const select = byId("model");
    select.hidden = names.length < 2;
    if ([...select.options].map((option) => option.value).join() === names.join())
      return;
    select.replaceChildren(...names.map((name) => el("option", { value: name }, name)));
  }

  #begin() {
    this.#stop?.abort();
    this.#messages = [];
    this.#pending = [];
    this.#conversation = randomName();
    byId("log").replaceChildren();
    byId("prompt").focus();
  }

  async #send() {
    const text = byId("prompt").value.trim();
    if (this.#stop || (!text && !this.#pending.length)) return;
    let options;
    try {
      options = this.#options();
    } catch (error) {
      this.#show(trouble(error.message));
      return;
    }
    const pending = this.#pending;
    const turns = this.#sayTurns(text);
    const content = [
      ...pending.map(resultBlock),
      ...(text ? [{ type: "text", text }] : []),
    ];
    byId("prompt").value = "";
    const messages = [...this.#messages, { role: "user", content }];
    const conversation = this.#conversation;
    const answer = await this.#ask({ ...options, messages });
    if (conversation !== this.#conversation) return; // another has begun meanwhile
    if (answer === null || !answer.kept().some((block) => block.type !== "thinking")) {
      for (const turn of turns) turn.remove(); // as if it had not been sent
      byId("prompt").value ||= text;
      this.#askForResults(pending);
      return;
    }
    this.#messages = [...messages, { role: "assistant", content: answer.kept() }];
    this.#askForResults(answer.calls.map((call) => this.#resultForm(call)));
  }

  /** Show the user's turn, results of calls first; return its elements. */
  #sayTurns(text) {
    const turns = this.#pending.map(({ call, field, failed }) =>
      result(call, field.value, failed.checked),
    );
    if (text) turns.push(question(text));
    for (const { form } of this.#pending) form.remove();
    this.#pending = [];
    for (const turn of turns) this.#show(turn);
    return turns;
  }

  /** Stream an answer; return it, or null where none came. */
  async #ask(body) {
    const answer = new Answer();
    const shown = new ShownAnswer((change) => this.#keepingToTheEnd(change));
    const began = performance.now();
    let firstS = 0;
    this.#show(shown.element);
    this.#working(new AbortController());
    try {
      for await (const event of client.message(
        body,
        this.#conversation,
        this.#stop.signal,
      )) {
        if (event.type === "content_block_delta") firstS ||= since(began);
        answer.feed(event);
        shown.feed(event);
      }
      shown.end(noteOf(answer, firstS, since(began), false));
      return answer;
    } catch (error) {
      const wasStopped = error.name === "AbortError";
      shown.end(noteOf(answer, firstS, since(began), wasStopped));
      if (wasStopped) return answer;
      if (error instanceof client.KeyNeeded) this.onKeyNeeded();
      const why =
        error instanceof client.Refused
          ? error.message
          : "The server could not be reached.";
      this.#show(
        trouble(error instanceof client.KeyNeeded ? "The server wants a key." : why),
      );
      return null;
    } finally {
      this.#working(null);
    }
  }

  #working(stop) {
    this.#stop = stop;
    byId("stop").hidden = stop === null;
    byId("send").hidden = stop !== null;
    this.onChange();
  }

  /** Show the forms for calls' results, and go to the first; without any, to the prompt. */
  #askForResults(forms) {
    this.#pending = forms;
    for (const { form } of forms) this.#show(form);
    (forms[0]?.field ?? byId("prompt")).focus();
  }

  #resultForm(call) {
    const field = el("textarea", { rows: 2, id: `result-${call.id}` });
    const failed = el("input", { type: "checkbox" });
    const form = el(
      "div",
      { class: "turn pending" },
      el("label", { for: field.id }, "What came of ", el("code", {}, call.name)),
      field,
      el("label", { class: "check" }, failed, " It failed"),
    );
    field.addEventListener("keydown", (event) => this.#sendAtEnter(event));
    return { call, field, failed, form };
  }

  #sendAtEnter(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#send();
  }

  /** Return the body's fields that the options stand for. */
  #options() {
    const most = Number(byId("max-tokens").value) || 4096;
    const options = { model: byId("model").value, max_tokens: most };
    const system = byId("system").value.trim();
    if (system) options.system = system;
    if (byId("temperature").value !== "")
      options.temperature = Number(byId("temperature").value);
    if (byId("thinking").checked) {
      if (most <= LEAST_BUDGET)
        throw new Error(`Thinking needs more than ${LEAST_BUDGET} tokens.`);
      options.thinking = {
        type: "enabled",
        budget_tokens: Math.max(LEAST_BUDGET, most >> 1),
      };
    }
    if (byId("tools").value.trim()) options.tools = tools(byId("tools").value);
    return options;
  }

  #show(element) {
    this.#keepingToTheEnd(() => {
      byId("welcome")?.remove();
      byId("log").append(element);
    });
  }

  /** Change the log; who reads its end goes on seeing it. */
  #keepingToTheEnd(change) {
    const log = byId("log");
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 48;
    change();
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  }
}

function resultBlock({ call, field, failed }) {
  return {
    type: "tool_result",
    tool_use_id: call.id,
    content: field.value,
    is_error: failed.checked,
  };
}

function tools(text) {
  try {
    const defined = JSON.parse(text);
    return Array.isArray(defined) ? defined : [defined];
  } catch (error) {
    throw new Error(`Tools: ${error.message}`);
  }
}

function since(began) {
  return (performance.now() - began) / 1000;
}

/** Return a name that no other conversation has. `randomUUID` is missing over plain HTTP. */
function randomName() {
  const numbers = crypto.getRandomValues(new Uint32Array(4));
  return `page-${[...numbers].map((number) => number.toString(16).padStart(8, "0")).join("")}`;
}
