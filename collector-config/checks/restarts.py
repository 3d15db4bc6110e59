"""Nothing that was acknowledged to the app is lost: not when the gateway is away, not when the agent is killed."""

import signal
import threading
import time

import otlp
import world

RATE = 40  # requests a second of six spans each


class App:
    """Sends a trace at a time, until it is told to stop."""

    def __init__(self, port):
        self.sender, self.stops = otlp.Sender(port), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stops.wait(1 / RATE):
            _, made = otlp.trace_of_six()
            self.sender.send(otlp.request(made.values()), list(made))

    def stop(self):
        self.stops.set()
        self.thread.join()
        return self.sender


def during(agents, sink, what):
    """Runs `what` while apps send to these agents: how many spans were acknowledged, came twice, were not acknowledged."""
    with sink.lock:
        before = sum(sink.spans.values()) - len(sink.spans)
    apps = [App(agent.http) for agent in agents]
    time.sleep(2)
    what()
    time.sleep(2)
    senders = [app.stop() for app in apps]
    acknowledged = set().union(*(sender.acknowledged for sender in senders))
    lost = sink.wait_for(acknowledged, 120)
    # What comes twice comes late.
    time.sleep(2)
    with sink.lock:
        twice = sum(sink.spans.values()) - len(sink.spans) - before
    assert acknowledged and not lost, f"{len(lost)} of {len(acknowledged)} lost"
    return len(acknowledged), twice, sum(sender.refused for sender in senders)


def check(full):
    away = 30 if full else 8
    sink = otlp.Sink()
    [gateway] = world.gateways(1, sink, SAMPLE_PERCENT=100)
    agent = world.agent("agent-restarts", gateway.endpoint)

    def without_gateway():
        gateway.stop()
        time.sleep(away)
        assert agent.metric("otelcol_exporter_queue_size") > 0
        gateway.start()

    sent, twice, refused = during([agent], sink, without_gateway)
    assert refused == 0, refused
    world.say(f"the gateway away for {away} s: {sent} spans acknowledged, 0 lost, {twice} twice")

    def killed():
        """While the gateway is away, so that all is on the agent's disk, and thrice while the agent sends."""
        gateway.stop()
        time.sleep(2)
        agent.stop(signal.SIGKILL)
        time.sleep(1)
        agent.start()
        gateway.start()
        for _ in range(3):
            time.sleep(1)
            agent.stop(signal.SIGKILL)
            agent.start()

    sent, twice, refused = during([agent], sink, killed)
    world.say(f"the agent killed 4 times: {sent} spans acknowledged, 0 lost, {twice} twice; {refused} not acknowledged, which the app keeps")

    def refusing():
        sink.status = 503
        time.sleep(away / 2)
        sink.status = 200

    sent, twice, refused = during([agent], sink, refusing)
    assert refused == 0, refused
    wanted = len(sink.spans) * 5 // 6
    assert sink.wait(lambda sink: len(sink.posthog) >= wanted), (len(sink.posthog), wanted)
    world.say(f"back end and PostHog refuse for {away / 2:.0f} s: {sent} spans acknowledged, 0 lost, {twice} twice")
    agent.stop()
    gateway.stop()

    sink = otlp.Sink()
    three = world.gateways(3, sink, SAMPLE_PERCENT=100)
    agents = [world.agent(f"agent-restarts-{place}", one.endpoint) for place, one in enumerate(three)]

    def without_one():
        three[2].stop()
        time.sleep(away)
        three[2].start()

    sent, twice, refused = during(agents, sink, without_one)
    torn = sum(len(sources) > 1 for sources in sink.sources.values())
    assert refused == 0 and torn == 0, (refused, torn)
    world.say(f"one of three gateways away for {away} s: {sent} spans acknowledged, 0 lost, {twice} twice, no trace in two gateways")
