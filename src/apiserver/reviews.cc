#include "apiserver/reviews.h"

#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/field_errors.h"
#include "api/gen/authentication_v1.h"
#include "api/gen/authorization_v1.h"
#include "api/gen/meta_v1.h"
#include "api/invalid.h"
#include "apiserver/component_rights.h"
#include "apiserver/refusals.h"
#include "base/check.h"

namespace insula::apiserver {

namespace {

Result<> verdict(const api::Kind& kind, api::FieldErrors errors) {
  if (errors.empty()) return {};
  return std::unexpected(api::invalid(kind.kind, kind.group, "", std::move(errors).take()));
}

/// A question has no name and no labels; a LocalSubjectAccessReview has a namespace.
void check_metadata(api::ObjectMeta metadata, api::FieldErrors& errors) {
  metadata.managed_fields.clear();
  metadata.namespace_.clear();
  if (metadata == api::ObjectMeta{}) return;
  errors.invalid(api::FieldPath("metadata"), api::ShownValue::json("{...}"), "must be empty");
}

/// Exactly one of the two kinds of attributes.
template <class Spec>
void check_attributes(const Spec& spec, api::FieldErrors& errors) {
  const api::FieldPath path("spec");
  if (spec.resource_attributes && spec.non_resource_attributes) {
    errors.invalid(path.child("nonResourceAttributes"), api::ShownValue::json("{...}"),
                   "cannot be specified in combination with resourceAttributes");
  }
  if (!spec.resource_attributes && !spec.non_resource_attributes) {
    errors.invalid(path.child("resourceAttributes"), api::ShownValue::json("null"),
                   "exactly one of nonResourceAttributes or resourceAttributes must be specified");
  }
}

void check_subject(const api::SubjectAccessReviewSpec& spec, api::FieldErrors& errors) {
  check_attributes(spec, errors);
  if (spec.user.empty() && spec.groups.empty()) {
    errors.invalid(api::FieldPath("spec").child("user"), "",
                   "at least one of user or group must be specified");
  }
}

/// Requirements in the form of a query. What no query can say is left out: it would only narrow.
std::string selector_text(const api::FieldSelectorAttributes& selector) {
  if (selector.requirements.empty()) return selector.raw_selector;
  std::string text;
  for (const api::FieldSelectorRequirement& rule : selector.requirements) {
    if (rule.operator_ != "In" || rule.values.size() != 1) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", rule.key, rule.values.front());
  }
  return text;
}

RequestInfo request_of(const api::ResourceAttributes& attributes) {
  RequestInfo info;
  info.is_resource = true;
  info.verb = attributes.verb;
  info.group = attributes.group;
  info.version = attributes.version;
  info.name_space = attributes.namespace_;
  info.resource = attributes.resource;
  info.subresource = attributes.subresource;
  info.name = attributes.name;
  if (attributes.field_selector) info.field_selector = selector_text(*attributes.field_selector);
  return info;
}

template <class Spec>
RequestInfo request_of(const Spec& spec) {
  if (spec.resource_attributes) return request_of(*spec.resource_attributes);
  RequestInfo info;
  info.verb = spec.non_resource_attributes->verb;
  info.path = spec.non_resource_attributes->path;
  return info;
}

api::SubjectAccessReviewStatus status_of(Decision decision) {
  api::SubjectAccessReviewStatus status;
  status.allowed = decision.allowed;
  status.reason = std::move(decision.reason);
  return status;
}

User user_of(const api::SubjectAccessReviewSpec& spec) {
  return {spec.user, spec.groups, spec.uid, spec.extra};
}

api::UserInfo info_of(const User& user) {
  api::UserInfo info;
  info.username = user.name;
  info.uid = user.uid;
  info.groups = user.groups;
  info.extra = user.extra;
  return info;
}

Result<> answer(Authorizer& authorizer,
                const Reviewer& reviewer,
                api::SelfSubjectAccessReview& review) {
  api::FieldErrors errors;
  check_metadata(review.metadata, errors);
  check_attributes(review.spec, errors);
  INSULA_TRY_VOID(verdict(api::kind_of<api::SelfSubjectAccessReview>(), std::move(errors)));
  review.status = status_of(authorizer.decide(reviewer.user, request_of(review.spec)));
  return {};
}

Result<> answer(Authorizer& authorizer, const Reviewer&, api::SubjectAccessReview& review) {
  api::FieldErrors errors;
  check_metadata(review.metadata, errors);
  check_subject(review.spec, errors);
  INSULA_TRY_VOID(verdict(api::kind_of<api::SubjectAccessReview>(), std::move(errors)));
  review.status = status_of(authorizer.decide(user_of(review.spec), request_of(review.spec)));
  return {};
}

Result<> answer(Authorizer& authorizer,
                const Reviewer& reviewer,
                api::LocalSubjectAccessReview& review) {
  if (!review.metadata.namespace_.empty() && review.metadata.namespace_ != reviewer.name_space)
    return wrong_namespace();
  review.metadata.namespace_ = reviewer.name_space;
  api::FieldErrors errors;
  check_metadata(review.metadata, errors);
  check_subject(review.spec, errors);
  const api::FieldPath path("spec");
  if (review.spec.non_resource_attributes) {
    errors.invalid(path.child("nonResourceAttributes"), api::ShownValue::json("{...}"),
                   "disallowed on this kind of request");
  }
  if (review.spec.resource_attributes &&
      review.spec.resource_attributes->namespace_ != reviewer.name_space) {
    errors.invalid(path.child("resourceAttributes").child("namespace"),
                   review.spec.resource_attributes->namespace_, "must match metadata.namespace");
  }
  INSULA_TRY_VOID(verdict(api::kind_of<api::LocalSubjectAccessReview>(), std::move(errors)));
  review.status = status_of(authorizer.decide(user_of(review.spec), request_of(review.spec)));
  return {};
}

Result<> answer(Authorizer& authorizer,
                const Reviewer& reviewer,
                api::SelfSubjectRulesReview& review) {
  const std::string& name_space = review.spec.namespace_;
  if (name_space.empty()) return fail(ErrorCode::kBadRequest, "no namespace on request");
  review.status = {};
  for (const api::PolicyRule* rule : authorizer.rules_of(reviewer.user, name_space)) {
    if (!rule->resources.empty()) {
      review.status.resource_rules.push_back(
          {rule->verbs, rule->api_groups, rule->resources, rule->resource_names});
    }
    if (!rule->non_resource_urls.empty())
      review.status.non_resource_rules.push_back({rule->verbs, rule->non_resource_urls});
  }
  if (is_component(reviewer.user)) {
    review.status.incomplete = true;
    review.status.evaluation_error =
        "the rights of Insula's own components are not all rules and are not listed";
  }
  return {};
}

Result<> answer(Authorizer&, const Reviewer& reviewer, api::SelfSubjectReview& review) {
  review.metadata.creation_timestamp = api::Time::from(reviewer.now);
  review.status.user_info = info_of(reviewer.user);
  return {};
}

Result<> answer(Authorizer&, const Reviewer& reviewer, api::TokenReview& review) {
  if (review.spec.token.empty())
    return fail(ErrorCode::kBadRequest, "token is required for TokenReview in authentication");
  review.status = {};
  constexpr std::string_view kRefusal = "invalid bearer token";
  if (reviewer.tokens == nullptr) {
    review.status.error = kRefusal;
    return {};
  }
  const auto found =
      reviewer.tokens->verify(review.spec.token, review.spec.audiences, reviewer.now);
  if (!found) {
    review.status.error = fmt::format("[{}, {}]", kRefusal, found.error().message());
    return {};
  }
  review.status.authenticated = true;
  review.status.user = info_of(found->user);
  review.status.audiences = found->audiences;
  return {};
}

template <class Review>
bool answer_if(Authorizer& authorizer,
               const Reviewer& reviewer,
               const api::Kind& kind,
               void* object,
               Result<>& outcome) {
  if (&kind != &api::kind_of<Review>()) return false;
  outcome = answer(authorizer, reviewer, *static_cast<Review*>(object));
  return true;
}

template <class... Reviews>
Result<> answer_one_of(Authorizer& authorizer,
                       const Reviewer& reviewer,
                       const api::Kind& kind,
                       void* object) {
  Result<> outcome;
  const bool known = (answer_if<Reviews>(authorizer, reviewer, kind, object, outcome) || ...);
  INSULA_CHECK(known, kind.kind);
  return outcome;
}

}  // namespace

Result<> answer_review(Authorizer& authorizer,
                       const Reviewer& reviewer,
                       const api::Kind& kind,
                       void* object) {
  return answer_one_of<api::SelfSubjectAccessReview, api::SubjectAccessReview,
                       api::LocalSubjectAccessReview, api::SelfSubjectRulesReview,
                       api::SelfSubjectReview, api::TokenReview>(authorizer, reviewer, kind,
                                                                 object);
}

}  // namespace insula::apiserver
