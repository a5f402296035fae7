#pragma once

#include <string>
#include <string_view>

#include "apiserver/user.h"
#include "store/store.h"

namespace insula::apiserver {

/// The Tenant that controls a namespace; empty for none, and for a namespace that is not there.
[[nodiscard]] std::string tenant_of_namespace(std::string_view name_space,
                                              const store::Store& store);
[[nodiscard]] std::string tenant_of_namespace(std::string_view name_space,
                                              const store::Transaction& transaction);

/// The Tenant whose share of the server a caller uses: the one that it is a member of (the group
/// `insula:tenant:NAME`), or that controls the namespace of its ServiceAccount. Empty for none.
[[nodiscard]] std::string tenant_of_caller(const User& caller, const store::Store& store);

}  // namespace insula::apiserver
