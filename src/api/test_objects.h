#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/gen/meta_v1.h"
#include "api/kind.h"
#include "api/strategy.h"
#include "json/yaml.h"

/// What tests of single kinds have in common: objects written as YAML, taken through the steps of a
/// write. Objects are called `x`, in the namespace `n`, with the uid `u`, unless they say
/// otherwise.
namespace insula::api {

struct TestObject {
  const Kind* kind;
  std::unique_ptr<void, void (*)(void*)> object;

  template <class T>
  [[nodiscard]] T& as() const {
    return *static_cast<T*>(object.get());
  }
};

inline TestObject read_object(std::string_view yaml) {
  const auto document = json::parse_yaml_document(yaml);
  EXPECT_TRUE(document) << document.error().message() << yaml;
  const json::Object& members = *document->as_object();
  const Kind* kind =
      find_kind(*members.find("apiVersion")->as_string(), *members.find("kind")->as_string());
  EXPECT_NE(kind, nullptr) << yaml;
  TestObject out{kind, {kind->type.ops.create(), kind->type.ops.destroy}};
  const auto decoded = decode_json(kind->type, out.object.get(), *document, Strictness::kStrict);
  EXPECT_TRUE(decoded) << decoded.error().message() << yaml;
  ObjectMeta& metadata = kind->metadata(out.object.get());
  if (metadata.name.empty()) metadata.name = "x";
  if (kind->namespaced && metadata.namespace_.empty()) metadata.namespace_ = "n";
  if (metadata.uid.empty()) metadata.uid = "u";
  return out;
}

/// As the registry would store it.
inline TestObject created(std::string_view yaml) {
  TestObject out = read_object(yaml);
  prepare_create(*out.kind, out.object.get());
  return out;
}

inline std::vector<std::string> causes_of(const Result<>& result) {
  std::vector<std::string> texts;
  if (result) return texts;
  for (const FieldCause& cause : result.error().causes())
    texts.push_back(cause.field + ": " + cause.message);
  return texts;
}

/// What is wrong with a new object, `field: message` each.
inline std::vector<std::string> wrong(std::string_view yaml) {
  const TestObject it = created(yaml);
  return causes_of(check_create(*it.kind, it.object.get()));
}

/// What is wrong with a change of an object.
inline std::vector<std::string> wrong_change(std::string_view before,
                                             std::string_view after,
                                             std::string_view subresource = "") {
  const TestObject old = created(before);
  if (subresource == "status") {
    // The state before is what somebody reported, which creation drops.
    TestObject reported = read_object(before);
    prepare_update(*old.kind, reported.object.get(), old.object.get(), "status");
    const TestObject now = read_object(after);
    prepare_update(*now.kind, now.object.get(), reported.object.get(), "status");
    return causes_of(check_update(*now.kind, now.object.get(), reported.object.get(), "status"));
  }
  const TestObject now = read_object(after);
  prepare_update(*now.kind, now.object.get(), old.object.get(), subresource);
  return causes_of(check_update(*now.kind, now.object.get(), old.object.get(), subresource));
}

/// The row of an object that was made five minutes before `now`.
inline std::vector<std::string> row_of(std::string_view yaml, WallTime now) {
  const TestObject it = read_object(yaml);
  it.kind->metadata(it.object.get()).creation_timestamp = Time::from(now - std::chrono::minutes(5));
  std::vector<std::string> texts;
  for (const Cell& cell : strategy_of(*it.kind).cells(it.object.get(), now)) {
    if (const auto* text = std::get_if<std::string>(&cell)) {
      texts.push_back(*text);
    } else if (const auto* truth = std::get_if<bool>(&cell)) {
      texts.emplace_back(*truth ? "true" : "false");
    } else {
      texts.push_back(std::to_string(std::get<std::int64_t>(cell)));
    }
  }
  return texts;
}

inline const std::string kTestPods =
    "{metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: i}]}}";

}  // namespace insula::api
