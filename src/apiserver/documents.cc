#include "apiserver/documents.h"

#include <utility>

#include "api/discovery.h"
#include "api/openapi.h"
#include "api/openapi_v2.h"
#include "apiserver/negotiation.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

std::optional<Document> json_document(std::optional<std::string> body) {
  if (!body) return std::nullopt;
  return Document{*std::move(body)};
}

std::string root_document() {
  return json::write(json::Object{
      {"paths", json::Array{"/api", "/api/v1", "/apis", "/healthz", "/livez", "/metrics",
                            "/openapi/v2", "/openapi/v3", "/readyz", "/version"}}});
}

}  // namespace

std::optional<Document> api_document(std::string_view path, std::string_view accept) {
  while (path.size() > 1 && path.ends_with('/'))
    path.remove_suffix(1);
  if (path == "/") return Document{root_document()};
  if (path == "/openapi/v2") {
    const bool protobuf = accept.find(api::kOpenApiV2ProtobufAccept) != accept.npos ||
                          accept.find(api::kOpenApiV2Protobuf) != accept.npos;
    return protobuf ? Document{api::openapi_v2_protobuf(), std::string(api::kOpenApiV2Protobuf)}
                    : Document{api::openapi_v2_json()};
  }
  if (path == "/openapi/v3") return Document{api::openapi_index()};
  constexpr std::string_view kOpenApi = "/openapi/v3/";
  if (path.starts_with(kOpenApi))
    return json_document(api::openapi_document(path.substr(kOpenApi.size())));
  const bool is_core = path == "/api";
  if (is_core || path == "/apis") {
    if (!wants_aggregated_discovery(accept))
      return Document{is_core ? api::core_versions() : api::group_list()};
    const auto root = is_core ? api::DiscoveryRoot::kApi : api::DiscoveryRoot::kApis;
    return Document{api::aggregated_discovery(root), std::string(api::kAggregatedDiscoveryType)};
  }
  constexpr std::string_view kCore = "/api/";
  if (path.starts_with(kCore))
    return json_document(api::resource_list("", path.substr(kCore.size())));
  constexpr std::string_view kGroups = "/apis/";
  if (!path.starts_with(kGroups)) return std::nullopt;
  const std::string_view group = path.substr(kGroups.size());
  const std::size_t slash = group.find('/');
  if (slash == std::string_view::npos) return json_document(api::group_document(group));
  return json_document(api::resource_list(group.substr(0, slash), group.substr(slash + 1)));
}

}  // namespace insula::apiserver
