#!/usr/bin/env python3
"""Makes the images that Kubernetes' conformance tests ask for, from programs that were built or installed here, as an OCI
archive for `insula image import`.

  tests/conformance/images.py --source KUBERNETES --agnhost BIN --pause BIN --nonewprivs BIN --busybox BIN --shell BIN OUT.tar

KUBERNETES is its source tree: test/images says what is in each. The images have the names and tags of 1.36.2. What the
originals have beside it from Alpine (curl, dig, nc, bash, ...) and nginx are those of the machine, with their libraries;
CoreDNS is not in these. The shell is one that passes on variables whose names it cannot write, as bash does.
"""
import argparse
import gzip
import hashlib
import io
import json
import pathlib
import stat
import subprocess
import tarfile

TESTS = "registry.k8s.io/e2e-test-images/"
PASSWD = ("root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
          "user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
TOOLS = ["/usr/bin/curl", "/usr/bin/dig", "/usr/bin/nc", "/usr/bin/ip", "/usr/bin/ss", "/usr/bin/iperf", "/usr/bin/bash"]
GROUP = ("root:x:0:\ndaemon:x:1:\nuser-defined-in-image:x:1000:\n"
         "group-defined-in-image:x:50000:user-defined-in-image\nnogroup:x:65534:\n")


class Layer:
    """Files of one image, as a tar of which the same files always give the same bytes."""

    def __init__(self):
        self.bytes = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.bytes, mode="w")
        self.known = set()

    def directory(self, path, mode=0o755):
        for parent in reversed(pathlib.PurePosixPath(path).parents):
            if str(parent) not in (".", "/") and str(parent) not in self.known:
                self.directory(str(parent))
        if path in self.known:
            return
        self.known.add(path)
        entry = tarfile.TarInfo(path)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        self.tar.addfile(entry)

    def file(self, path, content, mode=0o644):
        self.directory(str(pathlib.PurePosixPath(path).parent)) if "/" in path else None
        entry = tarfile.TarInfo(path)
        entry.size, entry.mode = len(content), mode
        self.tar.addfile(entry, io.BytesIO(content))
        self.known.add(path)

    def link(self, path, target):
        self.directory(str(pathlib.PurePosixPath(path).parent)) if "/" in path else None
        entry = tarfile.TarInfo(path)
        entry.type, entry.linkname = tarfile.SYMTYPE, target
        self.tar.addfile(entry)
        self.known.add(path)

    def done(self):
        self.tar.close()
        return self.bytes.getvalue()


def read(path):
    return pathlib.Path(path).read_bytes()


def base(options):
    layer = Layer()
    layer.file("bin/busybox", read(options.busybox), 0o755)
    for applet in subprocess.run([options.busybox, "--list"], check=True, capture_output=True, text=True).stdout.split():
        if applet not in ("busybox", "sh"):
            layer.link("bin/" + applet, "busybox")
    layer.file("bin/sh", read(options.shell), 0o755)
    layer.file("etc/passwd", PASSWD.encode())
    layer.file("etc/group", GROUP.encode())
    layer.directory("tmp", 0o1777)
    for folder in ("root", "home/user-defined-in-image", "dev", "proc", "sys", "var", "usr/bin", "usr/local/bin"):
        layer.directory(folder)
    return layer.done()


def agnhost(options):
    layer = Layer()
    layer.file("agnhost", read(options.agnhost), 0o755)
    layer.link("agnhost-2", "agnhost")
    layer.directory("uploads")
    add_programs(layer, options.tools)
    for name in ("localhost.crt", "localhost.key"):
        layer.file(name, read(f"{options.source}/test/images/agnhost/porter/{name}"))
    return layer.done()


def picture(options, name):
    layer = Layer()
    folder = pathlib.Path(options.source, "test/images", name, "html")
    for path in sorted(folder.iterdir()):
        layer.file(path.name, path.read_bytes())
    return layer.done()


def one_program(path, program, mode=0o755):
    layer = Layer()
    layer.file(path, read(program), mode)
    return layer.done()


def add_programs(layer, programs):
    """Programs of this machine at the paths that they have here, with the libraries that they need."""
    for program in programs:
        needs = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
        libraries = [word for line in needs.splitlines() for word in line.split() if word.startswith("/")]
        for path in [program, *libraries]:
            if path.lstrip("/") not in layer.known:
                layer.file(path.lstrip("/"), read(path), stat.S_IMODE(pathlib.Path(path).stat().st_mode))


def nginx(options):
    layer = Layer()
    add_programs(layer, [options.nginx])
    layer.file("etc/nginx/nginx.conf", b"worker_processes 1; user root; events {} http { server { listen 80; root /usr/share/nginx/html; } }\n")
    layer.file("usr/share/nginx/html/index.html", b"<!DOCTYPE html><title>Welcome to nginx!</title>\n")
    for folder in ("var/log/nginx", "var/lib/nginx", "run"):
        layer.directory(folder)
    return layer.done()


class Archive:
    def __init__(self, path):
        self.tar = tarfile.open(path, "w")
        self.blobs = set()
        self.manifests = []

    def add(self, name, content):
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        self.tar.addfile(entry, io.BytesIO(content))

    def blob(self, content):
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self.blobs:
            self.blobs.add(digest)
            self.add(f"blobs/sha256/{digest}", content)
        return {"digest": f"sha256:{digest}", "size": len(content)}

    def image(self, names, layers, **config):
        settings = {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], **config}
        described = {"architecture": "amd64", "os": "linux", "config": settings,
                     "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(one).hexdigest() for one in layers]}}
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                               **self.blob(json.dumps(described).encode())},
                    "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                                **self.blob(gzip.compress(one, 1, mtime=0))} for one in layers]}
        described_by = self.blob(json.dumps(manifest).encode())
        for name in names:
            self.manifests.append({"mediaType": manifest["mediaType"], **described_by,
                                   "annotations": {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}})

    def close(self):
        self.add("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        self.add("index.json", json.dumps({"schemaVersion": 2, "manifests": self.manifests}).encode())
        self.tar.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("source", "agnhost", "pause", "nonewprivs", "busybox", "shell"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--tools", nargs="*", default=TOOLS, help="programs of the machine that agnhost's image has")
    parser.add_argument("--nginx", default="/usr/sbin/nginx")
    parser.add_argument("out")
    options = parser.parse_args()
    archive = Archive(options.out)
    common, tools = base(options), agnhost(options)
    archive.image([TESTS + "busybox:1.37.0-1"], [common], Cmd=["sh"])
    archive.image([TESTS + "nonroot:1.5"], [common], Cmd=["sh"], User="1234")
    archive.image([TESTS + "agnhost:2.63.0", TESTS + "agnhost:2.55"], [common, tools], Entrypoint=["/agnhost"], Cmd=["pause"])
    for name in ("kitten", "nautilus"):
        archive.image([f"{TESTS}{name}:1.8"], [common, tools, picture(options, name)], Entrypoint=["/agnhost"], Cmd=["test-webserver"])
    archive.image([TESTS + "nonewprivs:1.4"], [common, one_program("usr/local/bin/nnp", options.nonewprivs, 0o6755)], Cmd=["nnp"])
    archive.image(["registry.k8s.io/pause:3.10.2"], [one_program("pause", options.pause)], Entrypoint=["/pause"], User="65535:65535")
    archive.image([TESTS + "nginx:1.15-4", TESTS + "nginx:1.27-0"], [common, nginx(options)], Cmd=["nginx", "-g", "daemon off;"])
    archive.close()


if __name__ == "__main__":
    main()
