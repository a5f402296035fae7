#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::apiserver {

inline constexpr std::string_view kGroup = "/apis/admissionregistration.k8s.io/v1/";
inline constexpr const char* kMaps = "/api/v1/namespaces/a/configmaps";
inline constexpr const char* kDeployments = "/apis/apps/v1/namespaces/a/deployments";
inline constexpr const char* kMergePatch = "application/merge-patch+json";

/// A mutation that applies the fields of an expression.
inline json::Value apply(std::string_view expression) {
  return json::Object{{"patchType", "ApplyConfiguration"},
                      {"applyConfiguration", json::Object{{"expression", expression}}}};
}

/// A mutation by a JSON patch.
inline json::Value patch(std::string_view expression) {
  return json::Object{{"patchType", "JSONPatch"},
                      {"jsonPatch", json::Object{{"expression", expression}}}};
}

/// The i-th element of a list.
inline const json::Value& item(const json::Value& list, std::size_t i) {
  return list.as_array()->at(i);
}

/// Policies on ConfigMaps and Deployments of the namespace `a`.
class MutatingPolicies : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.send("POST", "/api/v1/namespaces",
                 R"({"metadata":{"name":"a","labels":{"team":"x"}}})");
  }

  static json::Value policy(std::string_view name, std::initializer_list<json::Value> mutations) {
    const json::Object rule{{"apiGroups", json::Array{"", "apps"}},
                            {"apiVersions", json::Array{"v1"}},
                            {"operations", json::Array{"CREATE", "UPDATE"}},
                            {"resources", json::Array{"configmaps", "deployments"}}};
    return json::Object{
        {"metadata", json::Object{{"name", name}}},
        {"spec", json::Object{{"matchConstraints",
                               json::Object{{"resourceRules", json::Array{json::Value(rule)}}}},
                              {"reinvocationPolicy", "Never"},
                              {"mutations", json::Array(mutations)}}}};
  }

  http::Response post(std::string_view plural, const json::Value& body) {
    return server_.send("POST", std::string(kGroup).append(plural), json::write(body));
  }

  /// Makes the policy and a binding of the same name; `more` are members of that one's spec.
  void put_in_force(const json::Value& policy, json::Object more = {}) {
    const auto made = post("mutatingadmissionpolicies", policy);
    ASSERT_EQ(made.status, 201) << made.body;
    more["policyName"] = policy["metadata"]["name"];
    const auto bound = post(
        "mutatingadmissionpolicybindings",
        json::Object{{"metadata", policy["metadata"]}, {"spec", json::Value(std::move(more))}});
    ASSERT_EQ(bound.status, 201) << bound.body;
  }

  http::Response create_map(std::string_view data, std::string_view labels = "{}") {
    return server_.send(
        "POST", kMaps,
        fmt::format(R"({{"metadata":{{"name":"c","labels":{}}},"data":{}}})", labels, data));
  }

  http::Response create_deployment() {
    return server_.send("POST", kDeployments, R"({"metadata":{"name":"d"},"spec":{"replicas":1,
        "selector":{"matchLabels":{"app":"d"}},"template":{"metadata":{"labels":{"app":"d"}},
        "spec":{"containers":[{"name":"main","image":"main:1"}]}}}})");
  }

  /// The data of a ConfigMap as it is stored, or why it is not.
  std::string data_of(std::string_view data, std::string_view labels = "{}") {
    const auto made = create_map(data, labels);
    if (made.status != 201) return message(made);
    server_.send("DELETE", std::string(kMaps) + "/c");
    return json::write(server_.parsed(made)["data"]);
  }

  std::string message(const http::Response& answer) {
    return std::string(server_.parsed(answer)["message"].text());
  }

  TestServer server_;
};

}  // namespace insula::apiserver
