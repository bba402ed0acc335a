"""The programs that ask the servers: redis-benchmark, and our own for what it cannot do."""

import json
import subprocess

import servers

CONNECTIONS = 50
KEYS = 100_000


class RedisBenchmark:
    """Requests per second. The first run of a kind tells how many requests take about `seconds`."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.requests = {}

    def rate(self, port, *words, connections=CONNECTIONS, pipeline=1, keys=KEYS):
        kind = (port, words, connections, pipeline, keys)
        if kind not in self.requests:
            few = min(connections * pipeline * 20, keys)
            self.requests[kind] = max(few, int(self._run(kind, few) * self.seconds))
        return self._run(kind, self.requests[kind])

    @staticmethod
    def command(kind, requests):
        port, words, connections, pipeline, keys = kind
        return ["redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-c", str(connections), "-P",
                str(pipeline), "-r", str(keys), "-n", str(requests), "--csv", *words]

    def _run(self, kind, requests):
        command = self.command(kind, requests)
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        rows = [line for line in done.stdout.split("\n") if line.startswith('"')]
        if done.returncode != 0 or len(rows) != 2:
            raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
        return float(rows[1].split('","')[1])


def standard(word, size=16):
    return ("-t", word.lower(), "-d", str(size))


class Load:
    """holdfast_load: what it is told, and the object that it prints last."""

    def __init__(self, bench):
        self.binary = bench.program("holdfast_load")

    def command(self, how, ports, **flags):
        addresses = (":".join(servers.host_and_port(port)) for port in ports)
        words = [self.binary, *how, "--servers", ",".join(addresses)]
        for name, value in flags.items():
            name = "--" + name.replace("_", "-")
            words += [name] if value is True else [name, str(value)]
        return words

    def closed(self, kind, ports, **flags):
        return self._run(self.command(["closed", kind], ports, **flags))

    def etcd(self, ports, **flags):
        return self._run(self.command(["etcd"], ports, **flags))

    def open(self, ports, **flags):
        return self._run(self.command(["open"], ports, **flags))

    def start_open(self, ports, **flags):
        """With --marks: told on stdin, heard line by line."""
        return subprocess.Popen(self.command(["open"], ports, marks=True, **flags), text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    @staticmethod
    def _run(command):
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=1200)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout.strip().split("\n")[-1])
