#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/kind.h"
#include "apiserver/user.h"
#include "json/value.h"

namespace insula::apiserver {

enum class AdmissionOperation : std::uint8_t { kCreate, kUpdate, kDelete, kConnect };

/// `CREATE` and so on.
[[nodiscard]] std::string_view text_of(AdmissionOperation operation);

/// The object of a write, or the one before it, for those who only know JSON. It is made when it is
/// first asked for, since most writes are nobody's business.
///
/// Lifetime: the object outlives it and does not change meanwhile.
class AdmissionObject {
 public:
  /// There is none.
  AdmissionObject() = default;

  /// `object` is of `kind`, the stored one unless it is the body of a subresource.
  AdmissionObject(const api::Kind& kind, const void* object) : kind_(&kind), object_(object) {}

  /// What is no object of any kind, such as the options of a connection.
  explicit AdmissionObject(json::Value value) : value_(std::move(value)) {}

  [[nodiscard]] bool is_null() const { return object_ == nullptr && value_.is_null(); }

  /// As `kind` shows it: a version of what is stored, or the object's own. Null if there is none.
  [[nodiscard]] const json::Value& as(const api::Kind& kind) const;

  [[nodiscard]] const std::map<std::string, std::string>& labels() const;

 private:
  const api::Kind* kind_ = nullptr;
  const void* object_ = nullptr;
  json::Value value_;
  mutable std::map<const api::Kind*, json::Value> shown_;
};

/// A write, or a connection to a pod, as those see it who have a say about it.
///
/// Lifetime: what it refers to outlives it.
struct AdmissionRequest {
  AdmissionOperation operation;
  /// The resource that is written, as it is stored, and as it was asked for.
  const api::Kind& resource;
  const api::Kind& requested;
  std::string_view subresource;
  std::string name_space;
  std::string name;
  const User& user;
  bool dry_run = false;
  std::string_view field_manager = {};
  AdmissionObject object = {};
  AdmissionObject old = {};

  /// The kind of the objects when the resource is looked at as `version`: that, or the kind of the
  /// subresource's bodies.
  [[nodiscard]] const api::Kind& kind_as(const api::Kind& version) const;

  /// The members of an AdmissionReview's request, but for its uid and the objects. `version` is the
  /// version of the resource as which the reader wants to see it.
  /// Spec: Kubernetes, admission.k8s.io/v1 AdmissionRequest.
  [[nodiscard]] json::Object fields_as(const api::Kind& version) const;
};

}  // namespace insula::apiserver
