#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace insula::apiserver {

/// A document that describes the API.
struct Document {
  std::string body;
  std::string content_type = "application/json";
};

/// Discovery and OpenAPI at a path (`/apis`, `/apis/apps/v1`, `/openapi/v3/api/v1`), in the form
/// that the Accept header asks for; nullopt when there is none.
[[nodiscard]] std::optional<Document> api_document(std::string_view path, std::string_view accept);

}  // namespace insula::apiserver
