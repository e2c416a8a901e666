// The server, as this page asks it: with a key, and with events as they come.

const KEPT_AS = "pensieve-key";

// What a server takes that has no key of its user's own.
const LOCAL_KEY = "pensieve-local-token";

/** The server wants another key. */
export class KeyNeeded extends Error {}

/** The server has answered with an error; its message is for people. */
export class Refused extends Error {}

/** Return whether the user has given a key. */
export function hasOwnKey() {
  return sessionStorage.getItem(KEPT_AS) !== null;
}

/** Use this key until the tab is closed; null: none of the user's. */
export function useKey(key) {
  if (key === null) sessionStorage.removeItem(KEPT_AS);
  else sessionStorage.setItem(KEPT_AS, key);
}

/** Return what the server knows of itself: pensieve/figures/report.py has its shape. */
export async function figures() {
  const answer = await ask("/v1/pensieve/figures");
  return answer.json();
}

/**
 * Ask for a message; yield its events as they come.
 *
 * @param body as the Messages API has it
 * @param conversation names the conversation, so that its prompts extend each other
 * @param signal stops it
 */
export async function* message(body, conversation, signal) {
  const answer = await ask("/v1/messages", {
    method: "POST",
    body: JSON.stringify({ ...body, stream: true }),
    headers: {
      "content-type": "application/json",
      "x-claude-code-session-id": conversation,
    },
    signal,
  });
  for await (const event of events(answer.body)) {
    if (event.type === "error") throw new Refused(event.error.message);
    yield event;
    if (event.type === "message_stop") return;
  }
  throw new Refused("The answer broke off.");
}

async function ask(path, { headers = {}, ...options } = {}) {
  const key = sessionStorage.getItem(KEPT_AS) ?? LOCAL_KEY;
  const answer = await fetch(path, {
    ...options,
    headers: { ...headers, "x-api-key": key, "anthropic-version": "2023-06-01" },
    cache: "no-store",
    credentials: "omit",
  });
  if (answer.status === 401) throw new KeyNeeded();
  if (!answer.ok) throw new Refused(await reason(answer));
  return answer;
}

async function reason(answer) {
  try {
    return (await answer.json()).error.message;
  } catch {
    return `HTTP status ${answer.status}`; // somebody between us and the server
  }
}

/** Yield what each server-sent event has as its data. */
async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const frames = (text + value).split("\n\n");
    text = frames.pop();
    for (const frame of frames) {
      const line = frame.split("\n").find((each) => each.startsWith("data:"));
      if (line) yield JSON.parse(line.slice("data:".length));
    }
  }
}
