#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "api/kind.h"

namespace insula::api {

/// The kinds there are at present: those that are built in, and those that
/// CustomResourceDefinitions define. Each call sees the newest of them.
///
/// Kinds live as long as the catalog, also those that are no more: what is at work with one goes
/// on. Threads: one loop.
class KindCatalog {
 public:
  virtual ~KindCatalog() = default;

  /// Every kind with a resource. Valid until the next call.
  [[nodiscard]] virtual std::span<const Kind* const> served() = 0;
  /// One for each resource whose objects are kept, as what they are stored. Valid as served().
  [[nodiscard]] virtual std::span<const Kind* const> stored() = 0;
  /// Grows with every change of the kinds.
  [[nodiscard]] virtual std::uint64_t generation() = 0;

  /// As the functions of kind.h, of these kinds.
  [[nodiscard]] const Kind* find(std::string_view group,
                                 std::string_view version,
                                 std::string_view plural);
  [[nodiscard]] const Kind* find(std::string_view api_version, std::string_view kind);
};

/// The kinds that are built in, and no others.
class BuiltInKinds final : public KindCatalog {
 public:
  [[nodiscard]] std::span<const Kind* const> served() override { return kinds(); }

  [[nodiscard]] std::span<const Kind* const> stored() override { return stored_kinds(); }

  [[nodiscard]] std::uint64_t generation() override { return 0; }
};

}  // namespace insula::api
