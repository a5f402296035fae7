#include "api/validation/admission.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "api/validation/admission_rules.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

constexpr std::int32_t kTimeoutMax = 30;
constexpr std::string_view kUrlForm = "; desired format: https://host[/path]";

/// A domain of at least three labels.
void validate_full_name(const std::string& name, const FieldPath& path, FieldErrors& errors) {
  if (name.empty()) return errors.required(path);
  const Complaints complaints = check_dns1123_subdomain(name);
  errors.invalid_each(path, name, complaints);
  if (complaints.empty() && std::ranges::count(name, '.') < 2)
    errors.invalid(path, name, "should be a domain with at least three segments separated by dots");
}

void validate_url(const std::string& url, const FieldPath& path, FieldErrors& errors) {
  const auto refuse = [&](std::string_view shown, std::string_view why) {
    errors.invalid(path, shown, fmt::format("{}{}", why, kUrlForm));
  };
  const std::size_t colon = url.find("://");
  const std::string_view scheme =
      colon == std::string::npos ? std::string_view() : std::string_view(url).substr(0, colon);
  if (scheme != "https") refuse(scheme, "'https' is the only allowed URL scheme");
  const std::string_view rest =
      std::string_view(url).substr(colon == std::string::npos ? 0 : colon + 3);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  const std::size_t user = authority.rfind('@');
  const std::string_view host =
      user == std::string_view::npos ? authority : authority.substr(user + 1);
  if (host.empty()) refuse(host, "host must be specified");
  if (user != std::string_view::npos)
    refuse(authority.substr(0, user), "user information is not permitted in the URL");
  const std::size_t fragment = rest.find('#');
  if (fragment != std::string_view::npos)
    refuse(rest.substr(fragment + 1), "fragments are not permitted in the URL");
  const std::size_t query = rest.substr(0, fragment).find('?');
  if (query != std::string_view::npos)
    refuse(rest.substr(0, fragment).substr(query + 1),
           "query parameters are not permitted in the URL");
}

void validate_service(const ServiceReference& service, const FieldPath& path, FieldErrors& errors) {
  if (service.name.empty()) errors.required(path.child("name"), "service name is required");
  if (service.namespace_.empty())
    errors.required(path.child("namespace"), "service namespace is required");
  const std::int32_t port = service.port.value_or(1);
  if (!check_port_number(port).empty()) {
    errors.invalid(path.child("port"), port,
                   "port is not valid: must be between 1 and 65535, inclusive");
  }
  if (!service.path || service.path->empty()) return;
  const FieldPath at = path.child("path");
  const std::string& text = *service.path;
  if (!text.starts_with('/')) return errors.invalid(at, text, "must start with a '/'");
  if (text.size() > 1 && text.find("//") != std::string::npos)
    errors.invalid(at, text, "segment[0] may not be empty");
  if (text.find_first_of("?# ") != std::string::npos)
    errors.invalid(at, text, "must be a path without query and fragment");
}

void validate_client(const WebhookClientConfig& client,
                     const FieldPath& path,
                     FieldErrors& errors) {
  if (client.url.has_value() == client.service.has_value())
    return errors.required(path, "exactly one of url or service is required");
  if (client.url) validate_url(*client.url, path.child("url"), errors);
  if (client.service) validate_service(*client.service, path.child("service"), errors);
}

/// Of the versions of AdmissionReview this server speaks v1.
void validate_review_versions(const std::vector<std::string>& versions,
                              const FieldPath& path,
                              FieldErrors& errors) {
  if (versions.empty()) return errors.required(path, "must specify one of v1");
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < versions.size(); ++i) {
    if (!seen.insert(versions[i]).second)
      errors.invalid(path.index(i), versions[i], "duplicate version");
  }
  if (!seen.contains("v1"))
    errors.invalid(path, shown_list(versions), "must include at least one of v1");
}

template <class Webhook>
void validate_webhook(const Webhook& webhook, const FieldPath& path, FieldErrors& errors) {
  validate_full_name(webhook.name, path.child("name"), errors);
  for (std::size_t i = 0; i < webhook.rules.size(); ++i)
    validate_rule(webhook.rules[i], path.child("rules").index(i), errors);
  validate_failure_policy(webhook.failure_policy, path.child("failurePolicy"), errors);
  validate_match_policy(webhook.match_policy, path.child("matchPolicy"), errors);
  const FieldPath effects = path.child("sideEffects");
  if (!webhook.side_effects) {
    errors.required(effects, "must specify one of None, NoneOnDryRun");
  } else if (*webhook.side_effects != "None" && *webhook.side_effects != "NoneOnDryRun") {
    errors.not_supported(effects, *webhook.side_effects, {"None", "NoneOnDryRun"});
  }
  const std::int32_t timeout = webhook.timeout_seconds.value_or(1);
  if (timeout < 1 || timeout > kTimeoutMax) {
    errors.invalid(path.child("timeoutSeconds"), timeout,
                   "the timeout value must be between 1 and 30 seconds");
  }
  if (webhook.namespace_selector)
    validate_label_selector(*webhook.namespace_selector, path.child("namespaceSelector"), errors);
  if (webhook.object_selector)
    validate_label_selector(*webhook.object_selector, path.child("objectSelector"), errors);
  validate_client(webhook.client_config, path.child("clientConfig"), errors);
  validate_match_conditions(webhook.match_conditions, path.child("matchConditions"), errors);
  validate_review_versions(webhook.admission_review_versions, path.child("admissionReviewVersions"),
                           errors);
}

template <class Webhook>
void validate_webhooks(const std::vector<Webhook>& webhooks, FieldErrors& errors) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < webhooks.size(); ++i) {
    const FieldPath path = FieldPath("webhooks").index(i);
    validate_webhook(webhooks[i], path, errors);
    const std::string& name = webhooks[i].name;
    if (!name.empty() && !seen.insert(name).second) errors.duplicate(path.child("name"), name);
  }
}

}  // namespace

void validate(const MutatingWebhookConfiguration& object, FieldErrors& errors) {
  validate_webhooks(object.webhooks, errors);
  for (std::size_t i = 0; i < object.webhooks.size(); ++i) {
    const std::string policy = object.webhooks[i].reinvocation_policy.value_or("Never");
    if (policy != "Never" && policy != "IfNeeded") {
      errors.not_supported(FieldPath("webhooks").index(i).child("reinvocationPolicy"), policy,
                           {"IfNeeded", "Never"});
    }
  }
}

void validate(const ValidatingWebhookConfiguration& object, FieldErrors& errors) {
  validate_webhooks(object.webhooks, errors);
}

}  // namespace insula::api
