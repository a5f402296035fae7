#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace insula::api {

class FieldErrors;
struct Kind;

/// One column of a server-side Table. `format` and `priority` as in Kubernetes'
/// TableColumnDefinition: priority 0 is always shown, 1 only by `kubectl get -o wide`.
struct Column {
  std::string_view name;
  std::string_view type;    // "string", "integer", "boolean" or "date"
  std::string_view format;  // "name" for the column with the name, else empty
  std::string_view description;
  int priority = 0;
};

using Cell = std::variant<std::string, std::int64_t, bool>;

/// A field that `fieldSelector` may name, besides metadata.name and metadata.namespace, which every
/// kind has.
struct SelectableField {
  std::string_view path;
  std::string (*value)(const void* object);
};

/// What names of a kind must look like.
enum class NameRule : std::uint8_t { kDnsSubdomain, kDnsLabel, kPathSegment };

/// What makes one kind different from the others: everything the generic registry must ask.
///
/// Objects are passed as pointers to the kind's generated struct. All functions are pure; the table
/// and everything it points to lives as long as the process. A null function means "nothing to do".
/// Adding a kind is one entry in schema/*.fields, one file in strategies/ and one line in
/// strategies/all.cc.
struct KindStrategy {
  const Kind& (*kind)() = nullptr;
  NameRule name_rule = NameRule::kDnsSubdomain;

  /// Fills what the user left out with what it means. Idempotent.
  void (*set_defaults)(void* object) = nullptr;
  /// Drops what a creator may not set (status) and sets what creation means (phase, generation).
  void (*prepare_for_create)(void* object) = nullptr;
  /// Keeps from `old` what this write may not change: the status of a write to the object itself
  /// (`subresource` empty), everything but the status of a write to "status".
  void (*prepare_for_update)(void* object, const void* old, std::string_view subresource) = nullptr;
  /// Whether the desired state differs; then metadata.generation grows by one. Null: the kind has
  /// no generation.
  bool (*spec_changed)(const void* object, const void* old) = nullptr;

  /// Everything but metadata, which has the same rules for all kinds.
  void (*validate)(const void* object, FieldErrors& errors) = nullptr;
  /// What holds at creation only.
  void (*validate_create)(const void* object, FieldErrors& errors) = nullptr;
  void (*validate_update)(const void* object,
                          const void* old,
                          std::string_view subresource,
                          FieldErrors& errors) = nullptr;
  /// Texts for `Warning: 299` headers of an accepted write.
  std::vector<std::string> (*warnings)(const void* object) = nullptr;

  std::span<const Column> (*columns)() = nullptr;
  /// One cell per column. Ages are counted to `now`.
  std::vector<Cell> (*cells)(const void* object, WallTime now) = nullptr;

  std::span<const SelectableField> selectable_fields;
  /// What is said of a field that is none of them. Null: what is said of most kinds.
  std::string (*unknown_field)(std::string_view field) = nullptr;

  /// Seconds between the request to delete an object and its removal, which then is the work of
  /// whoever stops it (the node agent). Null, or a result of 0: removed at once.
  std::int64_t (*grace_period_seconds)(const void* object,
                                       std::optional<std::int64_t> requested) = nullptr;

  /// Whether an update that names no resourceVersion is taken, whatever is there now.
  bool unconditional_update = true;
  /// Whether an update of what is not there makes it.
  bool create_on_update = false;
  /// Whether the answer to a deletion is the object as it was last, and not a Status.
  bool returns_deleted = false;
};

/// Requires: `kind` is one of kinds() that is stored.
[[nodiscard]] const KindStrategy& strategy_of(const Kind& kind);

/// The four steps of a write, in the order the registry takes them.
///
/// prepare_create: defaults, then what creation means (status dropped, generation 1). The name,
/// also
///                 a generated one, and the namespace must be set before. Idempotent: called again
///                 when admission has filled in more.
/// check_create:   kInvalid with `Kind "name" is invalid: ...` and all causes.
/// prepare_update: defaults, system metadata and the untouched half carried over, generation.
/// check_update:   as check_create, with the rules on what may change.
void prepare_create(const Kind& kind, void* object);
[[nodiscard]] Result<> check_create(const Kind& kind, const void* object);
void prepare_update(const Kind& kind, void* object, const void* old, std::string_view subresource);
[[nodiscard]] Result<> check_update(const Kind& kind,
                                    const void* object,
                                    const void* old,
                                    std::string_view subresource);

/// The text of the field that a field selector names, or nullopt when the kind does not know it
/// (`field label not supported: X`).
[[nodiscard]] std::optional<std::string> selectable_field(const Kind& kind,
                                                          const void* object,
                                                          std::string_view path);
/// Whether selectable_field() knows `path`.
[[nodiscard]] bool is_selectable_field(const Kind& kind, std::string_view path);

}  // namespace insula::api
