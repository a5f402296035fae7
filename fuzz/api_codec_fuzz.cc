#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "api/codec.h"
#include "api/kind.h"
#include "api/protobuf.h"
#include "base/check.h"

namespace {

using insula::api::TypeInfo;
using Object = std::unique_ptr<void, void (*)(void*)>;

Object make(const TypeInfo& type) {
  return {type.ops.create(), type.ops.destroy};
}

std::string json_of(const TypeInfo& type, const void* object) {
  std::string text;
  insula::api::encode_json(type, object, text);
  return text;
}

/// Both written forms of an object read back as the object.
void check_round_trips(const TypeInfo& type, const void* object) {
  const std::string json = json_of(type, object);
  const Object from_json = make(type);
  const auto read =
      insula::api::decode_json(type, from_json.get(), json, insula::api::Strictness::kStrict);
  INSULA_CHECK(read.has_value(), read.has_value() ? std::string() : read.error().message() + json);
  INSULA_CHECK(json_of(type, from_json.get()) == json, json);

  std::string message;
  insula::api::encode_protobuf_message(type, object, message);
  const Object from_protobuf = make(type);
  INSULA_CHECK(insula::api::decode_protobuf_message(type, from_protobuf.get(), message).has_value(),
               json);
  INSULA_CHECK(json_of(type, from_protobuf.get()) == json, json);
}

}  // namespace

/// The first byte chooses the kind, the second the format; the rest is read as such an object.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto kinds = insula::api::kinds();
  const TypeInfo& type = kinds[data[0] % kinds.size()]->type;
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Object object = make(type);
  insula::api::DecodeReport report;
  const auto read = data[1] % 2 == 0
                        ? insula::api::decode_json(type, object.get(), body,
                                                   insula::api::Strictness::kWarn, &report)
                        : insula::api::decode_protobuf_message(type, object.get(), body);
  if (read) check_round_trips(type, object.get());
  (void)insula::api::read_protobuf_envelope(body);
  return 0;
}
