#include "http/message.h"

#include <algorithm>

#include "base/check.h"
#include "http/scan.h"
#include "http/url.h"

namespace insula::http {

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
  const char* end = value.data() + value.size();
  return find_value_end(value.data(), end) == end;
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
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "";
  }
}

}  // namespace insula::http
