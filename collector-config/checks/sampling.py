"""Three gateways: all spans of a trace meet in one, traces that matter are kept whole, and the stated share of the rest."""

import os
import random

import otlp
import world

SHARE = 25
TRACES = 3000
# Of each hundred traces so many are kept for what they are.
KINDS = {0: "error", 1: "abandoned", 2: "slow", 3: "many tokens"}

TEXTS = [f'[{{"role":"user","parts":[{{"type":"text","content":"{otlp.words(120)}"}}]}}]' for _ in range(300)]


def made(kind):
    """A trace of four spans, one of which is what it is kept for."""
    trace, ids = os.urandom(16), [os.urandom(8) for _ in range(4)]
    pairs = {**otlp.CHAT, "gen_ai.input.messages": random.choice(TEXTS)}
    if kind == "abandoned":
        pairs["tracing_genai.outcome"] = "abandoned"
    if kind == "many tokens":
        pairs["gen_ai.usage.output_tokens"] = 5000
    spans = [
        otlp.span(trace, ids[0], name="GET /ask", kind=otlp.SERVER, millis=25_000 if kind == "slow" else 40),
        otlp.span(trace, ids[1], ids[0], "chat gpt-4o-mini", otlp.CLIENT, error="refused" if kind == "error" else None, **pairs),
        otlp.span(trace, ids[2], ids[0], "execute_tool get_weather", **otlp.TOOL),
        otlp.span(trace, ids[3], ids[0], "chat gpt-4o-mini", otlp.CLIENT, **otlp.CHAT),
    ]
    return trace, kind, list(zip(ids, spans))


def send_torn(senders, traces):
    """Each span by an agent of its own choice, so that a trace comes in by all gateways."""
    parts = {sender: [] for sender in senders}
    for _, _, spans in traces:
        for own, body in spans:
            parts[random.choice(senders)].append((own, body))
    for sender, part in parts.items():
        for at in range(0, len(part), 300):
            some = part[at : at + 300]
            assert sender.send(otlp.request([body for _, body in some]), [own for own, _ in some], attempts=20)


def judge(sink, traces):
    """What came of these traces, once it has."""
    rest = [trace for trace, kind, _ in traces if kind is None]
    wanted = {own for _, kind, spans in traces if kind for own, _ in spans}
    lost = sink.wait_for(wanted)
    assert not lost, f"{len(lost)} of {len(wanted)} spans to be kept did not come"
    with sink.lock:
        sources, seen = dict(sink.sources), set(sink.spans)
        twice = sum(count - 1 for count in sink.spans.values())
    torn = [trace for trace, _, _ in traces if len(sources.get(trace, ())) > 1]
    assert not torn, f"{len(torn)} traces in more than one gateway"
    for trace, _, spans in traces:
        assert trace not in sources or all(own in seen for own, _ in spans), "a trace is kept in part"
    kept = sum(trace in sources for trace in rest)
    share, deviation = kept / len(rest), (SHARE * (100 - SHARE) / len(rest)) ** 0.5 / 100
    assert abs(share - SHARE / 100) < 5 * deviation, share
    return len(wanted), share, len({next(iter(source)) for source in sources.values()}), twice


def check(_full):
    sink = otlp.Sink()
    # As in the file: what comes later than that has missed the decision.
    three = world.gateways(3, sink, SAMPLE_PERCENT=SHARE, DECISION_WAIT="30s", DECISION_WAIT_AFTER_ROOT="5s")
    agents = [world.agent(f"agent-{place}", one.endpoint) for place, one in enumerate(three)]
    senders = [otlp.Sender(one.http) for one in agents]
    traces = [made(KINDS.get(place % 100)) for place in range(TRACES)]
    send_torn(senders, traces)
    spans, share, used, twice = judge(sink, traces)
    late = sum(one.metric("otelcol_processor_tail_sampling_early_releases_from_cache_decision", sampled="false") for one in three)
    assert late == 0, late
    assert used == 3 and twice == 0, (used, twice)
    assert not sink.broken, sink.broken
    world.say(f"{TRACES} traces of 4 spans by 3 agents into 3 gateways: each in one gateway, none in part")
    world.say(f"{spans} spans of failed, abandoned, slow and costly traces: all kept; of the rest {share:.1%} where {SHARE} % is asked for")
