#pragma once

#include "apiserver/request_info.h"
#include "apiserver/user.h"
#include "base/error.h"
#include "http/message.h"
#include "net/stream.h"
#include "store/store.h"

namespace insula::apiserver {

/// Who is behind a verified client certificate: its CN is the user, its Os the groups.
/// Errors: kUnauthenticated without one, or with a bearer token, which this server does not know
/// yet.
[[nodiscard]] Result<User> authenticate(const net::TlsPeer* peer, std::string_view authorization);

/// Decides by fixed identities; everything else is refused:
///
///   system:masters            everything
///   system:nodes              reads what pods need, writes pods' status, nodes, leases, events
///   insula:gateway            reads tenants and what routes are made of; of Secrets only API keys,
///   the
///                             public key of the token issuer, and those that a Tenant's `jwt`
///                             names
///   insula:tenant:T           in the namespaces that Tenant T controls, what Kubernetes' `admin`
///   role
///                             allows: workloads and their configuration, no quotas, no limits;
///                             reads T
///   insula:metrics            /metrics and /metrics/node
///   any authenticated user    discovery, OpenAPI, version
///   anybody                   health
///
/// Whose a namespace is, its controlling owner says, never a label.
/// Errors: kForbidden in Kubernetes' words.
[[nodiscard]] Result<> authorize(const User& user,
                                 const RequestInfo& request,
                                 const store::Store& store);

/// Impersonation is not served yet, and a request that asks for it must not run as somebody else:
/// kForbidden when there is an `Impersonate-` header.
[[nodiscard]] Result<> refuse_impersonation(const http::Headers& headers);

/// Paths that need no identity.
[[nodiscard]] bool is_public(const RequestInfo& request);

}  // namespace insula::apiserver
