// An informer of @kubernetes/client-node over ConfigMaps; it is started anew after an error, as its documentation says. Prints
// what it sees until its input ends, and then the names that its cache has.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.INSULA_CLIENTS}/package.json`);
const k8s = await import(pathToFileURL(require.resolve("@kubernetes/client-node")));

const restartDelay = 100; // milliseconds
const config = new k8s.KubeConfig();
config.loadFromDefault();
const api = config.makeApiClient(k8s.CoreV1Api);
const informer = k8s.makeInformer(config, "/api/v1/namespaces/interop/configmaps", () =>
  api.listNamespacedConfigMap({ namespace: "interop" }));

let ended = false;
const start = () => {
  if (!ended) informer.start().catch(failed);
};
const failed = (error) => {
  if (ended) return; // stop() ends the watch with an error, too
  console.log("error", String(error?.code ?? error?.message ?? error).split("\n")[0]);
  setTimeout(start, restartDelay);
};
for (const verb of ["add", "update", "delete"]) informer.on(verb, (object) => console.log(verb, object.metadata.name));
informer.on("error", failed);
start();
process.stdin.resume();
process.stdin.on("end", async () => {
  ended = true;
  console.log("cache", ...informer.list().map((object) => object.metadata.name).sort());
  await informer.stop();
  process.exit(0);
});
