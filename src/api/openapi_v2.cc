#include "api/openapi_v2.h"

#include <cstdint>

#include "api/protobuf_wire.h"
#include "base/version.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::api {
namespace {

constexpr std::string_view kSwagger = "2.0";
constexpr std::string_view kTitle = "Insula";

// Numbers of fields of gnostic's Document and Info.
constexpr std::uint32_t kDocumentSwagger = 1;
constexpr std::uint32_t kDocumentInfo = 2;
constexpr std::uint32_t kDocumentPaths = 8;
constexpr std::uint32_t kInfoTitle = 1;
constexpr std::uint32_t kInfoVersion = 2;

}  // namespace

std::string openapi_v2_json() {
  return json::write(json::Object{
      {"swagger", std::string(kSwagger)},
      {"info", json::Object{{"title", std::string(kTitle)}, {"version", std::string(version())}}},
      {"paths", json::Object{}}});
}

std::string openapi_v2_protobuf() {
  std::string info;
  wire::append_bytes_field(info, kInfoTitle, kTitle);
  wire::append_bytes_field(info, kInfoVersion, version());
  std::string document;
  wire::append_bytes_field(document, kDocumentSwagger, kSwagger);
  wire::append_bytes_field(document, kDocumentInfo, info);
  wire::append_bytes_field(document, kDocumentPaths, {});
  return document;
}

}  // namespace insula::api
