#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "api/custom/kind_catalog.h"

namespace insula::apiserver {

/// A document that describes the API.
struct Document {
  std::string body;
  std::string content_type = "application/json";
  /// Of the body, in quotes; empty where a client has nothing to keep.
  std::string etag = {};
  std::string_view cache_control = "no-cache, private";
  /// Where this content is and never another one; empty where there is no such place.
  std::string permanent_url = {};
};

using DocumentPtr = std::shared_ptr<const Document>;

/// Whether an If-None-Match header names an ETag, or is `*`.
[[nodiscard]] bool names_etag(std::string_view if_none_match, std::string_view etag);

/// Discovery and OpenAPI. The documents of OpenAPI, which take milliseconds and megabytes to build,
/// and those of aggregated discovery have an ETag and are kept once somebody has asked for them,
/// until the kinds change.
///
/// Lifetime: the catalog outlives it. Threads: one loop.
class ApiDocuments {
 public:
  explicit ApiDocuments(api::KindCatalog& kinds) : kinds_(kinds) {}

  /// The document at a path (`/apis`, `/apis/apps/v1`, `/openapi/v3/api/v1`), in the form that the
  /// Accept header asks for; null when there is none.
  [[nodiscard]] DocumentPtr find(std::string_view path, std::string_view accept);

 private:
  DocumentPtr openapi(std::string_view path, std::string_view accept);
  DocumentPtr aggregated(std::string_view path);
  [[nodiscard]] DocumentPtr kept(const std::string& name) const;
  DocumentPtr keep(const std::string& name, Document document);

  api::KindCatalog& kinds_;
  std::uint64_t generation_ = 0;  // of the kinds, when the documents were made
  std::map<std::string, DocumentPtr> kept_;
};

}  // namespace insula::apiserver
