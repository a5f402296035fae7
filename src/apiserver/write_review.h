#pragma once

#include <memory>
#include <optional>

#include "apiserver/admission_remarks.h"
#include "apiserver/admission_request.h"
#include "apiserver/object.h"
#include "apiserver/reinvocation.h"
#include "apiserver/write_admission.h"
#include "async/task.h"
#include "base/error.h"
#include "store/store.h"

namespace insula::apiserver {

/// What policies and webhooks have said about one write so far.
///
/// Policies are evaluated within the write's transaction. Webhooks take time, in which nobody else
/// may have to wait: when some are to be asked the transaction is given up, they are asked, and the
/// write begins anew with what they have made of the object. So it does with what policies have
/// made of it, for which the server's own admission has to come again. What they have said holds as
/// long as the object that is there is the same.
///
/// Who changes objects goes first: policies, then webhooks, and both once more where somebody else
/// has changed the object after them and they want that.
///
/// Lifetime: admission and timer outlive it.
/// Why: docs/decisions/0042-webhooks.md, docs/decisions/0025-mutating-policies.md.
class WriteReview {
 public:
  WriteReview(WriteAdmission& admission, AdmissionRemarks remarks, AdmissionTimer& timer)
      : admission_(admission), remarks_(remarks), timer_(timer) {}

  /// At the beginning of a transaction: the object that is there has this revision, 0 for none.
  void begin(store::Revision present);

  /// A copy of the object as policies and webhooks have left it last; null when the write has to
  /// make it from what was sent.
  [[nodiscard]] Object admitted(const api::TypeInfo& type) const;

  /// What `request` is about, kept alive while webhooks are asked. `may_patch`: its object is of
  /// the stored kind and can be changed.
  struct Subject {
    const AdmissionRequest& request;
    ConstObject object;
    ConstObject old;
    bool may_patch = false;
  };

  /// Errors: of policies; any, when the write must begin anew or mutating webhooks must be asked
  /// first; then is_waiting().
  Result<> mutate(const store::Transaction& transaction, const Subject& subject);
  /// Errors: of policies; any, when validating webhooks must be asked first; then is_waiting().
  Result<> validate(const store::Transaction& transaction, const Subject& subject);

  [[nodiscard]] bool is_waiting() const { return question_ != nullptr || begins_anew_; }

  /// Asks whom the transaction waits for, if anybody. Errors: of webhooks. Requires: is_waiting().
  Task<Result<>> ask();

 private:
  /// How far it is. In each of two rounds it is the turn of policies, then of webhooks that change
  /// the object, until these were asked; then of webhooks that check it.
  enum class Stage : std::uint8_t { kPolicies, kWebhooks, kAsked, kMutated, kValidated };

  Result<> apply_policies(const store::Transaction& transaction, const Subject& subject);
  Result<> wait_for(std::vector<WebhookCall> calls,
                    const store::Transaction& transaction,
                    const Subject& subject,
                    bool mutating);

  WriteAdmission& admission_;
  AdmissionRemarks remarks_;
  AdmissionTimer& timer_;
  Stage stage_ = Stage::kPolicies;
  Reinvocation reinvocation_;
  bool begins_anew_ = false;
  bool asks_mutating_ = false;  // the question is about changes
  store::Revision present_ = 0;
  ConstObject object_;  // null before anybody was asked, and when it cannot be changed
  std::unique_ptr<WebhookQuestion> question_;
};

}  // namespace insula::apiserver
