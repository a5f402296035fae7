#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/refusal.h"

namespace insula::http {

/// What a client sends over one connection before it closes its side, and how it must be
/// understood.
///
/// Requests that are understood ask for paths below `/t/v1/`.
struct Http1Case {
  std::string name;
  std::string bytes;
  /// Each as `METHOD TARGET|BODY`.
  std::vector<std::string> requests;
  /// Of what comes after them; kNone: nothing is refused.
  Refusal refusal = Refusal::kNone;
};

/// Where servers and proxies have been found to differ: a reader that takes another view of these
/// than the one behind it can be made to see other requests than that one (RFC 9112 section 11.2).
///
/// `fields`: lines that each request which is understood has besides its own.
/// Sources: RFC 9110, RFC 9112, the bugs that the HTTP Garden lists.
[[nodiscard]] std::vector<Http1Case> http1_cases(std::string_view fields = {});

/// The requests of a connection, as the parser and the framer read them from `pieces`.
struct Http1Reading {
  std::vector<std::string> requests;
  Refusal refusal = Refusal::kNone;

  bool operator==(const Http1Reading&) const = default;
};

[[nodiscard]] Http1Reading read_http1(const std::vector<std::string_view>& pieces);

}  // namespace insula::http
