#include "gateway/model_list.h"

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "http/url.h"
#include "json/value.h"
#include "json/write.h"

namespace insula::gateway {
namespace {

/// Names that an error lists.
constexpr std::size_t kNamesShown = 20;

json::Object to_object(const Tenant& tenant, const ModelRoute& model) {
  return {{"id", model.name},
          {"object", "model"},
          {"created", tenant.created},
          {"owned_by", tenant.name}};
}

}  // namespace

std::unexpected<Error> no_such_model(const Tenant& tenant, std::string_view name) {
  std::vector<std::string_view> names;
  for (const ModelRoute& model : tenant.models.list()) {
    if (names.size() == kNamesShown) {
      names.emplace_back("...");
      break;
    }
    names.push_back(model.name);
  }
  return fail(ErrorCode::kNotFound, fmt::format("there is no model {}; this tenant has {}", name,
                                                fmt::join(names, ", ")));
}

Result<std::string> list_models(const Tenant& tenant,
                                const ApiKeyGrant* grant,
                                std::string_view name) {
  const auto is_shown = [&](const ModelRoute& model) {
    return grant == nullptr || grant->allows(model.name);
  };
  if (!name.empty()) {
    const std::string decoded = http::percent_decode(name).value_or(std::string(name));
    const ModelRoute* model = tenant.models.find(decoded);
    if (model == nullptr || !is_shown(*model)) return no_such_model(tenant, decoded);
    return json::write(to_object(tenant, *model)) + "\n";
  }
  json::Array data;
  for (const ModelRoute& model : tenant.models.list()) {
    if (is_shown(model)) data.emplace_back(to_object(tenant, model));
  }
  return json::write(json::Object{{"object", "list"}, {"data", std::move(data)}}) + "\n";
}

}  // namespace insula::gateway
