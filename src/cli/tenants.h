#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/gen/insula_v1alpha1.h"
#include "async/task.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/budget_options.h"
#include "client/client.h"

namespace insula::cli {

/// What `insula tenant create` was told.
struct TenantRequest {
  std::string name;
  std::optional<long> gpus;
  std::string memory;  // quantities; empty: not limited
  std::string cpu;
  std::optional<long> requests_per_hour;
  std::optional<long> tokens_per_minute;
  std::optional<long> concurrent_requests;
  BudgetOptions budget;
  std::string serve;  // image of a model server; empty: none is run
  std::optional<long> replicas;
  std::string model;
};

/// The object that a request asks for. Errors: kInvalid, naming the flag.
[[nodiscard]] Result<api::Tenant> tenant_of(const TenantRequest& request);

/// Creates the tenant and waits until its model answers, or until `deadline` when it has one.
/// Errors: kAlreadyExists; kTimeout, with what the tenant is waiting for.
Task<Result<api::Tenant>> create_tenant(client::Client& client,
                                        api::Tenant tenant,
                                        Deadline deadline);

/// As create_tenant(), and one that is there already is left as it is.
Task<Result<api::Tenant>> ensure_tenant(client::Client& client,
                                        api::Tenant tenant,
                                        Deadline deadline);

/// Changes the limits and budgets that the request gives and leaves everything else as it is.
/// Errors: kNotFound; kInvalid, naming the flag.
Task<Result<api::Tenant>> set_tenant(client::Client& client, TenantRequest request);

/// Deletes the tenant with all it owns and waits until it is gone.
Task<Result<>> delete_tenant(client::Client& client, std::string name, Deadline deadline);

}  // namespace insula::cli
