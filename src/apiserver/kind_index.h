#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "api/custom/custom_kinds.h"
#include "api/custom/kind_catalog.h"
#include "store/store.h"

namespace insula::apiserver {

/// The kinds that the stored CustomResourceDefinitions define, beside those that are built in.
///
/// Mirrors the definitions by a watch that is read before each answer, as RbacIndex does: a kind is
/// there from the moment that its definition is visible. Lifetime: the store outlives it. Threads:
/// the store's loop.
class KindIndex final : public api::KindCatalog {
 public:
  explicit KindIndex(store::Store& store) : store_(store) {}

  [[nodiscard]] std::span<const api::Kind* const> served() override;
  [[nodiscard]] std::span<const api::Kind* const> stored() override;
  [[nodiscard]] std::uint64_t generation() override;

 private:
  void refresh();
  void rebuild();
  void apply(const store::Entry& entry);

  store::Store& store_;
  std::optional<store::Watch> watch_;  // nothing before the first question
  api::CustomKinds kinds_;
};

}  // namespace insula::apiserver
