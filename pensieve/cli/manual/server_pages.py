"""Pages of the verbs for the server, its settings and what it keeps."""

from pensieve.cli.manual.page import Example, Page

PAGES = {
    "": Page(
        about="",
        examples=(
            Example("A first answer", "pensieve pull smollm2"),
            Example("", "pensieve start --model smollm2"),
            Example("", 'pensieve ask "Why is the sky blue?"'),
            Example("Claude Code on it", "pensieve claude --bare"),
            Example("Something is wrong", "pensieve doctor"),
        ),
        exits=((3, "from `pensieve status`: nothing runs"),),
        see_also=("help VERB",),
    ),
    "start": Page(
        about="""\
Starts the server in the background and waits until the model is loaded. With a
server already running it says so and is done. Without --foreground the server
outlives the shell; `pensieve stop` ends it.

Flags hold for this server and for each `pensieve restart` of it; the settings file
is for what should always hold. To listen beyond this machine, set PENSIEVE_API_KEY
to a long random secret first: it does not start without.""",
        examples=(
            Example("The model of the settings", "pensieve start"),
            Example("Another one", "pensieve start --model ~/models/qwen3.gguf"),
            Example("A second server", "pensieve start --port 7778"),
            Example("For a process supervisor", "pensieve start --foreground"),
        ),
        exits=(
            (0, "ready, or running already"),
            (1, "not started; one sentence on stderr says why"),
        ),
        see_also=("status", "stop", "restart", "doctor", "config show"),
    ),
    "stop": Page(
        about="""\
Answers that are running get `server.drain_timeout_s` seconds to end (30 unless
set); Ctrl-C meanwhile ends them at once. The engine, and the model with it, leaves
memory. With no server there is nothing to do, and that is no failure.""",
        examples=(
            Example("The server of the settings", "pensieve stop"),
            Example("One on another port", "pensieve stop --port 7778"),
        ),
        exits=((0, "stopped, or none was running"),),
        see_also=("start", "restart", "status"),
    ),
    "restart": Page(
        about="""\
After a change of the settings file, or to load another model. The flags that the
server was started with hold on; those given here replace them. Whether the new
model is there and can be served is looked at before anything is stopped.""",
        examples=(
            Example("After editing the settings", "pensieve restart"),
            Example("Another model", "pensieve restart --model smollm2"),
        ),
        see_also=("start", "stop", "config show"),
    ),
    "reload": Page(
        about="""\
After a change of the settings file, where nobody should notice. A mistake in the file
changes nothing, and is the answer. With the same model and engine a new HTTP worker
takes over at once, while the old one ends its answers. With another, running answers
end first, for at most `server.drain_timeout_s` seconds in which new requests wait, and
then the new model is loaded. Where the server listens, and what flags and variables
said at its start, stays.""",
        examples=(
            Example("After editing the settings", "pensieve reload"),
            Example("A second server", "pensieve reload --port 7778"),
        ),
        see_also=("restart", "config validate", "config show"),
    ),
    "logs": Page(
        about="""\
There is a line for each request, with its figures and without any text of prompts or
answers. The log is put aside at `logging.max_bytes`; --follow goes on over that. A
server in the foreground or under systemd logs to the terminal or the journal, its
engines to a file all the same.""",
        examples=(
            Example("The last lines", "pensieve logs"),
            Example("As they come", "pensieve logs -f"),
            Example("Of the engines", "pensieve logs --engine"),
        ),
        see_also=("status", "top"),
    ),
    "service": Page(
        about="",
        examples=(
            Example("Have it run always", "pensieve service install"),
            Example("Does it?", "pensieve service status"),
            Example("No more", "pensieve service uninstall"),
        ),
        see_also=("start", "reload"),
    ),
    "service install": Page(
        about="""\
For a server that is there after a restart of the machine. All settings come from the
settings file: no secrets are written into the system's files, and variables of this
shell are not seen there. Call it again at any time, after an update above all.""",
        examples=(Example("For this user", "pensieve service install"),),
        see_also=("service status", "service uninstall", "config generate"),
    ),
    "service uninstall": Page(
        about="Models, settings, logs and the cache of prompts stay.",
        examples=(Example("For this user", "pensieve service uninstall"),),
        see_also=("service install", "stop"),
    ),
    "service status": Page(
        about="How the server itself is, `pensieve status` says.",
        examples=(Example("For this user", "pensieve service status"),),
        exits=((0, "it runs"), (3, "it does not")),
        see_also=("service install", "status", "logs"),
    ),
    "status": Page(
        about="""\
Shows both processes, the model, how requests went, what the prefix cache saved, how
memory is and where the log is. Use --json in scripts: its names stay.""",
        examples=(
            Example("For a person", "pensieve status"),
            Example("For a program", "pensieve status --json"),
        ),
        exits=(
            (0, "it runs"),
            (1, "it runs but cannot serve"),
            (3, "nothing runs on that port"),
        ),
        see_also=("top", "doctor", "cache status", "start"),
    ),
    "top": Page(
        about="""\
Requests under way with their tokens a second, the last that ended, how long first
tokens took, how full the cache is, and how memory is. "q" or Ctrl-C ends. It goes on
while the server is away. Where stdout is no terminal, one look after the other is
printed; --once prints a single one.""",
        examples=(
            Example("Live", "pensieve top"),
            Example("More rarely", "pensieve top --interval 5"),
            Example("Once, for a report", "pensieve top --once"),
            Example("Another server", "pensieve top --port 7778"),
        ),
        exits=(
            (0, 'ended by "q" or Ctrl-C, or shown once'),
            (1, "with --once: there are no figures; stderr says why"),
        ),
        see_also=("status", "cache status"),
    ),
    "doctor": Page(
        about="""\
The first thing to run when something does not work, and after an installation. It
looks at the hardware, the operating system, MLX and its sampler, the settings, the
port, the model, its window and its memory, disk space, and Claude Code; each line
that is not "ok" says what to do. It changes nothing.""",
        examples=(
            Example("All checks", "pensieve doctor"),
            Example("For a report", "pensieve doctor --json"),
        ),
        exits=((0, "all works, if not at its best"), (1, "something fails")),
        see_also=("status", "models recommend", "config validate"),
    ),
    "cache": Page(
        about="",
        examples=(
            Example("What is there", "pensieve cache status"),
            Example("Remove it from disk", "pensieve cache clear"),
        ),
        see_also=("status", "config show"),
    ),
    "cache status": Page(
        about="""\
What a prompt computed is kept, so that no beginning of a prompt is computed twice:
in memory (`cache.memory_bytes`) and on disk (`cache.disk_bytes`), where it outlives
the server. This says how much of both is used, by model.""",
        examples=(
            Example("For a person", "pensieve cache status"),
            Example("For a program", "pensieve cache status --json"),
            Example("Of a second server", "pensieve cache status --port 7778"),
        ),
        see_also=("cache clear", "status"),
    ),
    "cache clear": Page(
        about="""\
The next prompts are computed anew, as far as a running server does not have them in
memory. Nothing else is lost: no model, no setting.""",
        examples=(Example("All of it", "pensieve cache clear"),),
        see_also=("cache status", "stop"),
    ),
    "config": Page(
        about="",
        examples=(
            Example("What holds, and why", "pensieve config show"),
            Example("A file to start from", "pensieve config generate"),
            Example("Is it right?", "pensieve config validate"),
        ),
        see_also=("start", "restart"),
    ),
    "config show": Page(
        about="""\
A flag beats a PENSIEVE_* variable, that beats the settings file, that beats the
default; the last column says which of them it was. Keys are not shown. A running
server has the settings that held when it was started.""",
        examples=(
            Example("All settings", "pensieve config show"),
            Example("Those of memory", "pensieve config show | grep ^memory"),
        ),
        see_also=("config generate", "config validate", "restart"),
    ),
    "config generate": Page(
        about="""\
Every setting is in it, with its meaning and its default, switched off by a "#". The
file is readable by you alone, as a key may be put into it.""",
        examples=(
            Example("To its usual place", "pensieve config generate"),
            Example("Elsewhere", "pensieve config generate ./pensieve.toml"),
            Example("In place of the old one", "pensieve config generate --force"),
        ),
        see_also=("config show", "config validate"),
    ),
    "config validate": Page(
        about="""\
Says the line of a mistake, and what was expected there. The server checks the same
when it starts.""",
        examples=(
            Example("The usual file", "pensieve config validate"),
            Example("Another one", "pensieve config validate ./pensieve.toml"),
        ),
        exits=((0, "valid, or there is no file"), (1, "a mistake; stderr says where")),
        see_also=("config show", "config generate"),
    ),
    "version": Page(
        about="For a bug report, with what `pensieve doctor` says.",
        examples=(Example("All of it", "pensieve version"),),
        see_also=("doctor",),
    ),
    "help": Page(
        about="""\
The same as a verb's --help, and the only way to the page of `pensieve claude`,
whose --help is Claude Code's own.""",
        examples=(
            Example("All verbs", "pensieve help"),
            Example("One of them", "pensieve help claude"),
            Example("A verb's verb", "pensieve help cache status"),
        ),
        see_also=("version",),
    ),
}
