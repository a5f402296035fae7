#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "api/codec.h"
#include "api/discovery.h"
#include "api/gen/core_v1.h"
#include "api/openapi.h"
#include "api/patch.h"
#include "api/protobuf.h"
#include "base/check.h"
#include "json/parse.h"
#include "json/write.h"
#include "json/yaml.h"

namespace insula::api {
namespace {

/// A pod as the server stores it: two containers, probes, resources, volumes, status; 4 KB.
std::string pod_json() {
  constexpr std::string_view kContainer =
      R"({{"name":"{0}","image":"registry.example.com/team/{0}:1.2.3","command":["/bin/{0}"],"args":["--port=8080","--log-level=info"],)"
      R"("ports":[{{"name":"http","containerPort":8080,"protocol":"TCP"}}],"env":[{{"name":"MODEL","value":"small"}},{{"name":"KEY","valueFrom":)"
      R"({{"secretKeyRef":{{"name":"keys","key":"api"}}}}}}],"resources":{{"limits":{{"cpu":"500m","memory":"1Gi","nvidia.com/gpu":"1"}},"requests":)"
      R"({{"cpu":"250m","memory":"512Mi"}}}},"volumeMounts":[{{"name":"data","mountPath":"/data"}}],"livenessProbe":{{"httpGet":{{"path":"/healthz",)"
      R"("port":"http","scheme":"HTTP"}},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3}},"readinessProbe":{{"tcpSocket":)"
      R"({{"port":8080}},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3}},"terminationMessagePath":"/dev/termination-log",)"
      R"("terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent","securityContext":{{"allowPrivilegeEscalation":false,"capabilities":{{"drop":["ALL"]}}}}}})";
  constexpr std::string_view kStatus =
      R"({{"name":"{0}","state":{{"running":{{"startedAt":"2026-11-23T20:36:33Z"}}}},"ready":true,"restartCount":0,"image":"registry.example.com/team/{0}:1.2.3",)"
      R"("imageID":"sha256:0000000000000000000000000000000000000000000000000000000000000000","containerID":"process://0123456789abcdef","started":true}})";
  return fmt::format(
      R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"llm-7d4b9c6f5-x2x9z","generateName":"llm-7d4b9c6f5-","namespace":"demo-a","uid":)"
      R"("6f1c2b7e-8a35-4f0e-9a57-0d7a5d1b7a11","resourceVersion":"123456","creationTimestamp":"2026-11-23T20:36:33Z","labels":{{"app":"llm",)"
      R"("pod-template-hash":"7d4b9c6f5"}},"annotations":{{"example.com/note":"a text of some length, as tools leave them"}},"ownerReferences":[{{"kind":)"
      R"("ReplicaSet","name":"llm-7d4b9c6f5","uid":"1c2b7e6f-8a35-4f0e-9a57-0d7a5d1b7a12","apiVersion":"apps/v1","controller":true,)"
      R"("blockOwnerDeletion":true}}]}},"spec":{{"volumes":[{{"name":"data","emptyDir":{{}}}}],"containers":[{0},{1}],"restartPolicy":"Always",)"
      R"("terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"default","serviceAccount":"default","nodeName":"node-1",)"
      R"("securityContext":{{}},"schedulerName":"default-scheduler","tolerations":[{{"key":"node.kubernetes.io/not-ready","operator":"Exists",)"
      R"("effect":"NoExecute","tolerationSeconds":300}}],"enableServiceLinks":true}},"status":{{"phase":"Running","conditions":[{{"type":"Ready","status":)"
      R"("True","lastTransitionTime":"2026-11-23T20:36:35Z"}},{{"type":"PodScheduled","status":"True","lastTransitionTime":"2026-11-23T20:36:33Z"}}],)"
      R"("hostIP":"192.0.2.1","podIP":"10.42.0.7","podIPs":[{{"ip":"10.42.0.7"}}],"startTime":"2026-11-23T20:36:33Z","containerStatuses":[{2},{3}],)"
      R"("qosClass":"Burstable"}}}})",
      fmt::format(kContainer, "server"), fmt::format(kContainer, "proxy"),
      fmt::format(kStatus, "server"), fmt::format(kStatus, "proxy"));
}

Pod pod() {
  auto decoded = decode_json<Pod>(pod_json(), Strictness::kStrict);
  INSULA_CHECK(decoded.has_value(),
               decoded.has_value() ? std::string() : decoded.error().message());
  return *std::move(decoded);
}

void parse_pod_value(benchmark::State& state) {
  const std::string text = pod_json();
  for (auto _ : state)
    benchmark::DoNotOptimize(json::parse(text));
}

BENCHMARK(parse_pod_value);

void decode_pod_json(benchmark::State& state) {
  const std::string text = pod_json();
  for (auto _ : state)
    benchmark::DoNotOptimize(decode_json<Pod>(text));
}

BENCHMARK(decode_pod_json);

void encode_pod_json(benchmark::State& state) {
  const Pod object = pod();
  for (auto _ : state)
    benchmark::DoNotOptimize(encode_json(object));
}

BENCHMARK(encode_pod_json);

void pod_to_json_value(benchmark::State& state) {
  const Pod object = pod();
  for (auto _ : state)
    benchmark::DoNotOptimize(to_json(object));
}

BENCHMARK(pod_to_json_value);

void decode_pod_protobuf(benchmark::State& state) {
  const std::string bytes = encode_protobuf(pod());
  for (auto _ : state)
    benchmark::DoNotOptimize(decode_protobuf<Pod>(bytes));
}

BENCHMARK(decode_pod_protobuf);

void copy_pod(benchmark::State& state) {
  const Pod object = pod();
  for (auto _ : state) {
    Pod copy = object;
    benchmark::DoNotOptimize(copy);
  }
}

BENCHMARK(copy_pod);

void strategic_merge_of_status(benchmark::State& state) {
  const json::Value document = json::parse(pod_json()).value();
  const json::Value patch =
      json::parse(
          R"({"status":{"phase":"Failed","conditions":[{"type":"Ready","status":"False"}]}})")
          .value();
  for (auto _ : state)
    benchmark::DoNotOptimize(apply_strategic_merge_patch(type_of<Pod>(), document, patch));
}

BENCHMARK(strategic_merge_of_status);

void read_pod_yaml(benchmark::State& state) {
  const std::string text = json::write_yaml(json::parse(pod_json()).value());
  for (auto _ : state)
    benchmark::DoNotOptimize(json::parse_yaml_document(text));
}

BENCHMARK(read_pod_yaml);

void aggregated_discovery_of_groups(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(aggregated_discovery(DiscoveryRoot::kApis));
}

BENCHMARK(aggregated_discovery_of_groups);

void openapi_of_core(benchmark::State& state) {
  std::size_t size = 0;
  for (auto _ : state)
    size = openapi_document("api/v1")->size();
  state.counters["bytes"] = static_cast<double>(size);
}

BENCHMARK(openapi_of_core);

class Collector : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs)
      nanoseconds_[run.benchmark_name()] = run.GetAdjustedCPUTime();
  }

  [[nodiscard]] std::string line() const {
    json::Value out = json::Object{{"bench", "api"}};
    for (const auto& [name, time] : nanoseconds_)
      out[name + "_us"] = std::round(time / 10) / 100;
    out["pod_json_bytes"] = pod_json().size();
    out["pod_struct_bytes"] = sizeof(Pod);
    return json::write(out);
  }

 private:
  std::map<std::string, double> nanoseconds_;
};

}  // namespace
}  // namespace insula::api

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  insula::api::Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  fmt::print("{}\n", collector.line());
  return 0;
}
