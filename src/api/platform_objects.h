#pragma once

namespace insula::api {

// The objects in which Insula keeps what is its own: written by administrators' commands, read by
// the gateway.

inline constexpr const char* kSystemNamespace = "insula-system";

/// The group of a tenant's members is this and the Tenant's name.
inline constexpr const char* kTenantGroupPrefix = "insula:tenant:";

/// The ClusterRole that they have in the tenant's namespaces.
inline constexpr const char* kTenantMemberRole = "insula:tenant-member";

/// Type of the Secrets that hold the hash of an API key.
inline constexpr const char* kApiKeyType = "insula.dev/api-key";

/// Optional entries of such a Secret: until when it is good (RFC 3339), the models it is for, with
/// commas between them, and its limits and budget, which hold beside those of its tenant.
inline constexpr const char* kApiKeyExpiresEntry = "expires";
inline constexpr const char* kApiKeyModelsEntry = "models";
inline constexpr const char* kApiKeyRequestsPerHourEntry = "requestsPerHour";
inline constexpr const char* kApiKeyTokensPerMinuteEntry = "tokensPerMinute";
inline constexpr const char* kApiKeyConcurrentRequestsEntry = "concurrentRequests";
inline constexpr const char* kApiKeyTokensPerDayEntry = "tokensPerDay";
inline constexpr const char* kApiKeyTokensPerMonthEntry = "tokensPerMonth";
inline constexpr const char* kApiKeySpendPerDayEntry = "spendPerDay";
inline constexpr const char* kApiKeySpendPerMonthEntry = "spendPerMonth";

/// Who signs the tokens of ServiceAccounts, and the audience of those for the API server. Tokens
/// say it, so another name would end them all.
inline constexpr const char* kServiceAccountIssuer = "https://kubernetes.default.svc.cluster.local";

/// The Secret in kSystemNamespace that holds the key of the built-in token issuer, and the one with
/// its public half, which is all the gateway may read.
inline constexpr const char* kTokenIssuer = "token-issuer";
inline constexpr const char* kTokenIssuerPublic = "token-issuer-public";
inline constexpr const char* kPrivateKeyEntry = "private.pem";
inline constexpr const char* kPublicKeyEntry = "public.pem";

/// The ConfigMap in kSystemNamespace that says what models cost, and its entry, a text in YAML.
inline constexpr const char* kModelPrices = "model-prices";
inline constexpr const char* kModelPricesEntry = "prices.yaml";

}  // namespace insula::api
