#include "http/message.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "http/scan.h"
#include "http/url.h"

namespace insula::http {
namespace {

struct Reason {
  int status;
  std::string_view phrase;
};

constexpr std::array kReasons = std::to_array<Reason>({
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
});

}  // namespace

Headers::Headers(std::initializer_list<Entry> entries) {
  entries_.reserve(entries.size());
  for (const Entry& entry : entries)
    add(entry.name, entry.value);
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (equals_ignoring_case(entry.name, name)) return entry.value;
  }
  return std::nullopt;
}

std::string_view Headers::get(std::string_view name) const {
  return find(name).value_or(std::string_view{});
}

bool Headers::has_token(std::string_view name, std::string_view token) const {
  for (const Entry& entry : entries_) {
    if (!equals_ignoring_case(entry.name, name)) continue;
    std::string_view list = entry.value;
    for (auto element = next_element(list); !element.empty(); element = next_element(list)) {
      if (equals_ignoring_case(element, token)) return true;
    }
  }
  return false;
}

void Headers::add(std::string_view name, std::string_view value) {
  INSULA_CHECK(is_token(name), name);
  Entry& entry = entries_.emplace_back(std::string(name), std::string(value));
  char* end = entry.value.data() + entry.value.size();
  for (char* bad = entry.value.data();; *bad = ' ') {
    bad += find_value_end(bad, end) - bad;
    if (bad == end) return;
  }
}

void Headers::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

std::size_t Headers::remove(std::string_view name) {
  return std::erase_if(entries_,
                       [&](const Entry& entry) { return equals_ignoring_case(entry.name, name); });
}

bool is_field_value(std::string_view value) {
  return find_value_end(value.begin(), value.end()) == value.end();
}

std::string_view Request::path() const {
  return target_path(target);
}

std::optional<std::string> Request::query(std::string_view name) const {
  return query_value(target_query(target), name);
}

Response make_response(int status, std::string_view content_type, std::string body) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", content_type);
  response.body = std::move(body);
  return response;
}

std::string_view reason_phrase(int status) {
  for (const auto& [code, phrase] : kReasons) {
    if (code == status) return phrase;
  }
  return {};
}

}  // namespace insula::http
