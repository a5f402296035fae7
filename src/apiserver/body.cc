#include "apiserver/body.h"

#include <fmt/format.h>

#include "api/custom/definition_protobuf.h"
#include "api/gen/apiextensions_v1.h"
#include "api/go_quoted.h"
#include "api/protobuf.h"
#include "json/yaml.h"

namespace insula::apiserver {

namespace {

Result<> read_protobuf(const api::TypeInfo& type, void* object, std::string_view body) {
  if (!api::has_protobuf(type)) {
    return fail(ErrorCode::kUnsupportedMedia,
                "the body of the request was in an unknown format - accepted media types include: "
                "application/json, application/yaml");
  }
  if (&type == &api::type_of<api::CustomResourceDefinition>()) {
    return api::decode_definition_protobuf(body,
                                           *static_cast<api::CustomResourceDefinition*>(object));
  }
  return api::decode_protobuf(type, object, body);
}

/// As Kubernetes shows the beginning of a body: text where it is an object of JSON, else bytes.
std::string summary(std::string_view body) {
  constexpr std::size_t kShownBytes = 30;
  if (body.empty()) return "<empty>";
  const std::string_view begin = body.substr(0, kShownBytes);
  const std::string_view more = begin.size() < body.size() ? " ..." : "";
  if (begin.front() == '{') return fmt::format("{}{}", api::well_formed(begin), more);
  std::string out;
  for (const char c : begin)
    out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out.append(more);
}

/// What is built in may leave to the URL what it is, custom objects may not.
Result<> check_says_what_it_is(const api::Kind& kind,
                               const api::DecodeReport& report,
                               std::string_view body) {
  constexpr std::size_t kQuotedBytesMax = 4096;
  if (!report.kind) return {};
  if (report.kind->empty())
    return fail(
        ErrorCode::kBadRequest,
        fmt::format("the object provided is unrecognized (must be of type {}): Object "
                    "'Kind' is missing in '{}' ({})",
                    kind.kind, api::well_formed(body.substr(0, kQuotedBytesMax)), summary(body)));
  if (report.api_version.empty())
    return fail(ErrorCode::kBadRequest,
                fmt::format("the API version in the data () does not match the expected API "
                            "version ({})",
                            kind.api_version()));
  return {};
}

Result<> read_text(const api::TypeInfo& type,
                   void* object,
                   std::string_view body,
                   api::Strictness strictness,
                   api::DecodeReport& report) {
  Result<> read = api::decode_json(type, object, body, strictness, &report);
  if (type.kind != nullptr) INSULA_TRY_VOID(check_says_what_it_is(*type.kind, report, body));
  return read;
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
      INSULA_TRY_VOID(read_text(type, object.get(), body, strictness, report));
      return object;
    case BodyFormat::kProtobuf:
      INSULA_TRY_VOID(read_protobuf(type, object.get(), body));
      return object;
    case BodyFormat::kYaml: {
      INSULA_TRY(const json::Value value, json::parse_yaml_document(body));
      const Result<> read = api::decode_json(type, object.get(), value, strictness, &report);
      if (type.kind != nullptr) INSULA_TRY_VOID(check_says_what_it_is(*type.kind, report, body));
      INSULA_TRY_VOID(read);
      return object;
    }
  }
  return object;
}

}  // namespace insula::apiserver
