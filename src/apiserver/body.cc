#include "apiserver/body.h"

#include "api/custom/definition_protobuf.h"
#include "api/gen/apiextensions_v1.h"
#include "api/protobuf.h"
#include "json/yaml.h"

namespace insula::apiserver {

namespace {

Result<> read_protobuf(const api::TypeInfo& type, void* object, std::string_view body) {
  if (!api::has_protobuf(type)) {
    return fail(ErrorCode::kUnsupportedMedia,
                "the body of the request was in an unknown format "
                "(application/vnd.kubernetes.protobuf) - accepted media types include: "
                "application/json, application/yaml");
  }
  if (&type == &api::type_of<api::CustomResourceDefinition>()) {
    return api::decode_definition_protobuf(body,
                                           *static_cast<api::CustomResourceDefinition*>(object));
  }
  return api::decode_protobuf(type, object, body);
}

}  // namespace

Result<Object> decode_body(const api::TypeInfo& type,
                           BodyFormat format,
                           std::string_view body,
                           api::Strictness strictness,
                           api::DecodeReport& report) {
  Object object = new_object(type);
  switch (format) {
    case BodyFormat::kJson:
      INSULA_TRY_VOID(api::decode_json(type, object.get(), body, strictness, &report));
      return object;
    case BodyFormat::kProtobuf:
      INSULA_TRY_VOID(read_protobuf(type, object.get(), body));
      return object;
    case BodyFormat::kYaml: {
      INSULA_TRY(const json::Value value, json::parse_yaml_document(body));
      INSULA_TRY_VOID(api::decode_json(type, object.get(), value, strictness, &report));
      return object;
    }
  }
  return object;
}

}  // namespace insula::apiserver
