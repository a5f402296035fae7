#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/time.h"
#include "base/clock.h"
#include "base/error.h"
#include "gateway/limits.h"

namespace insula::gateway {

/// The two parts of `ins_<id>_<secret>`. Views into the text that was parsed.
struct ApiKeyText {
  std::string_view id;
  std::string_view secret;
};

inline constexpr std::string_view kApiKeyPrefix = "ins_";
inline constexpr std::size_t kApiKeyIdLength = 10;
inline constexpr std::size_t kApiKeySecretLength = 32;

/// Nothing when `text` does not have the form of a key: 10 and 32 characters of [0-9A-Za-z].
[[nodiscard]] std::optional<ApiKeyText> parse_api_key(std::string_view text);

/// Whether something in `text` has that form.
[[nodiscard]] bool holds_api_key(std::string_view text);

/// `text` with asterisks in place of the secret part of each key in it, for logs.
[[nodiscard]] std::string without_secrets(std::string_view text);

/// What an API key opens.
struct ApiKeyGrant {
  std::string tenant;
  api::Time expires;                // zero: never
  std::vector<std::string> models;  // empty: all
  Limits limits;                    // beside those of the tenant

  [[nodiscard]] bool allows(std::string_view model) const;
};

/// What is kept of an API key.
struct ApiKeyRecord {
  ApiKeyGrant grant;
  /// SHA-256 of the secret part, 32 bytes.
  std::string hash;
};

/// By key id.
class ApiKeys {
 public:
  /// `hash_hex`: 64 hexadecimal digits. Errors: kInvalid for anything else.
  Result<> add(std::string id, std::string_view hash_hex, ApiKeyGrant grant);

  /// The grant of a presented key. Takes the same time whether the id or the secret is wrong.
  /// Errors: kUnauthenticated.
  [[nodiscard]] Result<const ApiKeyGrant*> verify(const ApiKeyText& key, WallTime now) const;

  [[nodiscard]] std::size_t size() const { return records_.size(); }

  struct TextHash {
    // NOLINTNEXTLINE(readability-identifier-naming): the name the containers look for
    using is_transparent = void;

    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };

  using Records = std::unordered_map<std::string, ApiKeyRecord, TextHash, std::equal_to<>>;

  [[nodiscard]] const Records& records() const { return records_; }

 private:
  Records records_;
};

}  // namespace insula::gateway
