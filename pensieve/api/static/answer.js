// A message's events in, its content blocks and counts out; as they come.

/** An answer that is being streamed. Feed it events, in their order. */
export class Answer {
  constructor() {
    this.content = []; // blocks as the API has them, to be sent back
    this.usage = {};
    this.stopReason = null;
    this.ended = new Set(); // indexes of the blocks that are complete
    this.inputs = new Map(); // a call's input, as JSON text so far
  }

  /** Take an event of the stream. */
  feed(event) {
    switch (event.type) {
      case "message_start":
        this.usage = event.message.usage;
        break;
      case "content_block_start":
        this.content[event.index] = { ...event.content_block };
        this.inputs.set(event.index, "");
        break;
      case "content_block_delta":
        this.#add(event.index, event.delta);
        break;
      case "content_block_stop":
        this.#end(event.index);
        break;
      case "message_delta":
        this.stopReason = event.delta.stop_reason;
        this.usage = { ...this.usage, ...event.usage };
        break;
    }
  }

  /** The tool calls that wait for what came of them. */
  get calls() {
    return this.kept().filter((block) => block.type === "tool_use");
  }

  /** What can be sent back: complete blocks, and text that was broken off. */
  kept() {
    const kept = this.content.filter(
      (block, i) => this.ended.has(i) || block.type === "text",
    );
    return kept.filter((block) => block.type !== "text" || block.text);
  }

  #add(index, delta) {
    const block = this.content[index];
    switch (delta.type) {
      case "text_delta":
        block.text += delta.text;
        break;
      case "thinking_delta":
        block.thinking += delta.thinking;
        break;
      case "signature_delta":
        block.signature = (block.signature ?? "") + delta.signature;
        break;
      case "input_json_delta":
        this.inputs.set(index, this.inputs.get(index) + delta.partial_json);
        break;
    }
  }

  #end(index) {
    const block = this.content[index];
    const text = this.inputs.get(index);
    if (block.type === "tool_use" && text) {
      try {
        block.input = JSON.parse(text);
      } catch {
        return; // cut off by a limit: it cannot be sent back
      }
    }
    this.ended.add(index);
  }
}
