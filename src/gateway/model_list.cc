#include "gateway/model_list.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "http/url.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::gateway {
namespace {

/// Names that an error lists.
constexpr std::size_t kNamesShown = 20;

json::Object to_object(const Tenant& tenant, std::string_view model) {
  return {{"id", std::string(model)},
          {"object", "model"},
          {"created", tenant.created},
          {"owned_by", tenant.name}};
}

std::vector<std::string_view> names_of(const Tenant& tenant) {
  std::vector<std::string_view> names;
  for (const ModelRoute& model : tenant.models.list())
    names.emplace_back(model.name);
  return names;
}

/// Those that a caller sees. Where the tenant has no list, a key's own models are all that is
/// known.
std::vector<std::string_view> names_for(const Tenant& tenant, const ApiKeyGrant* grant) {
  if (grant == nullptr || grant->models.empty()) return names_of(tenant);
  if (tenant.models.empty()) return {grant->models.begin(), grant->models.end()};
  std::vector<std::string_view> names = names_of(tenant);
  std::erase_if(names, [grant](std::string_view name) { return !grant->allows(name); });
  return names;
}

std::unexpected<Error> not_among(std::vector<std::string_view> names, std::string_view name) {
  if (names.size() > kNamesShown) {
    names.resize(kNamesShown);
    names.emplace_back("...");
  }
  return fail(ErrorCode::kNotFound, fmt::format("there is no model {}; this tenant has {}", name,
                                                fmt::join(names, ", ")));
}

}  // namespace

bool has_model_list(const Tenant& tenant, const ApiKeyGrant* grant) {
  return !tenant.models.empty() || (grant != nullptr && !grant->models.empty());
}

std::unexpected<Error> no_such_model(const Tenant& tenant, std::string_view name) {
  return not_among(names_of(tenant), name);
}

Result<std::string> list_models(const Tenant& tenant,
                                const ApiKeyGrant* grant,
                                std::string_view name) {
  std::vector<std::string_view> names = names_for(tenant, grant);
  if (!name.empty()) {
    const std::string decoded = http::percent_decode(name).value_or(std::string(name));
    if (std::ranges::find(names, decoded) == names.end())
      return not_among(std::move(names), decoded);
    return json::write(to_object(tenant, decoded)) + "\n";
  }
  json::Array data;
  for (const std::string_view model : names)
    data.emplace_back(to_object(tenant, model));
  return json::write(json::Object{{"object", "list"}, {"data", std::move(data)}}) + "\n";
}

}  // namespace insula::gateway
