#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/codec.h"
#include "api/custom/definition_protobuf.h"
#include "api/protobuf.h"
#include "base/check.h"
#include "json/parse.h"
#include "json/value.h"

namespace {

namespace api = insula::api;
using insula::json::Value;

std::string envelope(std::string_view message) {
  return api::protobuf_envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", message);
}

/// A schema is text of its own: the order of its members is not what is compared.
Value value_of(const api::CustomResourceDefinition& definition) {
  auto value = insula::json::parse(api::encode_json(definition));
  INSULA_CHECK(value, value ? "" : value.error().message());
  return *std::move(value);
}

}  // namespace

/// The protobuf form of a definition: what is read is written so that it reads alike.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  api::CustomResourceDefinition definition;
  if (!api::decode_definition_protobuf(envelope(message), definition)) return 0;
  std::string written;
  api::encode_definition_protobuf(definition, written);
  api::CustomResourceDefinition again;
  const auto read = api::decode_definition_protobuf(envelope(written), again);
  INSULA_CHECK(read, read ? "" : read.error().message());
  const Value before = value_of(definition);
  INSULA_CHECK(value_of(again) == before, api::encode_json(again));
  return 0;
}
