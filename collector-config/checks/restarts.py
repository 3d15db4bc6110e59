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


def check(full):
    away = 30 if full else 8
    sink = otlp.Sink()
    [gateway] = world.gateways(1, sink, SAMPLE_PERCENT=100)
    agent = world.agent("agent-restarts", gateway.endpoint)

    app = App(agent.http)
    time.sleep(2)
    gateway.stop()
    time.sleep(away)
    waiting = agent.metric("otelcol_exporter_queue_size")
    gateway.start()
    time.sleep(2)
    sender = app.stop()
    lost = sink.wait_for(sender.acknowledged, 90)
    twice = sum(count - 1 for count in sink.spans.values())
    assert sender.refused == 0 and waiting > 0, (sender.refused, waiting)
    assert not lost, f"{len(lost)} of {len(sender.acknowledged)} lost while the gateway was away"
    world.say(f"the gateway away for {away} s: {len(sender.acknowledged)} spans acknowledged, 0 lost, {twice} twice, 0 refused")

    # Killed while the gateway is away, so that it has all of it on disk, and again while it sends.
    before = len(sink.spans)
    app = App(agent.http)
    gateway.stop()
    time.sleep(3)
    agent.stop(signal.SIGKILL)
    time.sleep(1)
    agent.start()
    gateway.start()
    for _ in range(3):
        time.sleep(1)
        agent.stop(signal.SIGKILL)
        agent.start()
    time.sleep(2)
    sender = app.stop()
    lost = sink.wait_for(sender.acknowledged, 90)
    twice = sum(count - 1 for count in sink.spans.values()) - twice
    assert not lost, f"{len(lost)} of {len(sender.acknowledged)} lost when the agent was killed"
    assert len(sink.spans) > before
    world.say(
        f"the agent killed 4 times (SIGKILL): {len(sender.acknowledged)} spans acknowledged, 0 lost, {twice} twice; "
        f"{sender.refused} not acknowledged, which the app keeps"
    )
