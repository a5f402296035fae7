#include "apiserver/output_format.h"

#include <utility>

#include <fmt/format.h>

#include "api/codec.h"
#include "api/custom/definition_protobuf.h"
#include "api/gen/apiextensions_v1.h"
#include "api/gen/meta_v1.h"
#include "api/protobuf.h"
#include "api/protobuf_wire.h"
#include "apiserver/object.h"
#include "json/parse.h"
#include "json/yaml.h"

namespace insula::apiserver {

namespace {

namespace wire = api::wire;

/// The message of a PartialObjectMetadata.
Result<std::string> metadata_message(const json::Value& metadata) {
  INSULA_TRY(const auto decoded, api::decode_json<api::ObjectMeta>(metadata));
  std::string out;
  {
    const wire::MessageField member(out, 1);
    api::encode_protobuf_message(api::type_of<api::ObjectMeta>(), &decoded, out);
  }
  return out;
}

Result<std::string> protobuf_of(std::string_view json) {
  INSULA_TRY(const json::Value value, json::parse(json));
  const std::string_view version = value["apiVersion"].text();
  const std::string_view name = value["kind"].text();
  if (name == "PartialObjectMetadata") {
    INSULA_TRY(const std::string message, metadata_message(value["metadata"]));
    return api::protobuf_envelope(version, name, message);
  }
  if (name == "Status") {
    INSULA_TRY(const auto status, api::decode_json<api::Status>(value));
    std::string message;
    api::encode_protobuf_message(api::type_of<api::Status>(), &status, message);
    return api::protobuf_envelope(version, name, message);
  }
  const api::Kind* kind = api::find_kind(version, name);
  if (kind == nullptr || !api::has_protobuf(kind->type))
    return fail(ErrorCode::kInternal, fmt::format("{} {} has no protobuf form", version, name));
  const Object object = new_object(kind->type);
  INSULA_TRY_VOID(api::decode_json(kind->type, object.get(), value));
  return encode_protobuf(*kind, object.get());
}

}  // namespace

Result<std::string> in_format(BodyFormat format, std::string json) {
  switch (format) {
    case BodyFormat::kJson:
      return json;
    case BodyFormat::kYaml: {
      INSULA_TRY(const json::Value value, json::parse(json));
      return json::write_yaml(value);
    }
    case BodyFormat::kProtobuf:
      return protobuf_of(json);
  }
  return json;
}

void append_protobuf_message(const api::Kind& kind, const void* object, std::string& out) {
  if (&kind.type == &api::type_of<api::CustomResourceDefinition>())
    api::encode_definition_protobuf(*static_cast<const api::CustomResourceDefinition*>(object),
                                    out);
  else
    api::encode_protobuf_message(kind.type, object, out);
}

std::string encode_protobuf(const api::Kind& kind, const void* object) {
  std::string message;
  append_protobuf_message(kind, object, message);
  return api::protobuf_envelope(kind.api_version(), kind.kind, message);
}

std::string watch_event(BodyFormat format, std::string_view type, std::string_view object) {
  if (format != BodyFormat::kProtobuf)
    return fmt::format(R"({{"type":"{}","object":{}}})"
                       "\n",
                       type, object);
  std::string message;
  wire::append_bytes_field(message, 1, type);
  {
    const wire::MessageField raw(message, 2);
    wire::append_bytes_field(message, 1, object);
  }
  std::string out;
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    out += static_cast<char>(message.size() >> shift & 0xffU);
  return out += message;
}

}  // namespace insula::apiserver
