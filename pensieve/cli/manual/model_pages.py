"""Pages of the verbs for models."""

from pensieve.cli.manual.page import Example, Page

PAGES = {
    "pull": Page(
        about="""\
What is fetched is checked by its sums. Of a repository only what a model needs is
taken, and nothing in it is run. For one whose terms must be accepted, set HF_TOKEN.
A pull that breaks off goes on where it was.""",
        examples=(
            Example("A tiny one, to try things out", "pensieve pull smollm2"),
            Example(
                "Of the Hugging Face hub",
                "pensieve pull mlx-community/Qwen3-Coder-30B-A3B-Instruct-4bit",
            ),
            Example("One file of several", "pensieve pull org/repo:Q4_K_M"),
            Example("What is here already", "pensieve pull ./model.gguf"),
        ),
        see_also=("list", "models recommend", "inspect", "rm", "start"),
    ),
    "list": Page(
        about="""\
Pulled ones, and those that were registered by their path. What a pull has left
unfinished is told on stderr.""",
        examples=(
            Example("For a person", "pensieve list"),
            Example("For a program", "pensieve list --json"),
        ),
        see_also=("pull", "rm", "inspect"),
    ),
    "models": Page(
        about="",
        examples=(Example("For this machine", "pensieve models recommend"),),
        see_also=("pull", "list"),
    ),
    "models recommend": Page(
        about="""\
All that it names have learned tool calls and have a window for Claude Code's full
prompt. None of the figures was measured by Pensieve: they follow from the models'
published sizes and the machine's memory.""",
        examples=(
            Example("What fits", "pensieve models recommend"),
            Example("All that it knows", "pensieve models recommend --all"),
            Example("For a program", "pensieve models recommend --json"),
        ),
        see_also=("pull", "doctor", "inspect"),
    ),
    "inspect": Page(
        about="""\
To find out why a model is refused, what it takes in memory on this machine, how its
weights are stored, and how its prompts are written.""",
        examples=(
            Example("In short", "pensieve inspect smollm2"),
            Example("Each tensor", "pensieve inspect smollm2 --tensors"),
            Example("Its chat template", "pensieve inspect smollm2 --template"),
            Example("For a program", "pensieve inspect ./model.gguf --json"),
        ),
        see_also=("list", "pull", "doctor"),
    ),
    "rm": Page(
        about="""\
NAME is one that `pensieve list` shows. A server that has the model loaded goes on
with it until it is stopped.""",
        examples=(Example("A pulled model", "pensieve rm smollm2"),),
        see_also=("list", "pull", "cache clear"),
    ),
}
