#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "api/gen/meta_v1.h"
#include "apiserver/admission_request.h"
#include "apiserver/admission_times.h"
#include "apiserver/field_ownership.h"
#include "apiserver/quota.h"
#include "apiserver/registry.h"
#include "apiserver/write_review.h"

namespace insula::apiserver {

/// `target` is of the stored kind; `requested` is the version of it that the writer speaks.
/// A scale is a change of the object itself, and yet somebody may ask about scales alone.
///
/// Lifetime: context and ownership outlive it.
struct Registry::Write {
  Write(Target about,
        const api::Kind& version,
        const WriteContext& circumstances,
        const Ownership& owners,
        WriteAdmission& admission)
      : target(std::move(about)),
        requested(version),
        subresource(target.subresource),
        context(circumstances),
        ownership(owners),
        timer(admission.times()),
        review(admission, circumstances.remarks(), timer) {}

  [[nodiscard]] bool is_scale() const { return subresource == "scale"; }

  /// What follows from such a write is decided by its subresource alone.
  [[nodiscard]] bool has_own_rules() const {
    return subresource == "binding" || subresource == "finalize";
  }

  [[nodiscard]] AdmissionRequest request(AdmissionOperation operation, std::string name) const {
    return {.operation = operation,
            .resource = *target.kind,
            .requested = requested,
            .subresource = subresource,
            .name_space = target.name_space,
            .name = std::move(name),
            .user = context.user,
            .dry_run = context.dry_run,
            .field_manager = context.field_manager};
  }

  // Parts of admission, which are timed.
  Result<> check_namespace(const store::Transaction& transaction, const api::ObjectMeta& meta);
  Result<> check_security(const store::Transaction& transaction,
                          const void* object,
                          const void* present);
  Result<> charge(store::Transaction& transaction, const QuotaWrite& change);

  Target target;
  const api::Kind& requested;
  std::string subresource;
  const WriteContext& context;
  const Ownership& ownership;
  AdmissionTimer timer;
  WriteReview review;
};

}  // namespace insula::apiserver
