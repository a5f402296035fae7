#include "server/control_loops.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/gen/apps_v1.h"
#include "api/gen/core_v1.h"
#include "api/gen/discovery_v1.h"
#include "api/gen/insula_v1alpha1.h"
#include "apiserver/api_server.h"
#include "apiserver/registry.h"
#include "async/loop.h"
#include "base/random.h"
#include "client/http_client.h"
#include "client/in_process_client.h"
#include "client/typed.h"
#include "controller/informer.h"
#include "http/server.h"
#include "net/listener.h"
#include "server/bootstrap.h"
#include "store/memory_journal.h"
#include "store/store.h"
#include "telemetry/metrics.h"

namespace insula::server {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr const char* kNode = "node-1";

// A node without containers: what was placed runs, what was deleted ends.
class PlayedNode {
 public:
  explicit PlayedNode(client::Client& client) : client_(client), pods_(client) {
    pods_.on_change([this](const api::Pod*, const api::Pod* after) {
      if (after == nullptr || after->spec.node_name != kNode) return;
      if (after->metadata.deletion_timestamp) {
        tasks_.spawn(end(*after));
      } else if (after->status.phase == "Pending") {
        tasks_.spawn(run(*after));
      }
    });
    pods_.start();
  }

  bool broken_image = false;  // pods of the image "broken" never become ready

 private:
  Task<> run(api::Pod pod) {
    if (pod.spec.containers[0].image == "broken") co_return;
    pod.status.phase = "Running";
    pod.status.pod_ip = "10.244.0." + std::to_string(++addresses_ % 250 + 1);
    pod.status.pod_ips.emplace_back().ip = pod.status.pod_ip;
    api::PodCondition& ready = pod.status.conditions.emplace_back();
    ready.type = "Ready";
    ready.status = "True";
    ready.last_transition_time = api::Time::from(system_clock().wall());
    (void)co_await client::update_status(client_, std::move(pod));
  }

  Task<> end(api::Pod pod) {
    client::DeleteOptions at_once;
    at_once.grace_period_seconds = 0;
    at_once.precondition_uid = pod.metadata.uid;
    (void)co_await client::remove<api::Pod>(client_, pod.metadata.namespace_, pod.metadata.name,
                                            std::move(at_once));
  }

  client::Client& client_;
  int addresses_ = 0;
  controller::Informer<api::Pod> pods_;
  TaskGroup tasks_;
};

// How the loops reach the API: nothing in them may depend on it.
enum class Door : std::uint8_t { kInProcess, kHttp };

// The control plane as it runs, over a store in memory.
class ControlLoopsTest : public ::testing::TestWithParam<Door> {
 protected:
  ControlLoopsTest() {
    const Result<> done = run(bootstrap(client_));
    EXPECT_TRUE(done) << done.error().message();
    if (GetParam() == Door::kHttp) {
      auto listener = *net::Listener::bind(loop_, *net::Address::parse("127.0.0.1:0"));
      client::Kubeconfig config;
      config.server = "http://" + listener->address().text();
      http_server_.serve(std::move(listener));
      http_client_ = *client::HttpClient::make(config);
    }
    client::Client& door = http_client_ ? static_cast<client::Client&>(*http_client_) : client_;
    const controller::Runtime runtime{loop_.clock(), metrics_, {}};
    loops_ = std::make_unique<ControlLoops>(
        door, runtime,
        ControlLoops::Options{
            .ca_pem = "CA",
            .gateway_url = "http://gw",
            .kinds = &registry_.kinds(),
            .make_token = [](const api::ServiceAccount&,
                             const api::Secret&) { return Result<std::string>("token"); },
            .make_certificate =
                [](const api::CertificateSigningRequestSpec&) {
                  return Result<std::string>("certificate");
                }});
    loops_->start();
    api::Node node;
    node.metadata.name = kNode;
    node = *run(client::create(client_, node));
    node.status.allocatable = {{"cpu", api::Quantity::of(16)},
                               {"memory", *api::Quantity::parse("64Gi")},
                               {"pods", api::Quantity::of(110)},
                               {"nvidia.com/gpu", api::Quantity::of(8)}};
    api::NodeCondition& ready = node.status.conditions.emplace_back();
    ready.type = "Ready";
    ready.status = "True";
    ready.last_heartbeat_time = ready.last_transition_time = api::Time::from(system_clock().wall());
    EXPECT_TRUE(run(client::update_status(client_, node)));
  }

  template <class T>
  static Task<> keep(Task<T> task, std::optional<T>* result) {
    result->emplace(co_await std::move(task));
  }

  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    run_until_complete(loop_, keep(std::move(task), &result));
    return *std::move(result);
  }

  static Task<> poll(std::function<bool()> condition, bool* held) {
    const Deadline deadline = Loop::current().now() + std::chrono::seconds(20);
    while (!*held && Loop::current().now() < deadline) {
      co_await yield();
      *held = condition();
    }
  }

  // Turns the loop until the condition holds; false if it does not in a long time.
  bool until(std::function<bool()> condition) {
    bool held = false;
    run_until_complete(loop_, poll(std::move(condition), &held));
    return held;
  }

  template <class T>
  std::shared_ptr<const T> find(const std::string& name_space, const std::string& name) {
    const apiserver::Target target{&api::kind_of<T>(), name_space, name, {}};
    const auto entry = registry_.get(target);
    return entry ? apiserver::object_of<T>(**entry) : nullptr;
  }

  template <class T>
  std::vector<std::shared_ptr<const T>> all(const std::string& name_space) {
    std::vector<std::shared_ptr<const T>> found;
    const auto list = registry_.list({&api::kind_of<T>(), name_space, {}, {}}, {});
    for (const auto& entry : list->entries)
      found.push_back(apiserver::object_of<T>(*entry));
    return found;
  }

  int ready_pods(const std::string& name_space, const std::string& image = {}) {
    int count = 0;
    for (const auto& pod : all<api::Pod>(name_space)) {
      const bool ready =
          std::ranges::any_of(pod->status.conditions, [](const api::PodCondition& condition) {
            return condition.type == "Ready" && condition.status == "True";
          });
      const bool match = image.empty() || pod->spec.containers[0].image == image;
      count += ready && match && !pod->metadata.deletion_timestamp ? 1 : 0;
    }
    return count;
  }

  int ready_endpoints(const std::string& name_space) {
    int count = 0;
    for (const auto& slice : all<api::EndpointSlice>(name_space)) {
      for (const auto& endpoint : slice->endpoints)
        count += endpoint.conditions.ready.value_or(false) ? 1 : 0;
    }
    return count;
  }

  std::vector<std::string> events(const std::string& name_space, const std::string& reason) {
    std::vector<std::string> messages;
    for (const auto& event : all<api::Event>(name_space)) {
      if (event->reason == reason) messages.push_back(event->message);
    }
    return messages;
  }

  bool tenant_ready(const std::string& name) {
    const auto tenant = find<api::Tenant>("", name);
    return tenant && tenant->status.phase == "Ready" &&
           tenant->status.observed_generation == tenant->metadata.generation;
  }

  void create_tenant(const std::string& name, int gpus, int replicas) {
    api::Tenant tenant;
    tenant.metadata.name = name;
    tenant.spec.quota.gpus = gpus;
    tenant.spec.quota.memory = *api::Quantity::parse("16Gi");
    tenant.spec.serve.emplace().image = "insula/llm-sim";
    tenant.spec.serve->replicas = replicas;
    const auto made = run(client::create(client_, std::move(tenant)));
    ASSERT_TRUE(made) << made.error().message();
  }

  void scale(const std::string& name_space, const std::string& name, int replicas) {
    const std::string patch = R"({"spec":{"replicas":)" + std::to_string(replicas) + "}}";
    const client::Target target = client::target_of<api::Deployment>(name_space, name, "scale");
    const auto done = run(client_.patch(target, client::PatchType::kMerge, patch, {}));
    ASSERT_TRUE(done) << done.error().message();
  }

  static apiserver::ApiServerOptions as_system() {
    apiserver::ApiServerOptions options;
    options.plain_user = apiserver::system_user();
    return options;
  }

  Loop loop_;
  MetricsRegistry metrics_;
  std::unique_ptr<store::Store> store_ = *store::Store::open(
      std::make_unique<store::MemoryJournal>(), {.ephemeral_prefixes = {"events/"}});
  SeededRandom random_{1};
  apiserver::Registry registry_{*store_, loop_.clock(), random_};
  client::InProcessClient client_{registry_};
  apiserver::ApiServer api_{registry_, metrics_, {}, as_system()};
  http::Server http_server_{api_, {}};
  std::unique_ptr<client::HttpClient> http_client_;
  std::unique_ptr<ControlLoops> loops_;
  PlayedNode node_{client_};
};

TEST_P(ControlLoopsTest, BringsATenantUpToItsModelServer) {
  create_tenant("demo-a", 2, 2);
  ASSERT_TRUE(until([this] { return tenant_ready("demo-a") && ready_endpoints("demo-a") == 2; }));
  const auto tenant = find<api::Tenant>("", "demo-a");
  EXPECT_EQ(tenant->status.url, "http://gw/demo-a");
  ASSERT_TRUE(until([this] {
    const auto used = find<api::Tenant>("", "demo-a")->status.used;
    const auto gpus = used.find("requests.nvidia.com/gpu");
    return gpus != used.end() && gpus->second == api::Quantity::of(2);
  }));
  EXPECT_TRUE(find<api::Service>("demo-a", "llm-service"));
  EXPECT_EQ(find<api::ConfigMap>("demo-a", "kube-root-ca.crt")->data.at("ca.crt"), "CA");
}

TEST_P(ControlLoopsTest, StopsAScaleAtTheQuotaAndSaysSo) {
  create_tenant("demo-a", 2, 2);
  ASSERT_TRUE(until([this] { return ready_pods("demo-a") == 2; }));
  scale("demo-a", "llm-service", 5);
  ASSERT_TRUE(until([this] { return !events("demo-a", "FailedCreate").empty(); }));
  EXPECT_THAT(
      events("demo-a", "FailedCreate"),
      Contains(HasSubstr(
          "is forbidden: exceeded quota: tenant-quota, requested: requests.nvidia.com/gpu=1, "
          "used: requests.nvidia.com/gpu=2, limited: requests.nvidia.com/gpu=2")));
  EXPECT_EQ(all<api::Pod>("demo-a").size(), 2U);
  ASSERT_TRUE(until([this] {
    const auto deployment = find<api::Deployment>("demo-a", "llm-service");
    return std::ranges::any_of(deployment->status.conditions, [](const auto& condition) {
      return condition.type == "ReplicaFailure";
    });
  }));
  // More room is used at once, and the user's number stays.
  api::Tenant tenant = *find<api::Tenant>("", "demo-a");
  tenant.spec.quota.gpus = 5;
  ASSERT_TRUE(run(client::update(client_, tenant)));
  EXPECT_TRUE(
      until([this] { return ready_pods("demo-a") == 5 && ready_endpoints("demo-a") == 5; }));
}

TEST_P(ControlLoopsTest, HoldsATenantsQuotaOverAllItsNamespaces) {
  api::Tenant tenant;
  tenant.metadata.name = "wide";
  tenant.spec.namespaces = {"wide-1", "wide-2"};
  tenant.spec.quota.gpus = 3;
  ASSERT_TRUE(run(client::create(client_, tenant)));
  ASSERT_TRUE(until(
      [this] { return tenant_ready("wide") && find<api::ServiceAccount>("wide-2", "default"); }));
  for (const char* name_space : {"wide-1", "wide-2"}) {
    api::Deployment deployment;
    deployment.metadata.namespace_ = name_space;
    deployment.metadata.name = "web";
    deployment.spec.replicas = 2;
    deployment.spec.selector.emplace().match_labels["app"] = "web";
    deployment.spec.template_.metadata.labels["app"] = "web";
    api::Container& container = deployment.spec.template_.spec.containers.emplace_back();
    container.name = "main";
    container.image = "i";
    container.resources.limits["nvidia.com/gpu"] = api::Quantity::of(1);
    ASSERT_TRUE(run(client::create(client_, deployment)));
  }
  ASSERT_TRUE(until([this] { return ready_pods("wide-1") + ready_pods("wide-2") == 3; }));
  ASSERT_TRUE(until([this] {
    return !events("wide-1", "FailedCreate").empty() || !events("wide-2", "FailedCreate").empty();
  }));
  // What one namespace gives back the other may have at once.
  scale("wide-1", "web", 1);
  EXPECT_TRUE(until([this] { return ready_pods("wide-1") == 1 && ready_pods("wide-2") == 2; }));
}

TEST_P(ControlLoopsTest, KeepsTheUsersGuideUnderItsQuota) {
  api::Namespace name_space;
  name_space.metadata.name = "tenant-a";
  ASSERT_TRUE(run(client::create(client_, name_space)));
  api::ResourceQuota quota;
  quota.metadata.namespace_ = "tenant-a";
  quota.metadata.name = "tenant-a-quota";
  quota.spec.hard["limits.memory"] = *api::Quantity::parse("32Gi");
  ASSERT_TRUE(run(client::create(client_, quota)));
  api::Deployment deployment;
  deployment.metadata.namespace_ = "tenant-a";
  deployment.metadata.name = "litellm-deployment";
  deployment.spec.replicas = 2;
  deployment.spec.selector.emplace().match_labels["app"] = "llm-service";
  deployment.spec.template_.metadata.labels["app"] = "llm-service";
  api::Container& container = deployment.spec.template_.spec.containers.emplace_back();
  container.name = "litellm";
  container.image = "ghcr.io/berriai/litellm:main-latest";
  const auto made = run(client::create(client_, deployment));
  ASSERT_TRUE(made) << made.error().message();
  ASSERT_TRUE(until([this] { return !events("tenant-a", "FailedCreate").empty(); }));
  EXPECT_THAT(
      events("tenant-a", "FailedCreate")[0],
      HasSubstr(
          "is forbidden: failed quota: tenant-a-quota: must specify limits.memory for: litellm"));
  api::LimitRange range;
  range.metadata.namespace_ = "tenant-a";
  range.metadata.name = "defaults";
  api::LimitRangeItem& item = range.spec.limits.emplace_back();
  item.type = "Container";
  item.default_["memory"] = *api::Quantity::parse("1Gi");
  ASSERT_TRUE(run(client::create(client_, range)));
  EXPECT_TRUE(until([this] { return ready_pods("tenant-a") == 2; }));
}

TEST_P(ControlLoopsTest, RollsATenantsServerWithoutLosingIt) {
  create_tenant("demo-a", 2, 2);
  ASSERT_TRUE(until([this] { return tenant_ready("demo-a") && ready_pods("demo-a") == 2; }));
  api::Tenant tenant = *find<api::Tenant>("", "demo-a");
  tenant.spec.serve->image = "other/server";
  ASSERT_TRUE(run(client::update(client_, tenant)));
  int fewest = 2;
  ASSERT_TRUE(until([&] {
    fewest = std::min(fewest, ready_endpoints("demo-a"));
    return ready_pods("demo-a", "other/server") == 2 && all<api::Pod>("demo-a").size() == 2;
  }));
  EXPECT_GE(fewest, 1);
  EXPECT_EQ(find<api::Deployment>("demo-a", "llm-service")
                ->metadata.annotations.at("deployment.kubernetes.io/revision"),
            "2");
}

TEST_P(ControlLoopsTest, LeavesNothingOfADeletedTenant) {
  create_tenant("demo-a", 2, 2);
  ASSERT_TRUE(until([this] { return tenant_ready("demo-a"); }));
  ASSERT_TRUE(run(client::remove<api::Tenant>(client_, "", "demo-a")));
  EXPECT_TRUE(until([this] { return !find<api::Tenant>("", "demo-a"); }));
  EXPECT_FALSE(find<api::Namespace>("", "demo-a"));
  EXPECT_TRUE(all<api::Pod>("demo-a").empty());
  EXPECT_TRUE(all<api::Secret>("demo-a").empty());
}

TEST_P(ControlLoopsTest, RemovesADeploymentsPodsWithIt) {
  create_tenant("demo-a", 2, 2);
  ASSERT_TRUE(until([this] { return tenant_ready("demo-a"); }));
  api::Tenant tenant = *find<api::Tenant>("", "demo-a");
  tenant.spec.serve.reset();
  ASSERT_TRUE(run(client::update(client_, tenant)));
  EXPECT_TRUE(until([this] {
    return all<api::Pod>("demo-a").empty() && all<api::ReplicaSet>("demo-a").empty();
  }));
  EXPECT_TRUE(until([this] { return ready_endpoints("demo-a") == 0; }));
}

TEST_P(ControlLoopsTest, WritesNothingOnceEverythingIsAsWanted) {
  create_tenant("demo-a", 2, 2);
  create_tenant("demo-b", 1, 1);
  ASSERT_TRUE(until([this] { return tenant_ready("demo-a") && tenant_ready("demo-b"); }));
  ASSERT_TRUE(
      until([this] { return ready_endpoints("demo-a") == 2 && ready_endpoints("demo-b") == 1; }));
  // Half a second without a write, or there is a loop of two that undo each other's work.
  store::Revision last = 0;
  SteadyTime since = loop_.now();
  EXPECT_TRUE(until([&] {
    if (store_->revision() != last) {
      last = store_->revision();
      since = loop_.now();
    }
    return loop_.now() - since > std::chrono::milliseconds(500);
  }));
}

INSTANTIATE_TEST_SUITE_P(Over,
                         ControlLoopsTest,
                         ::testing::Values(Door::kInProcess, Door::kHttp),
                         [](const auto& door) {
                           return door.param == Door::kHttp ? "Http" : "Registry";
                         });

}  // namespace
}  // namespace insula::server
