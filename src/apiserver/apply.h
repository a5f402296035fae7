#pragma once

#include <string>
#include <string_view>

#include "apiserver/field_ownership.h"
#include "apiserver/registry.h"
#include "base/error.h"
#include "json/value.h"

namespace insula::apiserver {

/// A configuration as it was sent for server-side apply.
struct Application {
  json::Value config;
  /// Fields that others own are taken over.
  bool force = false;
};

/// Reads a configuration: YAML or JSON. A key given twice is refused.
/// Errors: kBadRequest.
[[nodiscard]] Result<json::Value> parse_configuration(std::string_view body);

/// One server-side apply, on its way to a stored kind.
///
/// It is its own Ownership: the object that it makes says already who owns what.
/// Lifetime: the kind is the process'.
class Applier final : public Ownership {
 public:
  /// `subresource` is status or scale, or empty. `kind` may be a version of what is stored.
  /// Errors: kBadRequest for a configuration that is not of the target or tells managedFields.
  [[nodiscard]] static Result<Applier> make(const Target& target,
                                            Application application,
                                            std::string manager,
                                            WallTime now);

  Applier(Applier&&) = default;
  ~Applier() override = default;

  /// The object that is stored for the first time.
  /// Errors: kConflict, kNotFound when the configuration is about an object that is no more.
  [[nodiscard]] Result<Object> create() const;

  /// The object as it is to be; equal to `present` when nothing changes.
  /// Errors: kConflict with a cause for each field that another owns; kBadRequest.
  [[nodiscard]] Result<Object> change(const ConstObject& present) const;

  void created(const api::Kind&, void*) const override {}

  void changed(const api::Kind&, void*, const void*) const override {}

 private:
  Applier(const api::Kind& kind, api::FieldWriter writer, WallTime now)
      : kind_(&kind), writer_(std::move(writer)), now_(now) {}

  Result<> check_config(const Target& target);
  Result<Object> decode(const json::Value& merged) const;
  json::Value merged(const json::Value& live,
                     const api::ManagedFields& managers,
                     const api::FieldSet& fields) const;
  Result<> settle_conflicts(const json::Value& live,
                            const api::ManagedFields& managers,
                            const api::Comparison& change) const;

  const api::Kind* kind_;  // as stored
  api::FieldWriter writer_;
  WallTime now_;
  json::Value config_;        // in the form of a merge, of the stored kind
  std::string last_applied_;  // as sent, for kubectl's annotation
  api::FieldSet fields_;      // that config_ sets
  bool force_ = false;
};

}  // namespace insula::apiserver
