#include "gateway/header_edits_config.h"

#include <string_view>

#include "gateway/json_members.h"

namespace insula::gateway {
namespace {

using Headers = HeaderEditsConfig::Headers;

json::Value list_of(const Headers& headers) {
  json::Array array;
  for (const auto& [name, value] : headers)
    array.push_back(json::Object{{"name", name}, {"value", value}});
  return array;
}

Headers headers_in(const json::Object& object, std::string_view key) {
  Headers headers;
  for_each_object(object, key, [&](const json::Object& header) {
    headers.emplace_back(string_in(header, "name"), string_in(header, "value"));
  });
  return headers;
}

}  // namespace

json::Value to_value(const HeaderEditsConfig& edits) {
  return json::Object{{"set", list_of(edits.set)},
                      {"add", list_of(edits.add)},
                      {"remove", strings_to_json(edits.remove)}};
}

HeaderEditsConfig header_edits_from(const json::Object& object) {
  return {.set = headers_in(object, "set"),
          .add = headers_in(object, "add"),
          .remove = strings_in(object, "remove")};
}

}  // namespace insula::gateway
