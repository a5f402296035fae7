#include "apiserver/body.h"

#include "api/protobuf.h"
#include "json/yaml.h"

namespace insula::apiserver {

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
      INSULA_TRY_VOID(api::decode_protobuf(type, object.get(), body));
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
