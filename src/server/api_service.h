#pragma once

#include "async/task.h"
#include "base/error.h"
#include "client/client.h"
#include "net/address.h"

namespace insula::server {

/// The Service `kubernetes` of the namespace `default`, and Endpoints that say where the API server
/// is reached: what clients inside a cluster look for. They follow the address from start to start.
/// A loopback address is nothing to others, and then there are no Endpoints.
///
/// `api`: where the API server listens, by the address that others reach it at.
Task<Result<>> ensure_api_service(client::Client& client, net::Address api);

}  // namespace insula::server
