#include "apiserver/documents.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "api/discovery.h"
#include "api/openapi.h"
#include "api/openapi_v2.h"
#include "apiserver/negotiation.h"
#include "base/check.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

DocumentPtr json_document(std::optional<std::string> body) {
  if (!body) return nullptr;
  return std::make_shared<Document>(*std::move(body));
}

std::string etag_of(std::string_view content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  INSULA_CHECK(
      EVP_Digest(content.data(), content.size(), digest.data(), &size, EVP_sha512(), nullptr) == 1);
  std::string out = "\"";
  for (const unsigned char byte : std::span(digest).first(size))
    out += fmt::format("{:02X}", byte);
  return out + '"';
}

std::string root_document() {
  return json::write(
      json::Object{{"paths", json::Array{"/.well-known/openid-configuration", "/api", "/api/v1",
                                         "/apis", "/healthz", "/healthz/ping", "/livez",
                                         "/livez/ping", "/metrics", "/openapi/v2", "/openapi/v3",
                                         "/openid/v1/jwks", "/readyz", "/readyz/controllers",
                                         "/readyz/ping", "/readyz/storage", "/version"}}});
}

/// The name under which the OpenAPI document at a path is kept: with the form, where it has two.
std::string kept_name(std::string_view path, bool protobuf) {
  return std::string(path) + (protobuf ? "#protobuf" : "");
}

}  // namespace

bool names_etag(std::string_view if_none_match, std::string_view etag) {
  while (!if_none_match.empty()) {
    const std::size_t end = std::min(if_none_match.find(','), if_none_match.size());
    std::string_view one = if_none_match.substr(0, end);
    if_none_match.remove_prefix(std::min(end + 1, if_none_match.size()));
    while (one.starts_with(' '))
      one.remove_prefix(1);
    while (one.ends_with(' '))
      one.remove_suffix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == etag || one == "*") return true;
  }
  return false;
}

DocumentPtr ApiDocuments::kept(const std::string& name) const {
  const auto found = kept_.find(name);
  return found == kept_.end() ? nullptr : found->second;
}

DocumentPtr ApiDocuments::keep(const std::string& name, Document document) {
  document.etag = etag_of(document.body);
  return kept_[name] = std::make_shared<const Document>(std::move(document));
}

DocumentPtr ApiDocuments::openapi(std::string_view path, std::string_view accept) {
  const bool v2 = path == "/openapi/v2";
  const bool protobuf = v2 && (accept.find(api::kOpenApiV2ProtobufAccept) != accept.npos ||
                               accept.find(api::kOpenApiV2Protobuf) != accept.npos);
  const api::KindList served = kinds_.served();
  const std::string name = kept_name(path, protobuf);
  if (DocumentPtr known = kept(name)) return known;
  if (v2) {
    const json::Value document = api::openapi_v2(served);
    keep(kept_name(path, false), {json::write(document)});
    keep(kept_name(path, true),
         {api::openapi_v2_protobuf(document), std::string(api::kOpenApiV2Protobuf)});
    return kept(name);
  }
  if (path == "/openapi/v3") return json_document(api::openapi_index(served));
  constexpr std::string_view kVersion3 = "/openapi/v3/";
  if (!path.starts_with(kVersion3)) return nullptr;
  // Only paths that exist are kept, so clients cannot make it grow.
  const std::string group(path.substr(kVersion3.size()));
  auto body = api::openapi_document(group, served);
  if (!body) return nullptr;
  Document document{*std::move(body)};
  document.permanent_url = api::openapi_urls(served).at(group);
  return keep(name, std::move(document));
}

DocumentPtr ApiDocuments::aggregated(std::string_view path) {
  const std::string name = std::string(path) + "#aggregated";
  if (DocumentPtr known = kept(name)) return known;
  const auto root = path == "/api" ? api::DiscoveryRoot::kApi : api::DiscoveryRoot::kApis;
  Document document{api::aggregated_discovery(root, kinds_.served()),
                    std::string(api::kAggregatedDiscoveryType)};
  document.cache_control = "public";
  return keep(name, std::move(document));
}

DocumentPtr ApiDocuments::find(std::string_view path, std::string_view accept) {
  while (path.size() > 1 && path.ends_with('/'))
    path.remove_suffix(1);
  if (path == "/") return json_document(root_document());
  const api::KindList served = kinds_.served();
  if (std::exchange(generation_, kinds_.generation()) != kinds_.generation()) kept_.clear();
  if (path.starts_with("/openapi/")) return openapi(path, accept);
  const bool is_core = path == "/api";
  if (is_core || path == "/apis") {
    if (wants_aggregated_discovery(accept)) return aggregated(path);
    return json_document(is_core ? api::core_versions(served) : api::group_list(served));
  }
  constexpr std::string_view kCore = "/api/";
  if (path.starts_with(kCore))
    return json_document(api::resource_list("", path.substr(kCore.size()), served));
  constexpr std::string_view kGroups = "/apis/";
  if (!path.starts_with(kGroups)) return nullptr;
  const std::string_view group = path.substr(kGroups.size());
  const std::size_t slash = group.find('/');
  if (slash == std::string_view::npos) return json_document(api::group_document(group, served));
  return json_document(api::resource_list(group.substr(0, slash), group.substr(slash + 1), served));
}

}  // namespace insula::apiserver
