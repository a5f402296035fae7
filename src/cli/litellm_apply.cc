#include "cli/litellm_apply.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "cli/prices.h"
#include "cli/tenants.h"
#include "client/typed.h"

namespace insula::cli {
namespace {

void put_models(std::vector<api::TenantModel>& models, const std::vector<api::TenantModel>& more) {
  for (const api::TenantModel& model : more) {
    const auto known = std::ranges::find(models, model.name, &api::TenantModel::name);
    if (known == models.end()) {
      models.push_back(model);
    } else {
      *known = model;
    }
  }
}

void put_budget(api::TenantBudget& budget, const api::TenantBudget& given) {
  if (!given.spend_per_day.empty()) budget.spend_per_day = given.spend_per_day;
  if (!given.spend_per_month.empty()) budget.spend_per_month = given.spend_per_month;
}

Task<Result<>> add_secret(client::Client& client, api::Secret secret) {
  for (int attempt = 0;; ++attempt) {
    const std::string name_space = secret.metadata.namespace_;
    auto there = co_await client::get<api::Secret>(client, name_space, secret.metadata.name);
    if (!there && there.error().code() != ErrorCode::kNotFound)
      co_return std::unexpected(std::move(there).error());
    Result<api::Secret> written = secret;
    if (there) {
      for (const auto& [entry, value] : secret.data)
        there->data[entry] = value;
      written = co_await client::update(client, *std::move(there));
    } else {
      written = co_await client::create(client, secret);
    }
    if (written) co_return Result<>{};
    const ErrorCode code = written.error().code();
    const bool again = code == ErrorCode::kConflict || code == ErrorCode::kAlreadyExists;
    if (!again || attempt >= client::kConflictRetriesMax)
      co_return std::unexpected(std::move(written).error());
  }
}

Task<Result<>> add_to_tenant(client::Client& client, api::Tenant more) {
  for (int attempt = 0;; ++attempt) {
    INSULA_CO_TRY(api::Tenant there,
                  co_await client::get<api::Tenant>(client, "", more.metadata.name));
    put_models(there.spec.gateway.models, more.spec.gateway.models);
    put_budget(there.spec.gateway.budget, more.spec.gateway.budget);
    put_budget(there.spec.gateway.member_budget, more.spec.gateway.member_budget);
    const auto written = co_await client::update(client, std::move(there));
    if (written) co_return Result<>{};
    if (written.error().code() != ErrorCode::kConflict || attempt >= client::kConflictRetriesMax)
      co_return std::unexpected(written.error());
  }
}

}  // namespace

Task<Result<>> apply_litellm(client::Client& client, LitellmImport import, Deadline deadline) {
  INSULA_CO_TRY_VOID(co_await ensure_tenant(client, import.tenant, deadline));
  if (import.secret) INSULA_CO_TRY_VOID(co_await add_secret(client, *std::move(import.secret)));
  INSULA_CO_TRY_VOID(co_await add_to_tenant(client, std::move(import.tenant)));
  for (const auto& [model, price] : import.prices.models) {
    PriceOrder order{.model = model,
                     .prompt = gateway::price_text(price.prompt),
                     .cached = gateway::price_text(price.cached),
                     .completion = gateway::price_text(price.completion),
                     .currency = import.prices.currency};
    INSULA_CO_TRY_VOID(co_await set_price(client, std::move(order)));
  }
  co_return Result<>{};
}

}  // namespace insula::cli
