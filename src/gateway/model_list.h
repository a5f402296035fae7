#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "gateway/api_key.h"
#include "gateway/snapshot.h"

namespace insula::gateway {

/// Whether the gateway itself says which models there are; otherwise the tenant's server does.
/// `grant`: of the caller's key; may be null.
[[nodiscard]] bool has_model_list(const Tenant& tenant, const ApiKeyGrant* grant);

/// What a tenant's list of models answers to GET /v1/models and /v1/models/NAME, in OpenAI's form.
/// A key that is for some models sees those. Requires: has_model_list().
///
/// `name`: of the model that is asked for, as it is in the path; empty: all. `grant`: may be null.
/// Errors: kNotFound, for the client to read.
[[nodiscard]] Result<std::string> list_models(const Tenant& tenant,
                                              const ApiKeyGrant* grant,
                                              std::string_view name);

/// What a client is told that asks for a model that is not there.
[[nodiscard]] std::unexpected<Error> no_such_model(const Tenant& tenant, std::string_view name);

}  // namespace insula::gateway
