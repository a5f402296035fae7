#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "gateway/message_text.h"
#include "gateway/provider_config.h"
#include "http/parser.h"
#include "http/url.h"

namespace insula::gateway {

/// How requests to a provider are written.
///
/// Threads: shared freely once made.
class Provider {
 public:
  /// Errors: kInvalid, without the key, for a URL, header or key that cannot be sent.
  static Result<Provider> make(const ProviderConfig& config);

  /// Its Host header.
  [[nodiscard]] const std::string& authority() const { return authority_; }

  [[nodiscard]] const http::Url& url() const { return url_; }

  /// The target of a request for `/v1` and `rest`, which may have a query.
  [[nodiscard]] std::string target_of(std::string_view rest) const;

  /// Header lines with its key and what else the configuration says.
  [[nodiscard]] std::string_view own_lines() const { return own_lines_; }

  /// Whether it has a header of this name in any case: then the client has no say in it.
  [[nodiscard]] bool sets(std::string_view name) const;

  /// What an Anthropic-style API wants of a client that did not say which version it speaks.
  [[nodiscard]] bool wants_anthropic_version() const { return wants_anthropic_version_; }

 private:
  http::Url url_;
  std::string authority_;
  std::string path_;   // without a slash at its end
  std::string query_;  // without its mark
  std::string own_lines_;
  std::vector<std::string> own_names_;
  bool wants_anthropic_version_ = false;
};

/// What of a client's request a provider is sent: method, path and the few headers that say what is
/// asked for. Who the client is, and how it came here, stays here.
class ProviderRequest {
 public:
  /// Keeps what it needs: `head` and `target` may go.
  void take(const http::RequestHead& head, const TenantTarget& target);

  /// Writes its head for this provider, up to and without Content-Length and the empty line.
  void write_head(std::string& out, const Provider& provider) const;

 private:
  std::string method_;
  std::string rest_;  // of the target, without /v1
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// Leaves the fields that say what a provider's reply is: not those that tell of the platform's
/// account, set cookies or speak for another host.
void keep_reply_fields(http::ResponseHead& head);

/// Whether such a reply says that the provider does not take the platform's own credential, or is
/// elsewhere: nothing that a client could mend.
[[nodiscard]] bool is_refused_by_provider(int status);

}  // namespace insula::gateway
