#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/gen/meta_v1.h"
#include "api/kind.h"
#include "api/strategy.h"
#include "json/yaml.h"

namespace insula::api {

/// An object, with name and namespace filled in, and what is wrong with it.
struct Creation {
  std::string_view about;
  std::string_view yaml;
  std::vector<std::string> wrong;
};

inline void PrintTo(const Creation& it, std::ostream* out) {
  *out << it.about;
}

/// What creating the object is answered.
inline std::vector<std::string> causes_of(const Creation& creation) {
  const auto document = json::parse_yaml_document(creation.yaml);
  EXPECT_TRUE(document) << document.error().message();
  const json::Object& members = *document->as_object();
  const Kind* kind =
      find_kind(*members.find("apiVersion")->as_string(), *members.find("kind")->as_string());
  const std::unique_ptr<void, void (*)(void*)> object(kind->type.ops.create(),
                                                      kind->type.ops.destroy);
  const auto decoded = decode_json(kind->type, object.get(), *document, Strictness::kStrict);
  EXPECT_TRUE(decoded) << decoded.error().message();
  ObjectMeta& metadata = kind->metadata(object.get());
  if (metadata.name.empty()) metadata.name = "x";
  if (kind->namespaced && metadata.namespace_.empty()) metadata.namespace_ = "n";
  prepare_create(*kind, object.get());
  const Result<> checked = check_create(*kind, object.get());
  std::vector<std::string> texts;
  if (checked) return texts;
  for (const FieldCause& cause : checked.error().causes())
    texts.push_back(cause.field + ": " + cause.message);
  return texts;
}

}  // namespace insula::api
