#include "node/pod_env.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/pod_facts.h"
#include "node/pod_files.h"

namespace insula::node {
namespace {

using ::testing::HasSubstr;

api::EnvVar plain(std::string name, std::string value) {
  api::EnvVar out;
  out.name = std::move(name);
  out.value = std::move(value);
  return out;
}

api::EnvVar from_field(std::string name, std::string path) {
  api::EnvVar out;
  out.name = std::move(name);
  out.value_from.emplace().field_ref.emplace().field_path = std::move(path);
  return out;
}

class PodEnvironment : public ::testing::Test {
 protected:
  PodEnvironment() {
    pod_.metadata.name = "llm-0";
    pod_.metadata.namespace_ = "team-a";
    pod_.metadata.labels = {{"app", "llm"}};
    facts_.pod_ip = "10.244.0.9";
    facts_.node_memory = api::Quantity::parse("4Gi").value();
    objects_.config_maps["settings"].data = {{"MODE", "fast"}, {"LEVEL", "3"}};
    objects_.secrets["keys"].data = {{"token", "s3cret"}};
  }

  Result<Variables> environment() {
    return container_environment(pod_, container_, objects_, facts_);
  }

  api::Pod pod_;
  api::Container container_;
  ReferencedObjects objects_;
  PodFacts facts_;
};

TEST(Expansion, ReplacesKnownVariablesAndLeavesTheRest) {
  const Variables variables = {{"A", "1"}, {"B", "x$(A)"}};
  EXPECT_EQ(expanded("$(A)-$(B)-$(C)", variables), "1-x$(A)-$(C)");
  EXPECT_EQ(expanded("$$(A) $A $( $", variables), "$(A) $A $( $");
}

TEST_F(PodEnvironment, SaysWhereTheApiServerIsIfThePodReachesIt) {
  EXPECT_FALSE(environment().value().contains("KUBERNETES_SERVICE_HOST"));
  facts_.api_host = "192.0.2.7";
  facts_.api_port = "6443";
  container_.env = {plain("URL", "https://$(KUBERNETES_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT)")};
  EXPECT_EQ(environment().value().at("URL"), "https://192.0.2.7:6443");
  container_.env = {plain("KUBERNETES_SERVICE_HOST", "own")};
  EXPECT_EQ(environment().value().at("KUBERNETES_SERVICE_HOST"), "own");
}

TEST_F(PodEnvironment, LaterEntriesWinAndMayUseEarlierOnes) {
  container_.env_from.emplace_back().config_map_ref.emplace().local_object_reference.name =
      "settings";
  container_.env_from.back().prefix = "X_";
  container_.env = {plain("X_MODE", "slow"), plain("BOTH", "$(X_MODE)/$(X_LEVEL)"),
                    from_field("IP", "status.podIP")};
  const Variables variables = environment().value();
  EXPECT_EQ(variables.at("BOTH"), "slow/3");
  EXPECT_EQ(variables.at("IP"), "10.244.0.9");
}

TEST_F(PodEnvironment, MissingObjectsAndKeysAreNamedUnlessOptional) {
  api::EnvVar variable;
  variable.name = "K";
  auto& selector = variable.value_from.emplace().secret_key_ref.emplace();
  selector.local_object_reference.name = "none";
  selector.key = "token";
  container_.env = {variable};
  EXPECT_EQ(environment().error().message(), "secret \"none\" not found");
  container_.env[0].value_from->secret_key_ref->local_object_reference.name = "keys";
  container_.env[0].value_from->secret_key_ref->key = "other";
  EXPECT_EQ(environment().error().message(), "couldn't find key other in Secret team-a/keys");
  container_.env[0].value_from->secret_key_ref->optional = true;
  EXPECT_FALSE(environment().value().contains("K"));
}

TEST_F(PodEnvironment, ReadsLabelsBySubscriptAndRefusesUnknownFields) {
  EXPECT_EQ(pod_field(pod_, facts_, "metadata.labels['app']").value(), "llm");
  EXPECT_EQ(pod_field(pod_, facts_, "metadata.labels['no']").value(), "");
  EXPECT_EQ(pod_field(pod_, facts_, "metadata.labels").value(), "app=\"llm\"");
  EXPECT_THAT(pod_field(pod_, facts_, "spec.nothing").error().message(),
              HasSubstr("unsupported fieldPath"));
}

TEST_F(PodEnvironment, DividesResourcesRoundingUpAndTakesTheNodeForAMissingLimit) {
  api::Container& c = pod_.spec.containers.emplace_back();
  c.name = "llm";
  c.resources.limits["cpu"] = api::Quantity::parse("1500m").value();
  api::ResourceFieldSelector selector;
  selector.resource = "limits.cpu";
  EXPECT_EQ(resource_field(pod_, selector, "llm", facts_).value(), "2");
  selector.divisor = api::Quantity::parse("1m").value();
  EXPECT_EQ(resource_field(pod_, selector, "llm", facts_).value(), "1500");
  selector.resource = "limits.memory";
  selector.divisor = api::Quantity::parse("1Mi").value();
  EXPECT_EQ(resource_field(pod_, selector, "llm", facts_).value(), "4096");
}

TEST_F(PodEnvironment, FindsEveryObjectAPodRefersTo) {
  api::Container& c = pod_.spec.containers.emplace_back();
  c.env_from.emplace_back().secret_ref.emplace().local_object_reference.name = "s1";
  c.env.emplace_back()
      .value_from.emplace()
      .config_map_key_ref.emplace()
      .local_object_reference.name = "c1";
  pod_.spec.volumes.emplace_back()
      .volume_source.projected.emplace()
      .sources.emplace_back()
      .secret.emplace()
      .local_object_reference.name = "s2";
  pod_.spec.volumes.emplace_back().volume_source.config_map.emplace().local_object_reference.name =
      "c2";
  EXPECT_EQ(references_of(pod_.spec), (References{{"c1", "c2"}, {"s1", "s2"}}));
}

TEST(PodHostname, IsAsMuchOfTheNameAsAHostNameMayHave) {
  api::Pod pod;
  pod.metadata.name = std::string(62, 'a') + "-bc";
  EXPECT_EQ(pod_hostname(pod), std::string(62, 'a'));
  pod.metadata.name = std::string(63, 'a');
  EXPECT_EQ(pod_hostname(pod), pod.metadata.name);
  pod.spec.hostname = "own";
  EXPECT_EQ(pod_hostname(pod), "own");
}

TEST(HostsFile, NamesThePodOrIsTheMachines) {
  api::Pod pod;
  pod.metadata.namespace_ = "a";
  pod.spec.subdomain = "web";
  pod.spec.host_aliases.push_back({.ip = "192.0.2.9", .hostnames = {"x.test", "y.test"}});
  EXPECT_EQ(hosts_file(pod, "web-0", "10.1.0.2", "127.0.0.1 machine"),
            "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"
            "::1\tlocalhost ip6-localhost ip6-loopback\n"
            "10.1.0.2\tweb-0.web.a.svc.cluster.local web-0\n192.0.2.9\tx.test\ty.test\n");
  pod.spec.host_network = true;
  EXPECT_EQ(hosts_file(pod, "machine", "192.0.2.1", "127.0.0.1 machine"),
            "# Kubernetes-managed hosts file (host network).\n127.0.0.1 machine\n"
            "192.0.2.9\tx.test\ty.test\n");
}

TEST(ResolverFile, IsTheMachinesInItsNetworkUnlessThePodSaysOtherwise) {
  api::Pod pod;
  pod.metadata.namespace_ = "a";
  pod.spec.dns_policy = "ClusterFirst";
  const std::string own =
      "search a.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";
  EXPECT_EQ(resolver_file(pod, "nameserver 192.0.2.3\n"), own);
  pod.spec.host_network = true;
  EXPECT_EQ(resolver_file(pod, "nameserver 192.0.2.3\n"), "nameserver 192.0.2.3\n");
  pod.spec.dns_policy = "ClusterFirstWithHostNet";
  EXPECT_EQ(resolver_file(pod, "nameserver 192.0.2.3\n"), own);
}

TEST(QosClass, FollowsRequestsAndLimitsOfEveryContainer) {
  api::PodSpec spec;
  api::Container& c = spec.containers.emplace_back();
  EXPECT_EQ(qos_class(spec), "BestEffort");
  c.resources.requests["cpu"] = api::Quantity::of(1);
  EXPECT_EQ(qos_class(spec), "Burstable");
  c.resources.limits["cpu"] = api::Quantity::of(1);
  c.resources.limits["memory"] = api::Quantity::of(1024);
  EXPECT_EQ(qos_class(spec), "Guaranteed");
  spec.containers.emplace_back();
  EXPECT_EQ(qos_class(spec), "Burstable");
}

}  // namespace
}  // namespace insula::node
