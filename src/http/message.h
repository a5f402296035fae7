#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace insula::http {

/// Headers of one message, in order. Names compare without case and keep the spelling they were
/// given.
class Headers {
 public:
  struct Entry {
    std::string name;
    std::string value;

    bool operator==(const Entry&) const = default;
  };

  Headers() = default;
  /// As by add().
  Headers(std::initializer_list<Entry> entries);

  /// First value of that name; nullopt when absent.
  /// Lifetime: the view is valid until the headers change.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;

  /// find() or the empty string.
  [[nodiscard]] std::string_view get(std::string_view name) const;

  [[nodiscard]] bool contains(std::string_view name) const { return find(name).has_value(); }

  /// True when one of the comma-separated values of that name is `token`, in any case.
  [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const;

  /// Appends, keeping others of that name. Control characters in `value` become spaces: text from
  /// elsewhere cannot begin a header of its own. Requires: `name` is a token.
  void add(std::string_view name, std::string_view value);

  /// Replaces all of that name by one.
  void set(std::string_view name, std::string_view value);

  /// Removes all of that name; returns how many.
  std::size_t remove(std::string_view name);

  void clear() { entries_.clear(); }

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  [[nodiscard]] bool empty() const { return entries_.empty(); }

  [[nodiscard]] auto begin() const { return entries_.begin(); }

  [[nodiscard]] auto end() const { return entries_.end(); }

  bool operator==(const Headers&) const = default;

 private:
  std::vector<Entry> entries_;
};

/// True when `value` may be sent as a header value: no control characters but tabs.
[[nodiscard]] bool is_field_value(std::string_view value);

/// A request as a value, the same for HTTP/1 and HTTP/2 (whose :authority stands as the Host
/// header).
struct Request {
  std::string method = "GET";
  /// Path and query, as on the wire.
  std::string target = "/";
  Headers headers;
  std::string body;

  /// Before '?', not decoded.
  [[nodiscard]] std::string_view path() const;
  /// Decoded value of the first query parameter of that name.
  [[nodiscard]] std::optional<std::string> query(std::string_view name) const;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;

  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
};

/// Response with a body and its Content-Type.
[[nodiscard]] Response make_response(int status, std::string_view content_type, std::string body);

/// Standard phrase of a status: "Not Found"; empty when there is none.
[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace insula::http
