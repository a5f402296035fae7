#include "apiserver/write_review.h"

#include <utility>

#include "api/gen/core_v1.h"
#include "json/parse.h"

namespace insula::apiserver {

void WriteReview::begin(store::Revision present) {
  if (present == present_) return;
  present_ = present;
  stage_ = Stage::kNew;
  object_ = nullptr;
}

Object WriteReview::admitted(const api::TypeInfo& type) const {
  return object_ == nullptr ? nullptr : copy_object(type, object_.get());
}

Result<> WriteReview::mutate(const store::Transaction& transaction, const Subject& subject) {
  if (stage_ != Stage::kNew) return {};
  return wait_for(admission_.webhooks().index().find(transaction, subject.request, true),
                  transaction, subject, Stage::kMutated);
}

Result<> WriteReview::validate(const store::Transaction& transaction, const Subject& subject) {
  INSULA_TRY_VOID(admission_.policies().validate(transaction, subject.request, remarks_));
  if (stage_ == Stage::kValidated) return {};
  return wait_for(admission_.webhooks().index().find(transaction, subject.request, false),
                  transaction, subject, Stage::kValidated);
}

Result<> WriteReview::wait_for(std::vector<WebhookCall> calls,
                               const store::Transaction& transaction,
                               const Subject& subject,
                               Stage next) {
  if (calls.empty()) return {};
  const AdmissionRequest& request = subject.request;
  json::Value name_space;
  if (request.resource.namespaced) {
    const store::EntryPtr entry =
        transaction.find(store_key(api::kind_of<api::Namespace>(), "", request.name_space));
    if (entry) name_space = json::parse(entry->value).value_or(json::Value());
  }
  question_ = std::make_unique<WebhookQuestion>(WebhookQuestion{.request = request,
                                                                .object = subject.object,
                                                                .old = subject.old,
                                                                .name_space = std::move(name_space),
                                                                .calls = std::move(calls),
                                                                .may_patch = subject.may_patch,
                                                                .remarks = remarks_});
  next_ = next;
  return fail(ErrorCode::kInternal, "webhooks are to be asked first");
}

Task<Result<>> WriteReview::ask() {
  const std::unique_ptr<WebhookQuestion> question = std::move(question_);
  if (next_ == Stage::kMutated) {
    INSULA_CO_TRY(const ConstObject object, co_await admission_.webhooks().mutate(*question));
    question->object = object;
  } else {
    INSULA_CO_TRY_VOID(co_await admission_.webhooks().validate(*question));
  }
  stage_ = next_;
  if (question->may_patch) object_ = question->object;
  co_return Result<>{};
}

}  // namespace insula::apiserver
