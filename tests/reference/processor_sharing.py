"""Prefill as if it could be shared token by token: the slow twin of prefill_order."""

from fractions import Fraction


def completions(prompts, arrivals) -> dict[object, Fraction]:
    """Return when each prompt is complete, if all conversations share equally.

    Args:
        prompts: key → (conversation, number of tokens, >= 1).
        arrivals: key → when it comes, in tokens of work.
    """
    left = {key: Fraction(size) for key, (_, size) in prompts.items()}
    now, ends = Fraction(0), {}
    while len(ends) < len(prompts):
        here = [key for key in prompts if arrivals[key] <= now and key not in ends]
        coming = [at for at in arrivals.values() if at > now]
        if not here:
            now = Fraction(min(coming))
            continue
        conversations = [prompts[key][0] for key in here]
        rates = {
            key: Fraction(1, len(set(conversations)))
            / conversations.count(prompts[key][0])
            for key in here
        }
        pause = min(left[key] / rates[key] for key in here)
        if coming:
            pause = min(pause, Fraction(min(coming)) - now)
        now += pause
        for key in here:
            left[key] -= pause * rates[key]
            if left[key] == 0:
                ends[key] = now
    return ends
