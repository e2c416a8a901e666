from pensieve.figures.totals import Outcome, Summary, Totals


def test_a_summary_parts_outcomes_in_three():
    totals = Totals()
    totals.outcomes[Outcome("end_turn", "live")] = 3
    totals.outcomes[Outcome("tool_use", "batch")] = 2
    totals.outcomes[Outcome("client_left", "live")] = 4
    totals.outcomes[Outcome("rate_limit_error", "live")] = 1
    totals.memory_tokens, totals.disk_tokens, totals.computed_tokens = 7, 2, 1
    totals.sampled_tokens = 50
    for seconds in (1, 2):
        totals.first_token_s.add(seconds)

    assert totals.summary() == Summary(
        answered=5,
        client_left=4,
        failed=1,
        memory_tokens=7,
        disk_tokens=2,
        computed_tokens=1,
        sampled_tokens=50,
        first_token_s=1.5,
    )


def test_before_the_first_request_there_is_no_mean():
    assert Totals().summary().first_token_s is None
