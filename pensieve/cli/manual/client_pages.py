"""Pages of the verbs that talk with the model, or have others do so."""

from pensieve.cli.manual.page import Example, Page

PAGES = {
    "ask": Page(
        about="""\
The text of the answer goes to stdout as it comes, and nothing else does: for
scripts and for a first try. For a conversation there is `pensieve chat`. Ctrl-C
stops the answer.""",
        examples=(
            Example("A question", 'pensieve ask "Why is the sky blue?"'),
            Example("The likeliest words", 'pensieve ask --temperature 0 "Say hi."'),
            Example("A file", "pensieve ask - < notes.txt"),
            Example(
                "As somebody",
                'pensieve ask --system "You are a poet." --max-tokens 200 "The sea."',
            ),
            Example("Another server", 'pensieve ask --port 7778 "Say hi."'),
        ),
        see_also=("chat", "start", "claude"),
    ),
    "chat": Page(
        about="""\
Answers come as Markdown, thinking is dim, and the whole conversation goes with
every question. Ctrl-C stops an answer; a second one, or Ctrl-D, ends. /help lists
what else can be typed: /new, /system, /quit, and \"\"\" for messages of several
lines.

Where stdin is no terminal, each line is a question; where stdout is none, answers
are plain text. Nothing of the conversation is kept when it ends.""",
        examples=(
            Example("With the model that is loaded", "pensieve chat"),
            Example("As somebody", 'pensieve chat --system "Answer in one line."'),
            Example("Longer answers", "pensieve chat --max-tokens 8192"),
            Example("Another server", "pensieve chat --port 7778"),
            Example("A model by its name", "pensieve chat --model smollm2"),
        ),
        exits=(
            (0, "ended by /quit, Ctrl-D or Ctrl-C"),
            (1, "there is no server"),
            (130, "interrupted by Ctrl-C, where stdin is no terminal"),
        ),
        see_also=("ask", "start", "claude"),
    ),
    "claude": Page(
        about="""\
Starts the server if none runs, then Claude Code with variables and a settings file
that point it there; nothing else on the machine is changed. All words are Claude
Code's, and so are stdin, signals and the exit status; `pensieve claude --help` is
its help, too.

A window of 40,000 tokens is the least that work needs. With a smaller model, --bare
has a prompt short enough to try it out.""",
        examples=(
            Example("In a project's folder", "pensieve claude"),
            Example("A single task", 'pensieve claude -p "What does this project do?"'),
            Example("With a small model", "pensieve claude --bare"),
            Example("What it would be told", "pensieve claude --print-env"),
        ),
        exits=(
            (0, "as Claude Code ends; so with all others"),
            (1, "there is no Claude Code or no server; stderr says why"),
        ),
        see_also=("env", "setup claude-code", "models recommend", "doctor"),
    ),
    "env": Page(
        about="""\
For other programs that speak the Messages API, and for Claude Code where something
else starts it. All that is started from that shell then uses the local model, until
the shell is closed; others are not touched.""",
        examples=(
            Example("bash, zsh", 'eval "$(pensieve env)"'),
            Example("fish", "pensieve env --shell fish | source"),
        ),
        see_also=("claude", "setup claude-code"),
    ),
    "setup": Page(
        about="",
        examples=(Example("Claude Code", "pensieve setup claude-code"),),
        see_also=("claude", "env"),
    ),
    "setup claude-code": Page(
        about="""\
For a project in which `claude` itself should use the server, typed in a terminal or
started by an editor.""",
        examples=(
            Example("In this project", "pensieve setup claude-code"),
            Example("In another", "pensieve setup claude-code --project ."),
            Example("For all who check it out", "pensieve setup claude-code --shared"),
            Example("Back", "pensieve setup claude-code --undo"),
        ),
        see_also=("claude", "env"),
    ),
}
