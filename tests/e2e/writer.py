"""Clients that write without a pause, and what may be there of it afterwards."""

import http.client
import random
import threading

from platform_under_test import eventually


class Writer:
    """Threads that create, change and delete ConfigMaps, and know what may be there of each.

    An acknowledged write must be there; one that was cut off may be there or not."""

    def __init__(self, platform, prefix, threads=3):
        self.platform, self.prefix = platform, prefix
        self.possible = {}  # name: its values that may be there; None: no such object
        self.revisions = [[] for _ in range(threads)]  # acknowledged, in order
        self.written = {}  # (name, value): revision
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(threads)]

    def run(self, thread):
        api = self.platform.api()
        number = 0
        while not self.over.is_set():
            number += 1
            name = f"{self.prefix}-{thread}-{number}"
            self.possible[name] = {None}
            if not self.write(api, thread, "POST", name, "first"):
                continue
            if number % 3 and not self.write(api, thread, "PUT", name, "second"):
                continue
            if number % 4 == 0:
                self.write(api, thread, "DELETE", name, None)
        api.close()

    def write(self, api, thread, method, name, value):
        """Whether it was acknowledged."""
        self.possible[name].add(value)
        path = "/api/v1/namespaces/default/configmaps" + ("" if method == "POST" else "/" + name)
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": value}}
        try:
            answer = api.request(method, path, body if value else None, timeout=5)
        except (OSError, http.client.HTTPException):
            return False
        if answer.status not in (200, 201):
            return False
        self.possible[name] = {value}
        if value:
            revision = int(answer.json()["metadata"]["resourceVersion"])
            self.revisions[thread].append(revision)
            self.written[name, value] = revision
        return True

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.more()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def more(self):
        goal = len(self.written) + random.randint(1, 10)
        eventually(lambda: len(self.written) >= goal, message="further writes")

    def check(self, test, items):
        """That `items`, the ConfigMaps, are what they may be."""
        stored = {item["metadata"]["name"]: item for item in items}
        for name, values in self.possible.items():
            item = stored.get(name)
            value = item["data"]["value"] if item else None
            test.assertIn(value, values, f"{name}: an acknowledged write was lost")
            revision = self.written.get((name, value))
            if revision:
                test.assertEqual(int(item["metadata"]["resourceVersion"]), revision)
        for revisions in self.revisions:
            test.assertEqual(revisions, sorted(revisions), "a revision ran backwards")
        everyones = sorted(sum(self.revisions, []))
        test.assertEqual(everyones, sorted(set(everyones)), "a revision was given out twice")
        of_items = sorted(int(item["metadata"]["resourceVersion"]) for item in items)
        test.assertEqual(of_items, sorted(set(of_items)), "a revision was used twice")
