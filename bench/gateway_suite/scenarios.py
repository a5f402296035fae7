"""What is measured. Each scenario returns {peer: figures}, of medians over alternating rounds."""
import dataclasses
import pathlib
import statistics
import subprocess
import sys
import tempfile

from . import loads
from . import peers
from . import processes as p

KIB = 1024


@dataclasses.dataclass
class Options:
    build: pathlib.Path
    rounds: int
    seconds: int
    peers: list


def alternating(options, proxies, load, warm=True):
    """Medians of `load(proxy)` over the rounds, in reversed order every other one."""
    rows = {proxy.name: [] for proxy in proxies}
    if warm:
        for proxy in proxies:
            load(proxy, 1)
    for number in range(options.rounds):
        for proxy in proxies if number % 2 == 0 else reversed(proxies):
            figures = loads.measured(proxy, lambda proxy=proxy: load(proxy, options.seconds))
            rows[proxy.name].append(figures)
            shown = ", ".join(f"{key} {value:.4g}" for key, value in figures.items())
            print(f"  round {number + 1} {proxy.name:8} {shown}", flush=True)
    return {name: {key: statistics.median(row[key] for row in figures) for key in figures[0]}
            for name, figures in rows.items()}


class Bench:
    """One place with an upstream; proxies are started when a scenario first wants them."""

    def __init__(self, options, directory, running):
        self.options = options
        self.running = running
        self.place = peers.Place(options.build, directory, running, p.free_port())
        peers.make_certificate(self.place)
        peers.start_upstream(self.place)
        self.started = {}

    def proxy(self, name):
        if name not in self.started:
            start = {"gateway": peers.start_gateway, "gateway-tls": lambda place: peers.start_gateway(place, tls=True),
                     "nginx": peers.start_nginx, "haproxy": peers.start_haproxy,
                     "envoy": lambda place: peers.start_envoy(place, self.proxy("gateway")),
                     "litellm": peers.start_litellm, "portkey": peers.start_portkey}[name]
            self.started[name] = start(self.place)
        # Everybody gets the same requests, also those that do not look at the token.
        self.started[name].headers = self.started[name].headers or self.proxy("gateway").headers
        return self.started[name]

    def proxies(self, *names):
        """Those that are asked for and can run here."""
        return [self.proxy(name) for name in names if name.split("-")[0] in ("gateway", *self.options.peers)]

    def body(self, content_bytes=765):
        return loads.chat_body(self.place.directory, content_bytes)


def requests(bench, connections=64, content_bytes=765, names=("gateway", "nginx", "haproxy", "envoy")):
    body = bench.body(content_bytes)
    proxies = bench.proxies(*names)
    loads.wrk(bench.proxy("gateway").usual(), body, 32, 1, refusals=True)
    with bench.running.half_a_core(bench.options.build):
        return alternating(bench.options, proxies,
                           lambda proxy, seconds: loads.wrk(proxy, body, connections, seconds))


def slow_peers(bench):
    """Those that are no proxies by trade: a whole core, few connections, so that none runs into its time-outs."""
    body = bench.body()
    return alternating(bench.options, bench.proxies("gateway", "portkey", "litellm"),
                       lambda proxy, seconds: loads.wrk(proxy, body, 16, max(seconds, 3)))


def http2(bench):
    body = bench.body()
    with bench.running.half_a_core(bench.options.build):
        return alternating(bench.options, bench.proxies("gateway", "nginx", "haproxy", "envoy"),
                           lambda proxy, seconds: loads.http2(proxy, body, seconds))


def over_tls(load):
    def measure(bench):
        body = bench.body()
        with bench.running.half_a_core(bench.options.build):
            return alternating(bench.options, bench.proxies("gateway-tls", "nginx", "haproxy", "envoy"),
                               lambda proxy, seconds: load(proxy, body, seconds))
    return measure


def handshakes(resumed):
    # This client does not resume what Envoy gives it.
    names = ("gateway-tls", "nginx", "haproxy") if resumed else ("gateway-tls", "nginx", "haproxy", "envoy")

    def measure(bench):
        return alternating(bench.options, bench.proxies(*names),
                           lambda proxy, seconds: loads.handshakes(proxy, resumed, seconds))
    return measure


def latency(bench, rate=3000):
    """Beside the model server asked directly, on whole cores."""
    body = bench.body()
    gateway = bench.proxy("gateway")
    direct = peers.Proxy("direct", gateway.process, bench.place.upstream, headers=gateway.headers)
    return alternating(bench.options, [direct, *bench.proxies("gateway", "nginx", "haproxy", "envoy")],
                       lambda proxy, seconds: loads.at_rate(bench.options.build, proxy, body, rate, max(seconds, 3)))


def streams_place(options, directory, running):
    """Streams come from the load generator itself, so its port is the upstream."""
    place = peers.Place(options.build, directory, running, p.free_port())
    peers.make_certificate(place)
    proxies = [peers.start_gateway(place)]
    if "nginx" in options.peers:
        proxies.append(peers.start_nginx(place))
        proxies[-1].headers = proxies[0].headers
    return place, proxies


def sse(options, streams=1000):
    """Beside the streams asked for directly: an event's delay is mostly that of the load itself, which sends fifty at once."""
    with tempfile.TemporaryDirectory() as name, p.Processes() as running:
        place, proxies = streams_place(options, pathlib.Path(name), running)
        direct = peers.Proxy("direct", proxies[0].process, place.upstream)
        return alternating(options, [direct, *proxies], lambda proxy, seconds:
                           (figures := loads.sse(options.build, place.upstream, proxy, streams, seconds)) |
                           {"requests": figures["events"]}, warm=False)


def memory(options):
    """Resident memory, in KiB, with idle streams; each number in a process of its own."""
    results = {}
    # Proxy and holder each need two descriptors for a stream.
    for streams in (32, 512, min(10_000, (p.DESCRIPTORS - 600) // 2)):
        with tempfile.TemporaryDirectory() as name, p.Processes() as running:
            place, proxies = streams_place(options, pathlib.Path(name), running)
            for proxy in proxies:
                token = [value.removeprefix("Bearer ") for value in proxy.headers.values()]
                holder = running.start(
                    p.LOAD_CORE, sys.executable, pathlib.Path(__file__).with_name("idle_streams.py"), place.upstream,
                    proxy.h1, streams, proxy.path, *token, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                if holder.stdout.readline().strip() != f"ready {streams}":
                    p.fail(f"{proxy.name} did not hold {streams} streams")
                resident = p.resident_kib(proxy.process.pid)
                results.setdefault(proxy.name, {})[f"kib{streams}"] = resident
                print(f"  {proxy.name:8} {streams} idle streams: {resident} KiB", flush=True)
                holder.stdin.close()
                holder.wait()
    return results


def ratios(figures, key="rate"):
    """Each peer's figures with their ratio to nginx's: of rates, or of CPU time the other way round."""
    unit = figures.get("nginx")
    for row in figures.values():
        if unit and key in row:
            row["ratio"] = round(row[key] / unit[key], 3)
        if unit and "cpu" in row and row["cpu"] > 0:
            row["cpuRatio"] = round(unit["cpu"] / row["cpu"], 3)
    return {name: {k: round(v, 2) if isinstance(v, float) else v for k, v in row.items()}
            for name, row in figures.items()}


# In the order in which they run; the name is what --only takes and the JSON says.
WITH_UPSTREAM = {
    "requests": requests,
    "requests512": lambda bench: requests(bench, connections=512, names=("gateway", "nginx", "haproxy")),
    "body16k": lambda bench: requests(bench, content_bytes=16 * KIB, names=("gateway", "nginx")),
    "body400k": lambda bench: requests(bench, content_bytes=400 * KIB, names=("gateway", "nginx")),
    "http2": http2,
    "tls": over_tls(loads.http1_tls),
    "http2tls": over_tls(loads.http2_tls),
    "handshakes": handshakes(resumed=False),
    "resumptions": handshakes(resumed=True),
    "latency3000": latency,
    "slowPeers": slow_peers,
}
WITH_STREAMS = {"sse": sse, "memory": memory}
