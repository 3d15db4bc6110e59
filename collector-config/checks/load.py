"""2,000 spans a second through an agent and a gateway: none lost, within the limits of memory; and what a span takes."""

import time

import otlp
import world

RATE = 2000
TRACES = 20  # in a request


def check(full):
    seconds = 60 if full else 20
    agent_limit, gateway_limit = 256, 1024
    sink = otlp.Sink()
    [gateway] = world.gateways(1, sink, SAMPLE_PERCENT=100, MEMORY_LIMIT_MIB=gateway_limit, GOMEMLIMIT=f"{gateway_limit * 8 // 10}MiB")
    agent = world.agent("agent-load", gateway.endpoint, MEMORY_LIMIT_MIB=agent_limit, GOMEMLIMIT=f"{agent_limit * 8 // 10}MiB")
    sender = otlp.Sender(agent.http)
    cpu = agent.cpu(), gateway.cpu()
    start = time.monotonic()
    requests = seconds * RATE // (6 * TRACES)
    for number in range(requests):
        spans = {}
        for _ in range(TRACES):
            spans.update(otlp.trace_of_six()[1])
        assert sender.send(otlp.request(spans.values()), list(spans), attempts=3), "the agent refused"
        ahead = start + (number + 1) * 6 * TRACES / RATE - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    took = time.monotonic() - start
    sent = len(sender.acknowledged)
    lost = sink.wait_for(sender.acknowledged, 60)
    calls = sent * 5 // 6
    sink.wait(lambda sink: len(sink.posthog) >= calls)
    used = agent.cpu() - cpu[0], gateway.cpu() - cpu[1]
    for one in (agent, gateway):
        one.look()
    with sink.lock:
        twice = sum(count - 1 for count in sink.spans.values())
        assert not lost, f"{len(lost)} of {sent} lost"
        assert len(sink.posthog) == calls and not sink.broken, (len(sink.posthog), calls, sink.broken[:3])
        rate = sent / took
        assert rate > 0.9 * RATE, f"{rate:.0f} spans a second were sent"
        assert agent.highest < agent_limit and gateway.highest < gateway_limit, (agent.highest, gateway.highest)
        world.say(f"{sent} spans in {took:.0f} s ({rate:.0f} a second): 0 lost, {twice} twice; {len(sink.posthog)} events at PostHog, each request within its limits")
        world.say(f"agent: {agent.highest:.0f} MiB of {agent_limit} at most, {1e6 * used[0] / sent:.0f} µs of a core a span")
        world.say(f"gateway: {gateway.highest:.0f} MiB of {gateway_limit} at most, {1e6 * used[1] / sent:.0f} µs of a core a span")
        world.say(f"a span: {sender.bytes / sent:.0f} bytes from the app, {sink.wire / sent:.0f} to the back end ({sink.plain / sent:.0f} before gzip)")
