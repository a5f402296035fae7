#include "apiserver/body.h"

#include <fmt/format.h>

#include "api/body_version.h"
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
  const auto envelope = api::read_protobuf_envelope(body);
  if (!envelope) return std::unexpected(api::unrecognized(type, envelope.error(), body));
  INSULA_TRY_VOID(api::check_body_kind(*type.kind, envelope->kind, envelope->api_version));
  const Result<> read = &type == &api::type_of<api::CustomResourceDefinition>()
                            ? api::decode_definition_protobuf(
                                  body, *static_cast<api::CustomResourceDefinition*>(object))
                            : api::decode_protobuf_message(type, object, envelope->message);
  if (!read) return std::unexpected(api::unreadable(type, read.error()));
  return {};
}

/// What is built in may leave to the URL what it is, custom objects may not.
Result<> check_says_what_it_is(const api::TypeInfo& type,
                               const api::DecodeReport& report,
                               std::string_view body) {
  constexpr std::size_t kQuotedBytesMax = 4096;
  if (!report.kind) return {};
  if (report.kind->empty()) {
    const Error missing(ErrorCode::kBadRequest,
                        fmt::format("Object 'Kind' is missing in '{}'",
                                    api::well_formed(body.substr(0, kQuotedBytesMax))));
    return std::unexpected(api::unrecognized(type, missing, body));
  }
  if (report.api_version.empty())
    return fail(ErrorCode::kBadRequest,
                fmt::format("the API version in the data () does not match the expected API "
                            "version ({})",
                            type.kind->api_version()));
  return {};
}

Result<> read_text(const api::TypeInfo& type,
                   void* object,
                   std::string_view body,
                   api::Strictness strictness,
                   api::DecodeReport& report) {
  Result<> read = api::decode_json(type, object, body, strictness, &report);
  INSULA_TRY_VOID(check_says_what_it_is(type, report, body));
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
      auto value = json::parse_yaml_document(body);
      if (!value) return std::unexpected(api::unrecognized(type, value.error(), body));
      const Result<> read = api::decode_json(type, object.get(), *value, strictness, &report);
      INSULA_TRY_VOID(check_says_what_it_is(type, report, body));
      INSULA_TRY_VOID(read);
      return object;
    }
  }
  return object;
}

}  // namespace insula::apiserver
