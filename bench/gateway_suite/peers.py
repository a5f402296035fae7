"""The gateway and its peers, each started from the configuration in bench/peers."""
import base64
import dataclasses
import json
import os
import pathlib
import shutil
import string
import subprocess

from . import processes as p

CONFIGS = pathlib.Path(__file__).parent.parent / "peers"
REPLY = ('{"id":"chatcmpl-9f8e7d6c5b4a","object":"chat.completion","created":1718000000,"model":"m","choices":'
         '[{"index":0,"message":{"role":"assistant","content":"Hello! How can I help you today?"},'
         '"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21},'
         '"system_fingerprint":"fp_1"}')
ISSUER, AUDIENCE = "insula", "insula-gateway"


@dataclasses.dataclass
class Proxy:
    """A running proxy and how a request reaches the model server through it."""
    name: str
    process: subprocess.Popen
    h1: int
    h2: int = 0
    tls: int = 0
    path: str = "/v1/chat/completions"
    headers: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Place:
    """What the proxies of one measurement have in common."""
    build: pathlib.Path
    directory: pathlib.Path
    processes: p.Processes
    upstream: int
    certificate: pathlib.Path = None
    key: pathlib.Path = None

    def write(self, config, **values):
        """Fills in a configuration of bench/peers; returns the file."""
        text = (CONFIGS / config).read_text()
        values = {"directory": self.directory, "upstream": self.upstream, "certificate": self.certificate,
                  "key": self.key, "reply": REPLY, **values}
        file = self.directory / config
        file.write_text(string.Template(text).substitute(values))
        return file


def make_certificate(place):
    """A P-256 certificate that nobody has to trust."""
    place.certificate, place.key = place.directory / "cert.pem", place.directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", place.key, "-out", place.certificate, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)


def start_upstream(place):
    process = place.processes.start(p.LOAD_CORE, "nginx", "-p", place.directory, "-e", place.directory / "upstream.err",
                                    "-c", place.write("upstream.conf"))
    p.wait_for(place.upstream, process)


def ports():
    return {"h1": p.free_port(), "h2": p.free_port(), "tls": p.free_port()}


@dataclasses.dataclass
class Gateway(Proxy):
    home: pathlib.Path = None
    usual_token: str = ""

    def usual(self):
        """The tenant with the usual rate limit."""
        return dataclasses.replace(self, path="/usual/v1/chat/completions",
                                   headers={"Authorization": f"Bearer {self.usual_token}"})


def start_gateway(place, tls=False):
    """The product. One process speaks TLS or does not; without, HTTP/1.1 and HTTP/2 share a port."""
    port = p.free_port()
    home = place.directory / f"gateway-{port}"
    process = place.processes.start(
        p.PROXY_CORE, place.build / "bench" / "gateway_target", home, port, f"127.0.0.1:{place.upstream}",
        *((place.certificate, place.key) if tls else ()), stdout=subprocess.PIPE)
    token, usual = (process.stdout.readline().strip() for _ in range(2))
    p.wait_for(port, process)
    where = {"h1": 0, "tls": port} if tls else {"h1": port, "h2": port}
    return Gateway("gateway", process, **where, path="/bench/v1/chat/completions",
                   headers={"Authorization": f"Bearer {token}"}, home=home, usual_token=usual)


def start_nginx(place):
    where = ports()
    process = place.processes.start(p.PROXY_CORE, "nginx", "-p", place.directory, "-e", place.directory / "nginx.err",
                                    "-c", place.write("nginx.conf", **where))
    p.wait_for(where["h1"], process)
    return Proxy("nginx", process, **where)


def start_haproxy(place):
    where = ports()
    bundle = place.directory / "bundle.pem"
    bundle.write_text(place.certificate.read_text() + place.key.read_text())
    process = place.processes.start(p.PROXY_CORE, "haproxy", "-db", "-f",
                                    place.write("haproxy.cfg", bundle=bundle, **where))
    p.wait_for(where["h1"], process)
    return Proxy("haproxy", process, **where)


def jwks_of(gateway):
    """The gateway's own verification key as Envoy wants it, so that both check the same token."""
    pem = json.loads((gateway.home / "gateway" / "snapshot.json").read_text())["builtinKeys"][0]
    der = base64.b64decode("".join(line for line in pem.splitlines() if "-----" not in line))
    x = base64.urlsafe_b64encode(der[-32:]).rstrip(b"=").decode()
    header = gateway.headers["Authorization"].split()[1].split(".")[0]
    kid = json.loads(base64.urlsafe_b64decode(header + "==")).get("kid", "")
    key = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x}
    return json.dumps({"keys": [key | ({"kid": kid} if kid else {})]})


def start_envoy(place, gateway):
    where = ports()
    config = place.write("envoy.yaml", admin=p.free_port(), issuer=ISSUER, audience=AUDIENCE, jwks=jwks_of(gateway),
                         **where)
    process = place.processes.start(p.PROXY_CORE, peers_folder() / "venv/bin/envoy", "-c", config, "--concurrency", "1",
                                    "--log-level", "off", "--disable-hot-restart")
    p.wait_for(where["h1"], process, 30)
    return Proxy("envoy", process, **where, headers=gateway.headers)


def start_litellm(place):
    port = p.free_port()
    process = place.processes.start(
        p.PROXY_CORE, peers_folder() / "venv/bin/litellm", "--config", place.write("litellm.yaml"), "--port", port,
        "--host", "127.0.0.1", "--num_workers", "1",
        env=os.environ | {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"})
    p.wait_for(port, process, 180)
    return Proxy("litellm", process, port, headers={"Authorization": "Bearer sk-bench"})


def start_portkey(place):
    port = p.free_port()
    script = peers_folder() / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
    process = place.processes.start(p.PROXY_CORE, "node", script, f"--port={port}", "--headless",
                                    env=os.environ | {"NODE_ENV": "production"})
    p.wait_for(port, process, 60)
    return Proxy("portkey", process, port,
                 headers={"Authorization": "Bearer none", "x-portkey-provider": "openai",
                          "x-portkey-custom-host": f"http://127.0.0.1:{place.upstream}/v1"})


def peers_folder():
    """Where tools/peers.sh puts those that are not Debian's."""
    cache = os.environ.get("INSULA_CACHE") or \
        pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "insula"
    return pathlib.Path(cache) / "peers"


def missing(name):
    """Why a peer cannot run here; None if it can."""
    if name in ("nginx", "haproxy"):
        return None if shutil.which(name) else f"{name} is not installed (tools/deps.sh bench)"
    needed = {"envoy": "venv/bin/envoy", "litellm": "venv/bin/litellm",
              "portkey": "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"}[name]
    return None if (peers_folder() / needed).exists() else f"{name} is not there (tools/peers.sh fetches it)"
