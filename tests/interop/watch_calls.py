"""Watches, the dynamic client and leader election of the official Python client, as its documentation has them.

watch KIND: lists, watches on from there, relists where that is answered 410, and prints what it sees until its input ends.
dynamic: one line of JSON with what the dynamic client got.
lead IDENTITY: prints "leading" when elected, and renews until it is killed.
"""

import json
import sys
import threading

import kubernetes
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock
from kubernetes.client.rest import ApiException
from urllib3.exceptions import HTTPError

NAMESPACE = "interop"


def say(*words):
    print(*words, flush=True)


def watch(kind):
    listing, namespace = {"configmaps": (kubernetes.client.CoreV1Api().list_namespaced_config_map, NAMESPACE),
                          "leases": (kubernetes.client.CoordinationV1Api().list_namespaced_lease, "kube-node-lease")}[kind]
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    version = None
    while not ended.is_set():
        try:
            if version is None:
                listed = listing(namespace)
                version = listed.metadata.resource_version
                say("listed", *sorted(item.metadata.name for item in listed.items))
            # The server ends the watch after a while; the next goes on where it ended.
            for event in kubernetes.watch.Watch().stream(listing, namespace, resource_version=version, timeout_seconds=2,
                                                         allow_watch_bookmarks=True):
                thing = event["raw_object"]
                version = thing["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    say(event["type"], thing["metadata"]["name"])
        except ApiException as error:
            if error.status == 410:
                say("expired")
                version = None
            elif error.status not in (429, 503):
                raise
        except (HTTPError, OSError):
            # The server is being restarted.
            ended.wait(0.1)


def dynamic():
    client = kubernetes.dynamic.DynamicClient(kubernetes.client.ApiClient())
    maps = client.resources.get(api_version="v1", kind="ConfigMap")
    deployments = client.resources.get(api_version="apps/v1", kind="Deployment")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dynamic"}, "data": {"a": "1"}}
    created = maps.create(body=body, namespace=NAMESPACE)
    patched = maps.patch(body={"data": {"b": "2"}}, name="dynamic", namespace=NAMESPACE,
                         content_type="application/merge-patch+json")
    applied = maps.server_side_apply(body={**body, "data": {"c": "3"}}, name="dynamic", namespace=NAMESPACE,
                                     field_manager="interop")
    replaced = maps.replace(body={**applied.to_dict(), "data": {"d": "4"}}, namespace=NAMESPACE)
    try:
        maps.replace(body={**created.to_dict(), "data": {"d": "5"}}, namespace=NAMESPACE)
        conflict = None
    except kubernetes.dynamic.exceptions.ConflictError as error:
        conflict = error.status
    events = []
    for event in maps.watch(namespace=NAMESPACE, name="dynamic", resource_version=created.metadata.resourceVersion, timeout=5):
        events.append(event["type"])
        if len(events) == 3:
            maps.delete(name="dynamic", namespace=NAMESPACE)
        if event["type"] == "DELETED":
            break
    say(json.dumps({"namespaced": deployments.namespaced, "subresources": sorted(deployments.subresources),
                    "patched": patched.data.to_dict(), "applied": applied.data.to_dict(), "replaced": replaced.data.to_dict(),
                    "conflict": conflict, "events": events}))


def lead(identity):
    config = electionconfig.Config(LeaseLock("python", NAMESPACE, identity), lease_duration=4, renew_deadline=3, retry_period=1,
                                   onstarted_leading=lambda: say("leading", identity),
                                   onstopped_leading=lambda: say("stopped", identity))
    leaderelection.LeaderElection(config).run()


if __name__ == "__main__":
    kubernetes.config.load_kube_config()
    {"watch": watch, "dynamic": dynamic, "lead": lead}[sys.argv[1]](*sys.argv[2:])
