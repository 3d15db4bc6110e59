"""The processes that the checks start: collectors, the stand-in for PostHog, a broker. All listen on loopback alone."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(HERE)
COLLECTOR = os.environ.get("COLLECTOR", "")
KAFKA_JARS = os.environ.get("KAFKA_JARS", "")
STAND_IN = os.environ.get("STAND_IN", "")
TICKS = os.sysconf("SC_CLK_TCK")
folder = tempfile.mkdtemp(prefix="collector-check-")
running = []


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(is_so, patience, what):
    end = time.monotonic() + patience
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience} s for {what}")
        time.sleep(0.05)


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return ""


class Collector:
    """A collector with some of the files, which can be stopped, killed and started again where it was."""

    def __init__(self, name, *files, **variables):
        self.name, self.files = name, files
        self.health, self.metrics_port = free_port(), free_port()
        self.log = os.path.join(folder, f"{name}.log")
        self.variables = {
            "QUEUE_DIR": os.path.join(folder, name),
            "HEALTH_ENDPOINT": f"127.0.0.1:{self.health}",
            **{key: str(value) for key, value in variables.items()},
        }
        self.process = None
        self.highest = 0

    def command(self, *arguments):
        reader = f"{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {self.metrics_port}}}}}}}}}"
        files = [f"--config={os.path.join(HERE, file)}" for file in self.files]
        own = f"--config=yaml:service::telemetry::metrics::readers: [{reader}]"
        return [COLLECTOR, *arguments, *files, own]

    def environment(self):
        kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        return {**kept, **self.variables}

    def refusal(self):
        """What it says when it will not start."""
        done = subprocess.run(self.command(), env=self.environment(), capture_output=True, text=True, timeout=60)
        assert done.returncode != 0, f"{self.name} started"
        return done.stderr

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command(), env=self.environment(), stdout=log, stderr=log)
        running.append(self.process)
        until(lambda: self.process.poll() is not None or get(f"http://127.0.0.1:{self.health}"), 30, f"{self.name} to start")
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} did not start:\n" + open(self.log).read()[-3000:])
        return self

    def stop(self, how=signal.SIGTERM):
        self.look()
        self.process.send_signal(how)
        self.process.wait(60)
        running.remove(self.process)

    def look(self):
        """Its resident memory in MiB; the highest is kept."""
        try:
            with open(f"/proc/{self.process.pid}/status") as status:
                peak = re.search(r"VmHWM:\s+(\d+)", status.read())
        except OSError:
            return
        self.highest = max(self.highest, int(peak[1]) / 1024) if peak else self.highest

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            parts = stat.read().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / TICKS

    def metric(self, name, **labels):
        """The sum of a metric of its own over what has these labels."""
        total = 0.0
        for line in get(f"http://127.0.0.1:{self.metrics_port}/metrics").splitlines():
            has_name = line.startswith((name + "{", name + " ", name + "_total{"))
            if has_name and all(f'{key}="{value}"' in line for key, value in labels.items()):
                total += float(line.rpartition(" ")[2])
        return total

    def disk(self):
        queue = self.variables["QUEUE_DIR"]
        return sum(entry.stat().st_size for entry in os.scandir(queue)) if os.path.isdir(queue) else 0


def agent(name, gateway, **variables):
    http = free_port()
    endpoints = {"AGENT_GRPC": f"127.0.0.1:{free_port()}", "AGENT_HTTP": f"127.0.0.1:{http}"}
    one = Collector(name, "agent.yaml", GATEWAY_ENDPOINT=gateway, **endpoints, **variables)
    one.http = http
    return one.start()


def gateways(count, sink, files=("gateway.yaml",), **variables):
    """So many gateways that know each other; each names itself in front of the path at the sink."""
    balanced = [f"127.0.0.1:{free_port()}" for _ in range(count)]
    made = []
    for place in range(count):
        endpoint = f"127.0.0.1:{free_port()}"
        own = {
            "GATEWAY_GRPC": endpoint,
            "BALANCED_GRPC": balanced[place],
            "GATEWAYS": ",".join(balanced),
            "BACKEND_ENDPOINT": f"{sink.url}/g{place}",
            "POSTHOG_HOST": sink.url,
            "POSTHOG_API_KEY": "phc_check",
            "DECISION_WAIT": "4s",
            "DECISION_WAIT_AFTER_ROOT": "2s",
            "METRICS_INTERVAL": "1s",
            "GATEWAY_ID": f"g{place}",
        }
        one = Collector(f"gateway-{time.monotonic_ns() % 10**9}-{place}", *files, **{**own, **variables})
        one.endpoint = endpoint
        made.append(one.start())
    return made


class StandIn:
    """PostHog's two stand-ins, and the program that makes calls."""

    def __init__(self):
        self.process = subprocess.Popen([STAND_IN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(self.process)
        self.where = json.loads(self.process.stdout.readline())

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)
        running.remove(self.process)


class Broker:
    """Apache Kafka of one node."""

    def __init__(self):
        self.port, controller = free_port(), free_port()
        self.properties = os.path.join(folder, "broker.properties")
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": os.path.join(folder, "broker"),
            "num.partitions": 12,
            "message.max.bytes": 33554432,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
        }
        with open(self.properties, "w") as file:
            file.writelines(f"{key}={value}\n" for key, value in settings.items())
        self.java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", self.properties)

    def java(self, name, *arguments):
        command = ["java", "-Xmx384m", "-cp", os.path.join(KAFKA_JARS, "*"), name, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        command = ["java", "-Xmx384m", "-cp", os.path.join(KAFKA_JARS, "*"), "kafka.Kafka", self.properties]
        with open(os.path.join(folder, "broker.log"), "a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        running.append(self.process)

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        until(listens, 90, "the broker to listen")
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        running.remove(self.process)

    def bytes_of(self, topic):
        total = 0
        for entry in os.scandir(os.path.join(folder, "broker")):
            if entry.name.startswith(topic + "-"):
                total += sum(os.path.getsize(os.path.join(entry.path, file)) for file in os.listdir(entry.path) if file.endswith(".log"))
        return total


def end_all():
    for process in list(running):
        process.kill()
        process.wait()
    running.clear()


def say(text):
    print(f"   {text}", flush=True)


def end(keep):
    end_all()
    if keep:
        print(f"The logs are in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
