// Asks the server how it is, again and again while anybody looks, and shows it.

import { Chat } from "./chat.js";
import * as client from "./client.js";
import { byId, write } from "./dom.js";
import { showNow } from "./now.js";
import { showRequests } from "./requests.js";

const BUSY_MS = 1000;
const IDLE_MS = 2500;
const AWAY_MS = 4000; // while the server does not answer

let timer = null;
let isAsking = false;
let needsKey = false;

const chat = new Chat(soon, askForKey);

/** Ask now, and then again; not while nobody sees the page. */
async function look() {
  if (isAsking || needsKey || document.hidden) return;
  isAsking = true;
  clearTimeout(timer);
  let pause = IDLE_MS;
  try {
    const report = await client.figures();
    const names = report.models.map((model) => model.name);
    showNow(report);
    showRequests(report.ended, names.length > 1);
    chat.offer(names);
    document.title = `${names.join(", ")} · Pensieve`;
    write("trouble", "");
    if (report.running.length) pause = BUSY_MS;
  } catch (error) {
    if (error instanceof client.KeyNeeded) askForKey();
    else
      write(
        "trouble",
        error instanceof client.Refused ? error.message : "The server does not answer.",
      );
    pause = AWAY_MS;
  } finally {
    isAsking = false;
  }
  if (!needsKey) timer = setTimeout(look, pause);
}

/** Look a moment from now: something has just changed. */
function soon() {
  clearTimeout(timer);
  timer = setTimeout(look, 150);
}

function askForKey() {
  if (client.hasOwnKey()) write("key-note", "The server does not take that key.");
  client.useKey(null);
  needsKey = true;
  byId("figures-and-chat").hidden = true;
  byId("key-form").hidden = false;
  byId("forget-key").hidden = true;
  byId("key").focus();
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  client.useKey(byId("key").value.trim());
  byId("key").value = "";
  byId("key-form").hidden = true;
  byId("figures-and-chat").hidden = false;
  byId("forget-key").hidden = false;
  needsKey = false;
  look();
});

byId("forget-key").addEventListener("click", () => {
  client.useKey(null);
  location.reload();
});

document.addEventListener("visibilitychange", look);
new ResizeObserver(soon).observe(byId("first-tokens"));
byId("forget-key").hidden = !client.hasOwnKey();
look();
