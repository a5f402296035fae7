#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "api/custom/custom_kinds.h"
#include "api/custom/kind_catalog.h"
#include "apiserver/store_mirror.h"
#include "store/store.h"

namespace insula::apiserver {

/// Whether a path below `/apis/` is that of a group that is built in.
[[nodiscard]] bool is_of_built_in_group(std::string_view path);

/// The kinds that the stored CustomResourceDefinitions define, beside those that are built in.
///
/// Mirrors the definitions: a kind is there from the moment that its definition is visible.
/// Lifetime: the store outlives it. Threads: the store's loop.
class KindIndex final : public api::KindCatalog, private StoreMirror::Index {
 public:
  explicit KindIndex(store::Store& store);

  [[nodiscard]] std::span<const api::Kind* const> served() override;
  [[nodiscard]] std::span<const api::Kind* const> stored() override;
  [[nodiscard]] std::uint64_t generation() override;

 private:
  void clear() override { kinds_.clear(); }

  void apply(const api::Kind& kind, const store::Entry& entry) override;

  StoreMirror mirror_;
  api::CustomKinds kinds_;
};

}  // namespace insula::apiserver
