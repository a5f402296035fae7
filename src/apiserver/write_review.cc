#include "apiserver/write_review.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "api/gen/meta_v1.h"
#include "apiserver/policy_scope.h"
#include "async/loop.h"

namespace insula::apiserver {

namespace {

/// Adds the time for which it lives.
class Wait {
 public:
  explicit Wait(std::chrono::nanoseconds* sum) : sum_(sum), began_(Loop::current().now()) {}

  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  ~Wait() {
    if (sum_ != nullptr) *sum_ += Loop::current().now() - began_;
  }

 private:
  std::chrono::nanoseconds* sum_;
  SteadyTime began_;
};

/// Whether the server's own admission has made something else of an object. Its generation is
/// counted once all have had their say.
bool is_changed(const api::Kind& kind, const void* before, const void* after) {
  const Object copy = copy_object(kind.type, after);
  kind.metadata(copy.get()).generation = kind.metadata(before).generation;
  return !kind.type.ops.equal(before, copy.get());
}

}  // namespace

void WriteReview::begin(store::Revision present) {
  if (present == present_) return;
  present_ = present;
  stage_ = Stage::kPolicies;
  reinvocation_ = {};
  object_ = nullptr;
}

Object WriteReview::admitted(const api::TypeInfo& type) const {
  return object_ == nullptr ? nullptr : copy_object(type, object_.get());
}

Result<> WriteReview::mutate(const store::Transaction& transaction, const Subject& subject) {
  while (stage_ < Stage::kMutated) {
    if (stage_ == Stage::kPolicies) {
      stage_ = Stage::kWebhooks;
      INSULA_TRY_VOID(apply_policies(transaction, subject));
    }
    if (stage_ == Stage::kWebhooks) {
      stage_ = Stage::kAsked;
      std::vector<WebhookCall> calls =
          admission_.webhooks().index().find(transaction, subject.request, true);
      const bool any = std::ranges::any_of(calls, [this](const WebhookCall& call) {
        return reinvocation_.wants(call.webhook->key());
      });
      if (any) return wait_for(std::move(calls), transaction, subject, true);
    }
    stage_ = reinvocation_.begin_again() ? Stage::kPolicies : Stage::kMutated;
  }
  return {};
}

Result<> WriteReview::apply_policies(const store::Transaction& transaction,
                                     const Subject& subject) {
  const api::Kind& kind = subject.request.resource;
  if (object_ != nullptr && is_changed(kind, object_.get(), subject.object.get()))
    reinvocation_.changed();
  ConstObject object;
  INSULA_TRY_VOID(timer_.run(AdmissionPlugin::kMutatingPolicy, [&]() -> Result<> {
    INSULA_TRY(object,
               admission_.mutations().mutate(
                   transaction, {subject.request, subject.may_patch ? subject.object : nullptr},
                   reinvocation_));
    return {};
  }));
  if (!subject.may_patch || object == subject.object) return {};
  object_ = std::move(object);
  begins_anew_ = true;
  return fail(ErrorCode::kInternal, "the write begins anew with what policies have made of it");
}

Result<> WriteReview::validate(const store::Transaction& transaction, const Subject& subject) {
  INSULA_TRY_VOID(timer_.run(AdmissionPlugin::kValidatingPolicy, [&] {
    return admission_.policies().validate(transaction, subject.request, remarks_);
  }));
  if (stage_ == Stage::kValidated) return {};
  std::vector<WebhookCall> calls =
      admission_.webhooks().index().find(transaction, subject.request, false);
  if (calls.empty()) return {};
  return wait_for(std::move(calls), transaction, subject, false);
}

Result<> WriteReview::wait_for(std::vector<WebhookCall> calls,
                               const store::Transaction& transaction,
                               const Subject& subject,
                               bool mutating) {
  question_ = std::make_unique<WebhookQuestion>(
      WebhookQuestion{.request = subject.request,
                      .object = subject.object,
                      .old = subject.old,
                      .name_space = namespace_of(transaction, subject.request),
                      .calls = std::move(calls),
                      .may_patch = subject.may_patch,
                      .remarks = remarks_});
  asks_mutating_ = mutating;
  return fail(ErrorCode::kInternal, "webhooks are to be asked first");
}

Task<Result<>> WriteReview::ask() {
  begins_anew_ = false;
  const std::unique_ptr<WebhookQuestion> question = std::move(question_);
  if (question == nullptr) co_return Result<>{};
  const Wait wait(remarks_.waited);
  const SteadyTime began = Loop::current().now();
  if (asks_mutating_) {
    const Result<ConstObject> object =
        co_await admission_.webhooks().mutate(*question, reinvocation_);
    timer_.record(AdmissionPlugin::kMutatingWebhook, Loop::current().now() - began, !object);
    if (!object) co_return std::unexpected(object.error());
    question->object = *object;
  } else {
    const Result<> asked = co_await admission_.webhooks().validate(*question);
    timer_.record(AdmissionPlugin::kValidatingWebhook, Loop::current().now() - began, !asked);
    INSULA_CO_TRY_VOID(asked);
    stage_ = Stage::kValidated;
  }
  if (question->may_patch) object_ = question->object;
  co_return Result<>{};
}

}  // namespace insula::apiserver
