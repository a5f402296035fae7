#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/error.h"

namespace insula::jose {

/// The header or the payload (`part`) of a token: a JSON object whose members are unique, for with
/// two `alg` or `iss` two readers could disagree. Errors: kUnauthenticated.
/// Lifetime: the object is valid until the parser's next use.
inline Result<simdjson::dom::object> parse_object(simdjson::dom::parser& parser,
                                                  const std::string& text,
                                                  std::string_view part) {
  simdjson::dom::object object;
  if (parser.parse(text).get_object().get(object) != simdjson::SUCCESS) {
    return fail(ErrorCode::kUnauthenticated, fmt::format("token's {} is not a JSON object", part));
  }
  std::vector<std::string_view> names;
  names.reserve(object.size());
  for (const simdjson::dom::key_value_pair member : object) {
    names.push_back(member.key);
  }
  std::ranges::sort(names);
  if (std::ranges::adjacent_find(names) != names.end()) {
    return fail(ErrorCode::kUnauthenticated, fmt::format("token's {} has a member twice", part));
  }
  return object;
}

}  // namespace insula::jose
