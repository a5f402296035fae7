#include "apiserver/request_audit.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "json/parse.h"
#include "json/value.h"
#include "json/write.h"
#include "net/address.h"

namespace insula::apiserver {

namespace {

constexpr std::size_t kIdBytesMax = 64;
constexpr std::size_t kUserAgentBytesMax = 1024;
constexpr std::size_t kForwardedMax = 32;
/// A Status begins so, wherever it is made.
constexpr std::string_view kStatusBegin = R"({"kind":"Status","apiVersion":"v1",)";

void append_member(std::string& out, std::string_view key, std::string_view text) {
  out += ',';
  json::append_string(out, key);
  out += ':';
  json::append_string(out, text);
}

void append_texts(std::string& out, const std::vector<std::string>& texts) {
  out += '[';
  bool first = true;
  for (const std::string& text : texts) {
    if (!std::exchange(first, false)) out += ',';
    json::append_string(out, text);
  }
  out += ']';
}

/// Spec: authentication.k8s.io/v1 UserInfo.
void append_user(std::string& out, const User& user) {
  // A comma stands before every member; the first one's becomes the brace.
  const std::size_t begin = out.size();
  if (!user.name.empty()) append_member(out, "username", user.name);
  if (!user.uid.empty()) append_member(out, "uid", user.uid);
  if (!user.groups.empty()) {
    out += R"(,"groups":)";
    append_texts(out, user.groups);
  }
  if (!user.extra.empty()) {
    out += R"(,"extra":)";
    const std::size_t extra = out.size();
    for (const auto& [key, values] : user.extra) {
      out += ',';
      json::append_string(out, key);
      out += ':';
      append_texts(out, values);
    }
    out[extra] = '{';
    out += '}';
  }
  if (out.size() == begin)
    out += '{';
  else
    out[begin] = '{';
  out += '}';
}

std::string_view without_blanks_at_end(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

void erase_managed_fields(json::Value& object) {
  if (json::Value* metadata = object.find("metadata")) {
    if (json::Object* members = metadata->as_object()) members->erase("managedFields");
  }
}

/// Of an object, a list and a table's rows.
std::string without_managed_fields(const std::string& text) {
  auto parsed = json::parse(text);
  if (!parsed) return text;
  erase_managed_fields(*parsed);
  for (const char* list : {"items", "rows"}) {
    json::Value* items = parsed->find(list);
    if (items == nullptr || items->as_array() == nullptr) continue;
    for (json::Value& item : *items->as_array()) {
      if (json::Value* object = item.find("object"); object != nullptr)
        erase_managed_fields(*object);
      else
        erase_managed_fields(item);
    }
  }
  return json::write(*parsed);
}

std::string shown_user_agent(std::string_view text) {
  if (text.size() <= kUserAgentBytesMax) return std::string(text);
  return std::string(text.substr(0, kUserAgentBytesMax)) + "...TRUNCATED";
}

/// Without the brackets that a port would need.
std::string address_text(const net::Address& address) {
  std::string host = address.host();
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return host;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

std::string audit_id_of(const http::Headers& headers, Random& random) {
  const std::string_view given = headers.get("Audit-ID");
  const bool fits =
      !given.empty() && given.size() <= kIdBytesMax &&
      std::ranges::all_of(given, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  return fits ? std::string(given) : random_uuid(random);
}

std::vector<std::string> source_addresses(const http::Headers& headers, const net::Address& peer) {
  std::vector<std::string> out;
  const auto add = [&](std::string_view text) {
    const auto address = net::Address::ip(text, 0);
    if (!address || out.size() >= kForwardedMax) return;
    std::string host = address_text(*address);
    if (std::ranges::find(out, host) == out.end()) out.push_back(std::move(host));
  };
  for (std::string_view rest = headers.get("X-Forwarded-For"); !rest.empty();) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    add(trimmed(rest.substr(0, comma)));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  add(trimmed(headers.get("X-Real-Ip")));
  const std::string host = peer.is_unix() ? std::string() : address_text(peer);
  if (!host.empty() && (out.empty() || out.back() != host)) out.push_back(host);
  return out;
}

RequestAudit::RequestAudit(AuditSink& sink,
                           const Clock& clock,
                           AuditDecision decision,
                           Request request)
    : sink_(sink), clock_(clock), decision_(decision), request_(std::move(request)) {}

RequestAudit::~RequestAudit() {
  complete(code_);
}

void RequestAudit::received(const User& user) {
  user_ = user;
  write(AuditStage::kRequestReceived);
}

void RequestAudit::refused(std::string_view attempted, int status) {
  over_ = true;
  code_ = status;
  status_ = R"("metadata":{},"status":"Failure","message":)";
  json::append_string(status_, attempted);
  status_ += fmt::format(R"(,"reason":"Unauthorized","code":{}}})", status);
  write(AuditStage::kResponseStarted);
}

void RequestAudit::about(std::string name, std::string uid, std::string resource_version) {
  name_ = std::move(name);
  uid_ = std::move(uid);
  resource_version_ = std::move(resource_version);
}

std::string RequestAudit::kept(std::string_view json) {
  json = without_blanks_at_end(json);
  if (json.size() > kAuditedBodyBytesMax) {
    annotations_.emplace("audit.k8s.io/truncated", "true");
    return {};
  }
  std::string text(json);
  return decision_.omit_managed_fields ? without_managed_fields(text) : text;
}

void RequestAudit::request_object(std::string_view json) {
  if (wants_request()) request_object_ = kept(json);
}

void RequestAudit::answered(int status, std::string_view json) {
  constexpr int kLeastFailure = 400;
  if (status >= kLeastFailure && json.starts_with(kStatusBegin))
    status_ = without_blanks_at_end(json).substr(kStatusBegin.size());
  if (wants_response()) response_object_ = kept(json);
}

void RequestAudit::started(int status) {
  code_ = status;
  write(AuditStage::kResponseStarted);
}

void RequestAudit::complete(int status) {
  if (std::exchange(over_, true)) return;
  code_ = status;
  write(AuditStage::kResponseComplete);
}

void RequestAudit::write(AuditStage stage) {
  if (decision_.level == AuditLevel::kNone || decision_.omitted.contains(stage)) return;
  sink_.write(event(stage));
}

void RequestAudit::append_about(std::string& out) const {
  const RequestInfo& info = request_.info;
  if (!info.is_resource) return;
  out += R"(,"objectRef":)";
  const std::size_t begin = out.size();
  const auto add = [&out](std::string_view key, std::string_view text) {
    if (!text.empty()) append_member(out, key, text);
  };
  add("resource", info.resource);
  add("namespace", info.name_space);
  add("name", info.name.empty() ? name_ : info.name);
  add("uid", uid_);
  add("apiGroup", info.group);
  add("apiVersion", info.version);
  add("resourceVersion", resource_version_);
  add("subresource", info.subresource);
  out[begin] = '{';
  out += '}';
}

void RequestAudit::append_bodies(AuditStage stage, std::string& out) const {
  if (stage == AuditStage::kRequestReceived) return;
  if (!status_.empty()) {
    out += R"(,"responseStatus":{)" + status_;
  } else if (code_ != 0) {
    out += fmt::format(R"(,"responseStatus":{{"metadata":{{}},"code":{}}})", code_);
  }
  if (!request_object_.empty()) out += R"(,"requestObject":)" + request_object_;
  if (!response_object_.empty()) out += R"(,"responseObject":)" + response_object_;
}

std::string RequestAudit::event(AuditStage stage) const {
  constexpr std::size_t kUsualBytes = 1024;
  std::string out;
  out.reserve(kUsualBytes + request_object_.size() + response_object_.size());
  out += R"({"kind":"Event","apiVersion":"audit.k8s.io/v1")";
  append_member(out, "level", name_of(decision_.level));
  append_member(out, "auditID", request_.id);
  append_member(out, "stage", name_of(stage));
  append_member(out, "requestURI", request_.head.target);
  append_member(out, "verb", request_.info.verb);
  out += R"(,"user":)";
  append_user(out, user_);
  if (impersonated_) {
    out += R"(,"impersonatedUser":)";
    append_user(out, *impersonated_);
  }
  out += R"(,"sourceIPs":)";
  append_texts(out, source_addresses(request_.head.headers, request_.peer));
  if (const std::string agent = shown_user_agent(request_.head.headers.get("User-Agent"));
      !agent.empty())
    append_member(out, "userAgent", agent);
  append_about(out);
  append_bodies(stage, out);
  append_member(out, "requestReceivedTimestamp", api::MicroTime::from(request_.received).text());
  append_member(out, "stageTimestamp", api::MicroTime::from(clock_.wall()).text());
  if (!annotations_.empty() && stage != AuditStage::kRequestReceived) {
    out += R"(,"annotations":)";
    const std::size_t begin = out.size();
    for (const auto& [key, value] : annotations_)
      append_member(out, key, value);
    out[begin] = '{';
    out += '}';
  }
  out += '}';
  return out;
}

}  // namespace insula::apiserver
