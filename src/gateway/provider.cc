#include "gateway/provider.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "http/message.h"
#include "http/scan.h"

namespace insula::gateway {
namespace {

constexpr std::string_view kAnthropicVersion = "anthropic-version";
constexpr std::string_view kAnthropicVersionValue = "2023-06-01";

/// Headers of a request that are the client's to say, and of use to a provider.
constexpr std::array<std::string_view, 7> kRequestFields = {
    "accept",      "anthropic-beta",  "anthropic-version", "content-type",
    "openai-beta", "idempotency-key", "user-agent"};

/// Headers of a reply that say what it is. The connection's and the framing are the relay's matter.
constexpr std::array<std::string_view, 12> kReplyFields = {
    "cache-control",    "connection",     "content-disposition",
    "content-encoding", "content-length", "content-language",
    "content-type",     "date",           "keep-alive",
    "retry-after",      "trailer",        "transfer-encoding"};

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::any_of(
      names, [name](std::string_view known) { return http::token_is(name, known); });
}

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

Result<Provider> Provider::make(const ProviderConfig& config) {
  Provider provider;
  INSULA_TRY(provider.url_, http::Url::parse(config.base_url));
  if (provider.url_.scheme != "https" && provider.url_.scheme != "http")
    return fail(ErrorCode::kInvalid, "the base URL is neither https nor http");
  provider.authority_ = provider.url_.authority();
  const std::string_view target = provider.url_.target;
  const std::size_t mark = target.find('?');
  provider.path_ = target.substr(0, mark);
  if (mark != target.npos) provider.query_ = target.substr(mark + 1);
  while (provider.path_.ends_with('/'))
    provider.path_.pop_back();
  if (!http::is_field_value(config.key))
    return fail(ErrorCode::kInvalid, "its key has characters that no header may have");
  if (!config.key.empty()) {
    const bool bearer = http::equals_ignoring_case(config.key_header, "authorization");
    append_line(provider.own_lines_, config.key_header,
                bearer ? "Bearer " + config.key : config.key);
  }
  provider.wants_anthropic_version_ = http::equals_ignoring_case(config.key_header, "x-api-key");
  for (const auto& [name, value] : config.headers) {
    if (!http::is_token(name) || !http::is_field_value(value))
      return fail(ErrorCode::kInvalid, fmt::format("its header {} cannot be sent", name));
    append_line(provider.own_lines_, name, value);
    provider.own_names_.push_back(name);
  }
  return provider;
}

bool Provider::sets(std::string_view name) const {
  return std::ranges::any_of(
      own_names_, [name](const std::string& own) { return http::equals_ignoring_case(own, name); });
}

std::string Provider::target_of(std::string_view rest) const {
  if (query_.empty()) return path_ + std::string(rest);
  const char joint = rest.contains('?') ? '&' : '?';
  return fmt::format("{}{}{}{}", path_, rest, joint, query_);
}

void ProviderRequest::take(const http::RequestHead& head, const TenantTarget& target) {
  constexpr std::string_view kVersion = "/v1";
  method_ = head.method;
  rest_ = target.target.substr(kVersion.size());
  fields_.clear();
  for (const http::Field& field : head.fields()) {
    if (is_one_of(kRequestFields, field.name) && !http::is_hop_by_hop(head, field))
      fields_.emplace_back(field.name, field.value);
  }
}

void ProviderRequest::write_head(std::string& out, const Provider& provider) const {
  out.append(method_).append(" ").append(provider.target_of(rest_)).append(" HTTP/1.1\r\n");
  bool says_version = provider.sets(kAnthropicVersion);
  for (const auto& [name, value] : fields_) {
    if (provider.sets(name)) continue;
    append_line(out, name, value);
    says_version = says_version || http::equals_ignoring_case(name, kAnthropicVersion);
  }
  out.append(provider.own_lines());
  if (provider.wants_anthropic_version() && !says_version)
    append_line(out, kAnthropicVersion, kAnthropicVersionValue);
  append_line(out, "Accept-Encoding", "identity");
}

void keep_reply_fields(http::ResponseHead& head) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < head.field_count; ++i) {
    if (is_one_of(kReplyFields, head.table[i].name)) head.table[kept++] = head.table[i];
  }
  head.field_count = kept;
}

bool is_refused_by_provider(int status) {
  return status == 401 || status == 403 || status == 407 || (status >= 300 && status < 400);
}

}  // namespace insula::gateway
