#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "apiserver/test_server.h"
#include "json/parse.h"
#include "json/write.h"

namespace insula::apiserver {

inline constexpr const char* kDefinitions =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
inline constexpr const char* kWidgets = "/apis/example.com/v1/namespaces/a/widgets";
inline constexpr const char* kWidget = "/apis/example.com/v1/namespaces/a/widgets/w";

inline constexpr const char* kSchema = R"({
  "type": "object",
  "description": "A thing for tests.",
  "properties": {
    "spec": {
      "type": "object",
      "required": ["size"],
      "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 10},
        "color": {"type": "string", "enum": ["red", "green"], "default": "red"},
        "replicas": {"type": "integer", "default": 1},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true,
                 "properties": {"known": {"type": "string"}}},
        "parts": {
          "type": "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          "items": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "count": {"type": "integer"}}
          }
        }
      }
    },
    "status": {
      "type": "object",
      "properties": {
        "replicas": {"type": "integer"},
        "selector": {"type": "string"},
        "phase": {"type": "string"}
      }
    }
  }
})";

inline json::Value schema() {
  return *json::parse(kSchema);
}

inline json::Value version(std::string_view name, bool storage, json::Value schema) {
  return json::Object{
      {"name", name},
      {"served", true},
      {"storage", storage},
      {"schema", json::Object{{"openAPIV3Schema", std::move(schema)}}},
      {"subresources",
       json::Object{{"status", json::Object()},
                    {"scale", json::Object{{"specReplicasPath", ".spec.replicas"},
                                           {"statusReplicasPath", ".status.replicas"},
                                           {"labelSelectorPath", ".status.selector"}}}}},
      {"selectableFields", json::Array{json::Object{{"jsonPath", ".spec.color"}}}},
      {"additionalPrinterColumns",
       json::Array{
           json::Object{{"name", "Size"}, {"type", "integer"}, {"jsonPath", ".spec.size"}},
           json::Object{{"name", "Phase"},
                        {"type", "string"},
                        {"priority", 1},
                        {"jsonPath", ".status.phase"}},
           json::Object{
               {"name", "Age"}, {"type", "date"}, {"jsonPath", ".metadata.creationTimestamp"}}}}};
}

inline json::Value definition(json::Array versions) {
  return json::Object{
      {"metadata", json::Object{{"name", "widgets.example.com"}}},
      {"spec", json::Object{{"group", "example.com"},
                            {"scope", "Namespaced"},
                            {"names", json::Object{{"plural", "widgets"},
                                                   {"kind", "Widget"},
                                                   {"shortNames", json::Array{"wd"}},
                                                   {"categories", json::Array{"all"}}}},
                            {"versions", std::move(versions)}}}};
}

/// A server that knows Widgets, and a namespace for them.
class CustomResourcesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(post("/api/v1/namespaces", R"({"metadata":{"name":"a"}})").status, 201);
    const auto made = post(kDefinitions, json::write(definition({version("v1", true, schema())})));
    ASSERT_EQ(made.status, 201) << made.body;
  }

  http::Response post(const std::string& url, const std::string& body) {
    return server.send("POST", url, body);
  }

  http::Response make(std::string_view name, std::string_view spec) {
    return post(kWidgets, fmt::format(R"({{"apiVersion":"example.com/v1","kind":"Widget",)"
                                      R"("metadata":{{"name":"{}"}},"spec":{}}})",
                                      name, spec));
  }

  http::Response patch(const std::string& url,
                       const std::string& body,
                       const char* type = "application/merge-patch+json") {
    return server.send("PATCH", url, body, type);
  }

  json::Value get(const std::string& url) { return server.parsed(server.send("GET", url)); }

  std::string message(const http::Response& response) {
    return std::string(server.parsed(response)["message"].text());
  }

  /// Changes the definition; `edit` gets its spec.
  http::Response redefine(const std::function<void(json::Value& spec)>& edit) {
    json::Value object = get(std::string(kDefinitions) + "/widgets.example.com");
    edit(object["spec"]);
    return server.send("PUT", std::string(kDefinitions) + "/widgets.example.com",
                       json::write(object));
  }

  TestServer server;
};

}  // namespace insula::apiserver
