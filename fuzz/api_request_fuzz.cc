#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "api/custom/kind_catalog.h"
#include "apiserver/documents.h"
#include "apiserver/negotiation.h"
#include "apiserver/request_info.h"
#include "apiserver/selector.h"
#include "base/check.h"
#include "http/url.h"

namespace {

using namespace insula;
using namespace insula::apiserver;

/// The path that says what was understood: it must be understood alike again, or authorisation and
/// the registry could look at different objects.
std::string path_of(const RequestInfo& info) {
  std::string path =
      info.group.empty() ? "/api/" : "/apis/" + http::percent_encode(info.group) + "/";
  path += http::percent_encode(info.version);
  if (!info.name_space.empty() && !(info.resource == "namespaces" && info.name == info.name_space))
    path += "/namespaces/" + http::percent_encode(info.name_space);
  for (const std::string& part : {info.resource, info.name, info.subresource}) {
    if (!part.empty()) path += "/" + http::percent_encode(part);
  }
  return path;
}

void check_path(std::string_view method, std::string_view target) {
  const auto info = parse_request_info(method, target);
  if (!info || !info->is_resource) return;
  INSULA_CHECK(info->resource != "namespaces" || info->name == info->name_space, target);
  if (!info->rest.empty()) return;
  const auto again =
      parse_request_info(method, path_of(*info) + "?" + std::string(http::target_query(target)));
  INSULA_CHECK(again, target);
  INSULA_CHECK(again->resource == info->resource && again->name == info->name &&
                   again->name_space == info->name_space &&
                   again->subresource == info->subresource && again->verb == info->verb &&
                   again->group == info->group,
               target);
}

}  // namespace

/// The first line is the method, the second the target; the rest serves as Accept header and
/// selectors.
extern "C" int LLVMFuzzerTestOneInput(
    const std::uint8_t* data,
    std::size_t size) {  // NOLINT(readability-identifier-naming): libFuzzer's name
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto line = [&rest] {
    const std::string_view out = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(out.size() + 1, rest.size()));
    return out;
  };
  const std::string_view method = line();
  const std::string_view target = line();
  check_path(method, target);
  (void)negotiate(rest);
  (void)body_format(rest);
  static api::BuiltInKinds kinds;
  static ApiDocuments documents(kinds);
  if (size < 4096) (void)documents.find(http::target_path(target), rest);
  const std::map<std::string, std::string> labels{{"app", "web"}, {"n", "7"}};
  if (const auto selector = LabelSelector::parse(rest)) (void)selector->matches(labels);
  if (const auto selector = FieldSelector::parse(rest))
    (void)selector->matches([](std::string_view) { return std::string("x"); });
  return 0;
}
