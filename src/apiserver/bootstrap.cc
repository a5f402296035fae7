#include "apiserver/bootstrap.h"

#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "api/gen/core_v1.h"

namespace insula::apiserver {

namespace {

using namespace std::string_view_literals;

constexpr std::array kNamespaces = {"default"sv, "kube-system"sv, "kube-public"sv,
                                    "kube-node-lease"sv, "insula-system"sv};

}  // namespace

Task<Result<>> ensure_system_objects(Registry& registry) {
  const api::Kind& kind = api::kind_of<api::Namespace>();
  for (const std::string_view name : kNamespaces) {
    if (registry.get({&kind, "", std::string(name), ""})) continue;
    auto made = std::make_shared<api::Namespace>();
    made->metadata.name = name;
    Target target{&kind, "", "", ""};
    INSULA_CO_TRY_VOID(
        co_await registry.create(std::move(target), std::move(made), WriteContext()));
  }
  co_return Result<>{};
}

}  // namespace insula::apiserver
