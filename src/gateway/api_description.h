#pragma once

#include <span>
#include <string>
#include <string_view>

namespace insula::gateway {

/// Where the gateway says what its API is, to everybody.
inline constexpr std::string_view kDescriptionPath = "/openapi.json";

/// An OpenAPI 3.1 document of the gateway's own part of its API: the paths it takes, who may call
/// them, what of a request it reads, its headers and its errors. It is made from the tables that
/// the gateway itself works by (llm::known_paths(), api_errors()). What a model server answers is
/// that server's to describe. Made when it is first asked for, and kept. Threads: any.
[[nodiscard]] const std::string& api_description();

/// A header of the gateway's own in its replies.
struct ReplyHeaderWords {
  std::string_view name;
  std::string_view meaning;
  /// The only one that it comes with; 0: it may come with any.
  int status = 0;
  int other_status = 0;
};

[[nodiscard]] std::span<const ReplyHeaderWords> reply_headers();

}  // namespace insula::gateway
