#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "api/custom/kind_catalog.h"

namespace insula::apiserver {

/// A document that describes the API.
struct Document {
  std::string body;
  std::string content_type = "application/json";
};

/// Discovery and OpenAPI. The documents of OpenAPI, which take milliseconds and megabytes to build,
/// are kept once somebody has asked for them, until the kinds change.
///
/// Lifetime: the catalog outlives it. Threads: one loop.
class ApiDocuments {
 public:
  explicit ApiDocuments(api::KindCatalog& kinds) : kinds_(kinds) {}

  /// The document at a path (`/apis`, `/apis/apps/v1`, `/openapi/v3/api/v1`), in the form that the
  /// Accept header asks for; nullopt when there is none.
  [[nodiscard]] std::optional<Document> find(std::string_view path, std::string_view accept);

 private:
  std::optional<Document> openapi(std::string_view path, std::string_view accept);

  api::KindCatalog& kinds_;
  std::uint64_t generation_ = 0;  // of the kinds, when the documents were made
  std::map<std::string, Document> kept_;
};

}  // namespace insula::apiserver
